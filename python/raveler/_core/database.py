"""A database: a pool of connections that are made as they are needed."""

from __future__ import annotations

from raveler import _raveler
from raveler._core import native
from raveler._core.transaction import Verbs
from raveler.exceptions import RuntimeClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from raveler._core.runtime import Runtime
    from raveler._raveler import Task


class Database(Verbs):
    """A database, made by `connect`; it opens connections as they are needed.

    It is safe to use from many threads and event loops at once.
    """

    def __init__(self, session: _raveler.DbSession, runtime: Runtime | None, defaults: dict[str, Any]) -> None:
        """Take what Rust has made; users call `connect`."""
        self._inner = session
        self._runtime = runtime
        self._defaults = defaults
        self._own = _raveler.NativeOptions(native.checked(defaults, runtime))

    def _session(self) -> _raveler.DbSession:
        return self._inner

    def close(self) -> None:
        """End what is under way, then close the connections; every later call is an error."""
        task = self._closing()
        if task is not None:
            task.result()

    def _closing(self) -> Task[None] | None:
        try:
            return self._inner.control(native.runtime_of(self._runtime), _raveler.NativeOptions({}), "close")
        except RuntimeClosed:
            # The runtime has dropped everything that was under way.
            return None

    def __enter__(self) -> Self:
        """Return itself; nothing is opened before the first statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return itself; nothing is opened before the first statement."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it while the event loop goes on."""
        task = self._closing()
        if task is not None:
            await task

    def __repr__(self) -> str:
        """Return the address without credentials."""
        return f"<raveler.db.Database {self._inner.describe()}>"
