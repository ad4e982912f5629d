"""The results of a map: an iterator, an asynchronous iterator and an awaitable."""

from __future__ import annotations

import sys
import warnings

from raveler import _raveler
from raveler._core.generic import Generic, T, U
from raveler._core.hub import pause
from raveler._core.window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Generator
    from typing import Any, Self

    from raveler._core.progress import Meter

_OWN = __file__.rpartition("/_core/")[0] + "/"


class Results(Generic[T]):
    """The results of one map, each computed once; the source is pulled as they are asked for.

    Iterate over it, ``async for`` over it, ``await`` it, or call `list` or `for_each`. Use it in a ``with`` block, or
    call `close`, to end it early.
    """

    _name = "a function"

    if TYPE_CHECKING:
        # What the run of each kind of function gives.
        @property
        def skipped(self) -> int:
            """The number of items that were dropped under ``errors="skip"``."""
            ...

        @property
        def in_flight(self) -> int:
            """The number of items that were pulled from the source and not yet yielded."""
            ...

        @property
        def done_items(self) -> int:
            """The number of results that were yielded."""
            ...

        @property
        def closed(self) -> bool:
            """Whether it has ended: exhausted, failed or closed."""
            ...

        def __iter__(self) -> Self:
            """Return itself."""
            ...

        def __next__(self) -> T:
            """Return the next result; wait for it, and pull the source meanwhile."""
            ...

        def close(self) -> None:
            """End it: close the source, cancel what is queued or running."""
            ...

        def poll(self) -> object:
            """Return the next result if it is there, else `NOT_READY`."""
            ...

        def collect(self) -> builtins.list[T]:
            """Return all results that are left."""
            ...

        def _subscribe(self, hub: _raveler.Hub, token: object) -> None: ...

    def list(self) -> builtins.list[T]:
        """Return all results that are left."""
        return self.collect()

    def for_each(self, function: Callable[[T], object]) -> None:
        """Call ``function`` with each result, on this thread, and keep none of them."""
        for item in self:
            function(item)

    def __aiter__(self) -> AsyncIterator[T]:
        """Return itself."""
        return self

    async def __anext__(self) -> T:
        """Return the next result; the event loop goes on until it is there."""
        while True:
            try:
                item: Any = self.poll()
            except StopIteration:
                raise StopAsyncIteration from None
            if item is not _raveler.NOT_READY:
                return item  # type: ignore[no-any-return]
            await _Pause(self)

    def __await__(self) -> Generator[Any, Any, builtins.list[T]]:
        """Collect all results while the event loop goes on; being cancelled closes the run."""
        return self._collected().__await__()

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
        """Close it; say so if nobody ever asked for a result."""
        if not self.closed:
            if not (self.done_items or self.in_flight or self.skipped):
                self._warn("were never consumed")
            self.close()

    async def _collected(self) -> builtins.list[T]:
        try:
            return [item async for item in self]
        except BaseException:
            self.close()
            raise

    def _end_of_block(self) -> None:
        """Close it because its runtime ends, and say so."""
        if not self.closed:
            self._warn("were not consumed when the block of their runtime ended")
            self.close()

    def _warn(self, what: str) -> None:
        message = f"the results of map over {self._name} {what}, so they were closed; iterate over them or call .list()"
        warnings.warn(message, RuntimeWarning, stacklevel=_level_of_the_user())


class ProcessResults(Results[T], _raveler.MapRun[T]):
    """The results of a map over worker processes; the iteration itself is Rust."""


class WindowResults(Results[T], Window[T]):
    """The results of a map over threads or coroutines."""


class MeteredResults(Results[T]):
    """Results that show how far they are."""

    def __init__(self, results: Results[T], meter: Meter) -> None:
        """Count the results on their way."""
        self._results = results
        self._meter: Meter | None = meter
        self._name = results._name  # noqa: SLF001 - the core and its extension are one unit

    @property
    def skipped(self) -> int:
        """The number of items that were dropped under ``errors="skip"``."""
        return self._results.skipped

    @property
    def in_flight(self) -> int:
        """The number of items that were pulled from the source and not yet yielded."""
        return self._results.in_flight

    @property
    def done_items(self) -> int:
        """The number of results that were yielded."""
        return self._results.done_items

    @property
    def closed(self) -> bool:
        """Whether it has ended: exhausted, failed or closed."""
        return self._results.closed

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Return the next result; wait for it, and pull the source meanwhile."""
        return self._counted(self._results.__next__)

    def poll(self) -> object:
        """Return the next result if it is there, else `NOT_READY`."""
        return self._counted(self._results.poll)

    def collect(self) -> builtins.list[T]:
        """Return all results that are left."""
        return [*self]

    def close(self) -> None:
        """End it: close the source, cancel what is queued or running."""
        self._results.close()
        self._finish()

    def _subscribe(self, hub: _raveler.Hub, token: object) -> None:
        self._results._subscribe(hub, token)  # noqa: SLF001 - the core and its extension are one unit

    def _counted(self, take: Callable[[], U]) -> U:
        try:
            item = take()
        except BaseException:
            if self.closed:
                self._finish()
            raise
        if self._meter is not None and item is not _raveler.NOT_READY:
            self._meter.step()
        return item

    def _finish(self) -> None:
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.finish()


def _level_of_the_user() -> int:
    """Return how many frames up, from the caller, the first one outside raveler is."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - the core and its extension are one unit
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame, level = frame.f_back, level + 1
    return level


class _Pause:
    """Awaits one report of a run."""

    def __init__(self, results: Results[Any]) -> None:
        """Prepare to wait."""
        self._results = results

    def __await__(self) -> Generator[Any, Any, None]:
        """Suspend the coroutine until a poll may succeed."""
        return pause(self._results)
