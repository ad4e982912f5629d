"""A door to a database server that closes at a commit: before the server sees it, or before its answer comes back."""

from __future__ import annotations

import re
import select
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Cutter:
    """A port of the loopback that leads to a server, until a commit comes by."""

    def __init__(self, url: str, *, after: bool) -> None:
        """Stand before the server of ``url``; ``after``: the server has the commit, and nobody hears of it."""
        found = re.search(r"@127\.0\.0\.1:(\d+)/", url)
        assert found is not None
        self._goal = int(found[1])
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{found[1]}/", f":{self._listener.getsockname()[1]}/")
        self.is_armed = False
        self._stop, self._stopped = socket.socketpair()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Begin to take connections."""
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all connections."""
        self._stop.close()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        self._stopped.close()

    def _begin(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                return
            client, _ = self._listener.accept()
            self._begin(self._carry, client, socket.create_connection(("127.0.0.1", self._goal)))

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while True:
                ready, _, _ = select.select([client, server, self._stopped], [], [])
                if self._stopped in ready:
                    return
                for source, goal in ((client, server), (server, client)):
                    if source not in ready:
                        continue
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client and self.is_armed and b"COMMIT" in data:
                        if self._after:
                            server.sendall(data)
                            server.recv(65536)
                        return
                    goal.sendall(data)
