"""A queue of settled tasks that a thread can wait at and that a coroutine can await."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from raveler._core.generic import Generic, T
from raveler._core.hub import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from raveler import _raveler


class Mailbox(Generic[T]):
    """What callbacks put in, on whatever thread; one consumer takes it out."""

    def __init__(self) -> None:
        """Start empty."""
        self._queue: SimpleQueue[T] = SimpleQueue()
        self._waiting: tuple[_raveler.Hub, object] | None = None

    def put(self, item: T) -> None:
        """Add an item and wake the coroutine that waits, if one does."""
        self._queue.put(item)
        self.wake()

    def wake(self) -> None:
        """Wake the coroutine that waits, if one does."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[0].put(waiting[1])

    def take(self, timeout: float | None = None) -> T:
        """Return the next item; wait for it as long as ``timeout`` says.

        Raises:
            queue.Empty: If there is none in time.
        """
        if timeout is None:
            return self._queue.get()
        return self._queue.get(timeout > 0, timeout)

    def drain(self) -> list[T]:
        """Return all items that are there."""
        items: list[T] = []
        try:
            while True:
                items.append(self._queue.get_nowait())
        except Empty:
            return items

    def __await__(self) -> Generator[Any, Any, None]:
        """Suspend the coroutine until there may be an item."""
        return pause(self)

    def _subscribe(self, hub: _raveler.Hub, token: object, /) -> None:
        self._waiting = (hub, token)
        if not self._queue.empty():
            self.wake()
