"""An object of the user's own as a sink."""

from __future__ import annotations

import threading

from raveler._core.sinks.function import wait_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler._core.database import Database
    from raveler._core.sinks.sink import Commit, State

_SIZE = 1000


class WriterSink:
    """Calls ``write(batch)`` of an object, and before and behind it ``open()`` and ``close()`` if it has them.

    ``close()`` is called once, whatever happened, unless ``open()`` failed. Whether a batch is whole is up to the
    object.
    """

    database: Database | None = None

    def __init__(self, writer: Any, size: int | None) -> None:
        """Take the object."""
        self.name = f"writer {type(writer).__name__}"
        self.size = _SIZE if size is None else size
        self._writer = writer
        self._lock = threading.Lock()
        self._is_open = False

    def open(self, state: State | None) -> None:
        """Open the object, if it can be opened."""
        del state
        opening = getattr(self._writer, "open", None)
        if callable(opening):
            wait_for(opening())
        self._is_open = True

    def write(self, batch: list[Any], commit: Commit | None) -> None:
        """Hand a batch over.

        Raises:
            ValueError: If the object is closed.
        """
        del commit
        with self._lock:
            if not self._is_open:
                message = f"{self.name} is not open"
                raise ValueError(message)
            if batch:
                wait_for(self._writer.write(batch))

    def state(self) -> State:
        """Return nothing: what was done is not known here."""
        return {}

    def close(self, *, failed: bool) -> None:
        """Close the object, if it can be closed and was opened."""
        del failed
        with self._lock:
            was_open, self._is_open = self._is_open, False
            closing = getattr(self._writer, "close", None)
            if was_open and callable(closing):
                wait_for(closing())
