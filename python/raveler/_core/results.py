"""The results of a map: an iterator, an asynchronous iterator and an awaitable."""

from __future__ import annotations

import sys
import warnings

from raveler import _raveler
from raveler._core.generic import Generic, T
from raveler._core.hub import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Generator, Iterator
    from typing import Any, Self

    from raveler._core.progress import Meter
    from raveler._core.window import Window

_OWN = __file__.rpartition("/_core/")[0] + "/"


class Results(Generic[T]):
    """The results of one map, each computed once; the source is pulled as they are asked for.

    Iterate over it, ``async for`` over it, ``await`` it, or call `list` or `for_each`. Use it in a ``with`` block, or
    call `close`, to end it early.
    """

    def __init__(self, run: _raveler.MapRun[T] | Window[T], name: str, meter: Meter | None = None) -> None:
        """Wrap a run; nothing starts before the first result is asked for."""
        self._run = run
        self._name = name
        self._meter = meter
        self._touched = False

    @property
    def skipped(self) -> int:
        """The number of items that were dropped under ``errors="skip"``."""
        return self._run.skipped

    @property
    def in_flight(self) -> int:
        """The number of items that were pulled from the source and not yet yielded."""
        return self._run.in_flight

    @property
    def closed(self) -> bool:
        """Whether it has ended: exhausted, failed or closed."""
        return self._run.closed

    def __iter__(self) -> Iterator[T]:
        """Return an iterator over the results; all iterators of one `Results` share its position."""
        self._touched = True
        return self if self._meter is not None else self._run

    def __next__(self) -> T:
        """Return the next result; wait for it, and pull the source meanwhile."""
        self._touched = True
        return self._counted(self._run.__next__)

    def __aiter__(self) -> AsyncIterator[T]:
        """Return itself."""
        self._touched = True
        return self

    async def __anext__(self) -> T:
        """Return the next result; the event loop goes on until it is there."""
        self._touched = True
        while True:
            try:
                item: Any = self._run.poll()
            except StopIteration:
                self._finish()
                raise StopAsyncIteration from None
            except BaseException:
                self._finish()
                raise
            if item is not _raveler.NOT_READY:
                if self._meter is not None:
                    self._meter.step()
                return item  # type: ignore[no-any-return]
            await _Pause(self._run)

    def __await__(self) -> Generator[Any, Any, builtins.list[T]]:
        """Collect all results while the event loop goes on; being cancelled closes the run."""
        return self._collected().__await__()

    def list(self) -> builtins.list[T]:
        """Return all results that are left."""
        self._touched = True
        return self._run.collect() if self._meter is None else [*self]

    def for_each(self, function: Callable[[T], object]) -> None:
        """Call ``function`` with each result, on this thread, and keep none of them."""
        for item in self:
            function(item)

    def close(self) -> None:
        """End it: close the source, cancel what is queued or running."""
        self._touched = True
        self._run.close()
        self._finish()

    def __enter__(self) -> Self:
        """Return itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Return the name of the function and the state."""
        state = "closed" if self.closed else f"{self.in_flight} in flight"
        return f"<Results of {self._name}: {state}>"

    def __del__(self) -> None:
        """Close it; say so if nobody ever looked at it."""
        run = getattr(self, "_run", None)
        if run is None or self._touched or run.closed:
            return
        self._warn("was never consumed")
        run.close()

    def _end_of_block(self) -> None:
        """Close it because its runtime ends, and say so."""
        if not self.closed:
            self._warn("was not consumed when the block of its runtime ended")
            self.close()

    def _warn(self, what: str) -> None:
        message = f"the result of map over {self._name} {what}, so it was closed; iterate over it or call .list()"
        warnings.warn(message, RuntimeWarning, stacklevel=_level_of_the_user())

    def _counted(self, take: Callable[[], T]) -> T:
        try:
            item = take()
        except BaseException:
            self._finish()
            raise
        if self._meter is not None:
            self._meter.step()
        return item

    def _finish(self) -> None:
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.finish()

    async def _collected(self) -> builtins.list[T]:
        try:
            return [item async for item in self]
        except BaseException:
            self.close()
            raise


def _level_of_the_user() -> int:
    """Return how many frames up, from the caller, the first one outside raveler is."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame, level = frame.f_back, level + 1
    return level


class _Pause:
    """Awaits one report of a run."""

    def __init__(self, run: _raveler.MapRun[Any] | Window[Any]) -> None:
        """Prepare to wait."""
        self._run = run

    def __await__(self) -> Generator[Any, Any, None]:
        """Suspend the coroutine until a poll may succeed."""
        return pause(self._run)
