"""A map over calls of this process, threads and coroutines: a window of tasks over a source that is pulled lazily."""

from __future__ import annotations

from collections import deque

from raveler import _raveler
from raveler._core import rng
from raveler._core.generic import Generic, T
from raveler._core.hub import in_trio, running_loop
from raveler._core.mailbox import Mailbox
from raveler._core.promise import error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from raveler._core.runtime import Runtime

DEFAULT_CONCURRENCY = {"thread": 32, "loop": 100, "native": 64}


class Window(Generic[T]):
    """Has the methods of a `MapRun` that Rust makes for process maps."""

    def __init__(
        self,
        view: Runtime,
        function: Callable[..., T],
        source: Iterator[Any],
        *,
        star: bool,
        ordered: bool,
        errors: str,
        concurrency: int,
        window: int,
        is_loop: bool,
        submit: Callable[..., _raveler.Task[T]] | None = None,
        first: int = 0,
    ) -> None:
        """Start nothing: the first item, whose index is ``first``, is pulled by whoever asks first."""
        self._call = view._reserve_call()  # noqa: SLF001 - the core and its extension are one unit
        self._submit = submit or view._submit_item  # noqa: SLF001 - the core and its extension are one unit
        self._adopted = view._adopted_loop  # noqa: SLF001 - the core and its extension are one unit
        self._function = function
        self._source = source
        self._first = first
        self._star = star
        self._ordered = ordered
        self._errors = errors
        self._concurrency = min(concurrency, window)
        self._window = window
        self._is_loop = is_loop
        self._mail: Mailbox[tuple[int, _raveler.Task[T]]] = Mailbox()
        self._held: deque[tuple[int, _raveler.Task[T]]] = deque()
        self._finished: deque[tuple[int, _raveler.Task[T]]] = deque()
        self._running = 0
        self._pulled = 0
        self._given = -1
        self._source_ended = False
        self._source_error: BaseException | None = None
        self._skipped = 0
        self._failed = 0
        self._done = 0
        self._closed = False

    @property
    def skipped(self) -> int:
        """The number of items that were dropped under ``errors="skip"``."""
        return self._skipped

    @property
    def done_items(self) -> int:
        """The number of results that were yielded."""
        return self._done

    @property
    def closed(self) -> bool:
        """Whether it has ended: exhausted, failed or closed."""
        return self._closed

    @property
    def in_flight(self) -> int:
        """The number of items that were pulled and not yet yielded."""
        return len(self._held) if self._ordered else self._running + len(self._finished)

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Return the next result; wait for it."""
        while True:
            item = self.poll()
            if item is not _raveler.NOT_READY:
                return item  # type: ignore[no-any-return]
            self._refuse_to_block_the_loop()
            self._absorb(self._mail.take())

    def poll(self) -> Any:
        """Return the next result if it is there, else `NOT_READY`.

        Raises:
            StopIteration: At the end.
        """
        while not self.closed:
            self._receive()
            self._fill()
            ready = self._next_ready()
            if ready is None:
                if self.in_flight or not self._source_ended:
                    return _raveler.NOT_READY
                self._closed = True
                # An error leads to the frames that it went through, and so back here: who raises it lets it go.
                error, self._source_error = self._source_error, None
                if error is not None:
                    raise error
                break
            self._given = ready[0]
            error = error_of(ready[1])
            self._failed += error is not None
            if self._errors == "raise" and error is not None:
                self.close()
                raise self._told(error)
            if self._errors == "skip" and error is not None:
                self._leaves(skipped=True)
                continue
            self._leaves(skipped=False)
            return ready[1].result() if error is None else error
        raise StopIteration

    def mark(self) -> tuple[int, bool]:
        """Return the position of the item that was yielded last, and that it is the only one of that position."""
        return self._given, True

    def collect(self) -> list[T]:
        """Return all results."""
        return list(self)

    def close(self) -> None:
        """Cancel what is in flight and close the source."""
        if not self.closed:
            self._closed = True
            self._source_error = None
            held = self._held
            self._held = deque()
            self._finished.clear()
            for _, task in held:
                task.cancel()
            close_source(self._source)

    def _subscribe(self, hub: _raveler.Hub, token: object) -> None:
        self._mail._subscribe(hub, token)  # noqa: SLF001 - the core and its extension are one unit

    def _fill(self) -> None:
        while not self._source_ended and self._has_room():
            try:
                item = self._pull()
            except StopIteration:
                self._source_ended = True
                return
            except Exception as error:  # noqa: BLE001 - the user's source; raised in its place
                self._source_ended = True
                self._source_error = error
                return
            except BaseException:
                # Ctrl-C and the like are nobody's result.
                self.close()
                raise
            if item is _raveler.NOT_READY:
                return
            task = self._submit(self._call, self._first + self._pulled, self._function, item if self._star else (item,))
            self._held.append((self._pulled, task))
            self._running += 1
            self._listen(self._pulled, task)
            self._pulled += 1

    def _has_room(self) -> bool:
        return self._running < self._concurrency and self.in_flight < self._window

    def _receive(self) -> None:
        for letter in self._mail.drain():
            self._absorb(letter)

    def _leaves(self, *, skipped: bool) -> None:
        if skipped:
            self._skipped += 1
        else:
            self._done += 1

    def _pull(self) -> Any:
        return next(self._source)

    def _told(self, error: BaseException) -> BaseException:
        return error

    def _listen(self, index: int, task: _raveler.Task[T]) -> None:
        put = self._mail.put
        task.add_done_callback(lambda task: put((index, task)))

    def _absorb(self, letter: tuple[int, _raveler.Task[T]]) -> None:
        self._running -= 1
        index, task = letter
        if not self._ordered and not self.closed:
            self._held.remove(letter)
            self._finished.append(letter)
        if self._errors == "raise" and not self._source_ended and error_of(task) is not None:
            self._stop_above(index)

    def _stop_above(self, index: int) -> None:
        """Pull nothing more after a failure, and cancel what stands above it; what stands below finishes."""
        self._source_ended = True
        for above, task in self._held:
            if above > index:
                task.cancel()

    def _next_ready(self) -> tuple[int, _raveler.Task[T]] | None:
        if not self._ordered:
            return self._finished.popleft() if self._finished else None
        return self._held.popleft() if self._held and self._held[0][1].done() else None

    def _refuse_to_block_the_loop(self) -> None:
        if self._is_loop and (running_loop() is not None or in_trio()):
            if not self._adopted() and rng.current.get() is None:
                return
            message = "the next result needs the event loop that this call would block: use `async for` or `await`"
            raise RuntimeError(message)


def close_source(source: Iterator[Any]) -> None:
    """Close a source that can be closed, as a generator can."""
    close = getattr(source, "close", None)
    if callable(close):
        close()


def zipped(sources: list[Iterator[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield tuples of one item of each source, and close all of them at the end."""
    try:
        yield from zip(*sources, strict=False)
    finally:
        for source in sources:
            close_source(source)
