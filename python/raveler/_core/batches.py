"""Results that come in batches: each batch is a task, and the next one is on its way while this one is read."""

from __future__ import annotations

from collections import deque

from raveler import _raveler
from raveler._core.generic import T
from raveler._core.results import Results

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable
    from typing import Any, Self


class BatchResults(Results[T]):
    """The items of batches, one by one; at most one batch is ahead of its reader."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], _raveler.Task[Any]],
        close: Callable[[], object],
        *,
        errors: str = "raise",
    ) -> None:
        """Start nothing: the first batch is asked for by whoever asks first. A batch of None is the end."""
        self._name = name
        self._ask = ask
        self._close = close
        self._errors = errors
        self._here: deque[Any] = deque()
        self._coming: _raveler.Task[Any] | None = None
        self._is_over = False
        self._closed = False
        self._skipped = 0
        self._done = 0

    @property
    def skipped(self) -> int:
        """The number of items that were dropped under ``errors="skip"``."""
        return self._skipped

    @property
    def in_flight(self) -> int:
        """The number of items that have arrived and were not yet yielded."""
        return len(self._here) + (self._coming is not None)

    @property
    def done_items(self) -> int:
        """The number of results that were yielded."""
        return self._done

    @property
    def closed(self) -> bool:
        """Whether it has ended: exhausted, failed or closed."""
        return self._closed

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Return the next item; wait for it."""
        while True:
            item: Any = self.poll()
            if item is not _raveler.NOT_READY:
                return item  # type: ignore[no-any-return]
            if self._coming is not None:
                self._coming.exception()

    def poll(self) -> object:
        """Return the next item if it is there, else `NOT_READY`.

        Raises:
            StopIteration: At the end.
        """
        while not self._closed:
            if self._here:
                item = self._here.popleft()
                if not isinstance(item, Exception) or self._errors == "return":
                    self._done += 1
                    return item
                if self._errors == "raise":
                    self.close()
                    raise item
                self._skipped += 1
                continue
            if self._is_over:
                self.close()
                break
            if self._coming is None:
                self._coming = self._ask()
            if not self._coming.done():
                return _raveler.NOT_READY
            self._receive(self._coming)
        raise StopIteration

    def collect(self) -> builtins.list[T]:
        """Return all items that are left."""
        return [*self]

    def close(self) -> None:
        """End it: what is on its way is cancelled."""
        if not self._closed:
            self._closed = True
            self._here.clear()
            if self._coming is not None:
                self._coming.cancel()
            self._close()

    def _receive(self, task: _raveler.Task[Any]) -> None:
        self._coming = None
        try:
            batch = task.result()
        except BaseException:
            self.close()
            raise
        if batch is None:
            self._is_over = True
        else:
            self._here.extend(batch)
            self._coming = self._ask()

    def _subscribe(self, hub: _raveler.Hub, token: object) -> None:
        if self._coming is None:
            self._coming = self._ask()
        self._coming._subscribe(hub, token)  # noqa: SLF001 - the core and its extension are one unit
