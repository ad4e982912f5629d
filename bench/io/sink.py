"""A server that swallows what is sent to it, faster than any client sends: `python -m bench.io.sink PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

ROOM = 1 << 20
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sink(asyncio.BufferedProtocol):
    """One connection: reads headers, counts off the body, answers, and begins again."""

    def __init__(self) -> None:
        self.room = bytearray(ROOM)
        self.head = b""
        self.left = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on it."""
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Give the room for what comes next."""
        del sizehint
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what came."""
        if self.left:
            self.left -= nbytes
        else:
            self.head += self.room[:nbytes]
            headers, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.head = b""
            self.left = self.length_of(headers) - len(body)
        if not self.left and self.transport:
            self.transport.write(EMPTY)

    def length_of(self, headers: bytes) -> int:
        """Return the length of the body, after having asked for it where the client waits to be asked."""
        named = dict(line.lower().split(b":", 1) for line in headers.split(b"\r\n")[1:])
        if b"expect" in named and self.transport:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return int(named.get(b"content-length", b"0"))


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
