"""A server with odd habits: speaks HTTP/1.1 by hand, so that it can also speak it wrongly, and remembers what it saw.

Started with a folder of certificates, or none. It prints the ports that it listens on as one line of JSON: `plain`, and
one for each kind of certificate. Every path takes `?key=...`; what happened under a key is read at `/seen?key=...`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PIECE = 1 << 20


@dataclass
class Seen:
    """What happened under one key."""

    requests: list[dict[str, object]] = field(default_factory=list)
    now: int = 0
    most_at_once: int = 0
    broken_off: int = 0
    bytes_sent: int = 0
    connections: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, object]:
        """Return everything, with connections counted."""
        return {**self.__dict__, "connections": len(self.connections)}


class Vanished(Exception):
    """The handler has cut the connection, or the client has."""


@dataclass
class Exchange:
    """One request, and the means to answer it well or badly."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    method: str
    target: str
    headers: list[tuple[str, str]]
    connection: int
    seen: Seen = field(default_factory=Seen)
    is_answered: bool = False
    keep_alive: bool = True

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = parts.path
        self.pairs = parse_qsl(parts.query, keep_blank_values=True)
        self.query = dict(self.pairs)

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    async def body(self) -> bytes:
        """Read the request's body, however it is framed."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the request's body piece by piece."""
        if self.header("expect") == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in (self.header("transfer-encoding") or ""):
            while size := int((await self.line()).split(b";")[0], 16):
                yield await self.reader.readexactly(size)
                await self.line()
            while (await self.reader.readline()).strip():
                pass
            return
        left = int(self.header("content-length") or 0)
        while left:
            piece = await self.reader.read(min(left, PIECE))
            if not piece:
                raise Vanished
            left -= len(piece)
            yield piece

    async def line(self) -> bytes:
        """Read a line that must come."""
        line = await self.reader.readline()
        if not line:
            raise Vanished
        return line

    async def head(self, status: int = 200, *headers: tuple[str, str], length: int | None = None) -> None:
        """Send the status line and headers; without a length the body must be chunked or end with the connection."""
        self.is_answered = True
        lines = [f"HTTP/1.1 {int(status)} Odd", *(f"{name}: {value}" for name, value in headers)]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self.writer.is_closing():
            raise Vanished
        self.writer.write(data)
        self.seen.bytes_sent += len(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def answer(self, status: int, body: bytes | str, *headers: tuple[str, str]) -> None:
        """Send a whole and correct response."""
        data = body.encode() if isinstance(body, str) else body
        await self.head(status, *headers, length=len(data))
        if self.method != "HEAD":
            await self.send(data)

    async def answer_json(self, value: object, *headers: tuple[str, str]) -> None:
        """Send a JSON document."""
        await self.answer(200, json.dumps(value), ("Content-Type", "application/json"), *headers)

    async def until_the_client_leaves(self) -> None:
        """Wait until the client closes its side."""
        await self.reader.read(1)
        raise Vanished

    def cut(self, *, reset: bool = False) -> None:
        """End the connection at once, with a reset on demand."""
        if reset:
            self.writer.transport.abort()
        raise Vanished


class Server:
    """All listeners, and the memory that they share."""

    def __init__(self) -> None:
        self.memory: dict[str, Seen] = {}
        self.connections = itertools.count()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        connection = next(self.connections)
        try:
            while await self.exchange(reader, writer, connection):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, Vanished):
            pass
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        """Serve one request; say whether another may follow."""
        from tests.io.odd_pages import page_of

        request = (await reader.readline()).decode("latin-1").split()
        if len(request) != 3:
            return False
        headers = []
        while line := (await reader.readline()).decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        exchange = Exchange(reader, writer, request[0], request[1], headers, connection)
        if exchange.method == "CONNECT":
            await self.tunnel(exchange)
            return False
        key = exchange.query.get("key", "-")
        if exchange.path == "/seen":
            await exchange.answer_json(self.memory.get(key, Seen()).as_json())
            return True
        seen = exchange.seen = self.memory.setdefault(key, Seen())
        seen.connections.add(connection)
        seen.requests.append(
            {
                "method": exchange.method,
                "target": exchange.target,
                "headers": headers,
                "time": asyncio.get_running_loop().time(),
            }
        )
        seen.now += 1
        seen.most_at_once = max(seen.most_at_once, seen.now)
        try:
            await page_of(exchange.path)(exchange)
        except (ConnectionError, asyncio.IncompleteReadError, Vanished):
            seen.broken_off += 1
            raise
        finally:
            seen.now -= 1
        return exchange.keep_alive

    async def tunnel(self, exchange: Exchange) -> None:
        """Be a proxy: pass bytes both ways between the client and one of our own secure ports."""
        seen = self.memory.setdefault("tunnels", Seen())
        seen.requests.append({"target": exchange.target, "headers": exchange.headers})
        port = int(exchange.target.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        exchange.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(PIECE):
                sink.write(piece)
                await sink.drain()
            sink.close()

        await asyncio.gather(forward(exchange.reader, writer), forward(reader, exchange.writer), return_exceptions=True)


async def main(chains: list[Path]) -> None:
    """Listen until the process is ended."""
    server = Server()
    contexts: dict[str, ssl.SSLContext | None] = {"plain": None}
    for chain in chains:
        if chain.stem != "authority":
            secure = contexts[chain.stem] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            secure.load_cert_chain(chain)
    async with AsyncExitStack() as stack:
        ports = {}
        for kind, context in contexts.items():
            listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context, backlog=4096)
            await stack.enter_async_context(listener)
            ports[kind] = listener.sockets[0].getsockname()[1]
        print(json.dumps(ports), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(list(Path(sys.argv[1]).glob("*.pem")) if sys.argv[1] else []))
