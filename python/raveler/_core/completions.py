"""Tasks in the order in which they are done."""

from __future__ import annotations

from queue import Empty
from time import monotonic

from raveler._core.generic import Generic, T
from raveler._core.mailbox import Mailbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from threading import Timer

    from raveler import _raveler


class Completions(Generic[T]):
    """An iterator, and an asynchronous one, over tasks in the order in which they are done."""

    def __init__(self, tasks: tuple[_raveler.Task[T], ...], timeout: float | None) -> None:
        """Listen to all tasks from now on."""
        self._done: Mailbox[_raveler.Task[T]] = Mailbox()
        self._total = self._left = len(tasks)
        self._deadline = None if timeout is None else monotonic() + timeout
        for task in tasks:
            task.add_done_callback(self._done.put)

    def __iter__(self) -> Iterator[_raveler.Task[T]]:
        """Return itself."""
        return self

    def __next__(self) -> _raveler.Task[T]:
        """Wait for the next task that is done."""
        if not self._left:
            raise StopIteration
        try:
            task = self._done.take(None if self._deadline is None else max(0.0, self._deadline - monotonic()))
        except Empty:
            raise self._late() from None
        self._left -= 1
        return task

    def __aiter__(self) -> AsyncIterator[_raveler.Task[T]]:
        """Return itself."""
        return self

    async def __anext__(self) -> _raveler.Task[T]:
        """Wait for the next task that is done while the event loop goes on."""
        if not self._left:
            raise StopAsyncIteration
        timer = None if self._deadline is None else _timer(self._deadline - monotonic(), self._done.wake)
        try:
            while True:
                try:
                    task = self._done.take(0)
                except Empty:
                    if self._deadline is not None and monotonic() >= self._deadline:
                        raise self._late() from None
                    await self._done
                else:
                    self._left -= 1
                    return task
        finally:
            if timer is not None:
                timer.cancel()

    def _late(self) -> TimeoutError:
        return TimeoutError(f"{self._left} (of {self._total}) tasks are not done")


def _timer(seconds: float, then: Callable[[], None]) -> Timer:
    from threading import Timer

    timer = Timer(max(0.0, seconds), then)
    timer.daemon = True
    timer.start()
    return timer
