"""The odd server as the tests hold it: its addresses, and what it has seen."""

from __future__ import annotations

import http.client
import itertools
import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.deadline import eventually
from tests.io.guardian import Guarded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.certificates import Certificates

_KEYS = itertools.count()


class Odd:
    """A running odd server."""

    def __init__(self, folder: Path, certificates: Certificates | None = None) -> None:
        """Start it; its output goes to ``folder``."""
        log = folder / f"odd-{next(_KEYS)}.log"
        certificates_folder = str(certificates.folder) if certificates else ""
        self.process = Guarded([sys.executable, "-m", "tests.io.odd_server", certificates_folder], str(log))
        eventually(lambda: log.read_bytes().endswith(b"}\n"), goal_s=3, what="the start of the odd server")
        self.ports: dict[str, int] = json.loads(log.read_bytes())

    @property
    def port(self) -> int:
        """The port without TLS."""
        return self.ports["plain"]

    def url(self, path: str, *, host: str = "127.0.0.1", kind: str = "plain", **query: object) -> str:
        """Return the address of a page."""
        scheme = "http" if kind == "plain" else "https"
        tail = f"?{urlencode(query)}" if query else ""
        return f"{scheme}://{host}:{self.ports[kind]}{path}{tail}"

    def key(self) -> str:
        """Return a key that no other test uses."""
        return f"key-{next(_KEYS)}"

    def seen(self, key: str) -> dict[str, Any]:
        """Return what has happened under a key."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", f"/seen?key={key}")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found

    def attempts(self, key: str) -> int:
        """Return how many requests came under a key."""
        return len(self.seen(key)["requests"])

    def wait_for(self, key: str, requests: int = 1) -> None:
        """Wait until so many requests are being served under a key."""
        eventually(lambda: self.seen(key)["now"] >= requests, what=f"{requests} requests under way")

    def wait_for_attempts(self, key: str, count: int) -> None:
        """Wait until so many requests have come under a key."""
        eventually(lambda: self.attempts(key) >= count, what=f"{count} attempts")

    def wait_until_left(self, key: str, clients: int = 1) -> None:
        """Wait until so many clients have closed their connection in the middle."""
        eventually(lambda: self.seen(key)["broken_off"] >= clients, what=f"{clients} clients gone")

    def stop(self) -> None:
        """End it."""
        self.process.stop()
