"""The library's server: Python files of one folder, each answer some milliseconds late, for many clients at once.

`python -m bench.flow.server FOLDER` prints its address and the number of its files, and serves until its input ends,
which it does with whoever started it, however that one ends. `GET /` lists the files, one a line.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import quote, unquote

LATENCY_S = 0.010
BACKLOG = 1024

Answers: TypeAlias = dict[str, bytes]  # the whole answer to each path, headers and all


def answer(body: bytes, kind: str, status: str = "200 OK") -> bytes:
    """Return an answer as it goes over the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


NOT_FOUND = answer(b"no such file\n", "text/plain", "404 Not Found")


def answers_of(folder: Path) -> Answers:
    """Read the Python files of a folder, but no installed packages: no measurement should wait for the disk."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    files = sorted(path.as_posix() for path in paths if "site-packages" not in path.parts)
    answers = {f"/{name}": answer((folder / name).read_bytes(), "text/x-python") for name in files}
    answers["/"] = answer("".join(f"{quote(name)}\n" for name in files).encode(), "text/plain")
    return answers


class Connection(asyncio.Protocol):
    """One client: each of its requests is answered when the latency has passed, in the order of the requests."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._unread = b""
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the requests that have arrived; they have no bodies."""
        *requests, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for request in requests:
            path = unquote(request.split(b" ", 2)[1].decode())
            self._loop.call_later(LATENCY_S, self._send, self._answers.get(path, NOT_FOUND))

    def _send(self, whole: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(whole)


async def serve(folder: Path) -> None:
    """Serve until the input of this process ends."""
    answers = answers_of(folder)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    server = await loop.create_server(lambda: Connection(answers), "127.0.0.1", 0, backlog=BACKLOG)
    loop.add_reader(sys.stdin.fileno(), ended.set)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port} {len(answers) - 1}", flush=True)
    await ended.wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1])))
    except KeyboardInterrupt:
        # Ctrl-C reaches the whole group; whoever started this says what is to be said.
        pass
