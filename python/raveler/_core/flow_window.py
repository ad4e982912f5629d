"""A stage of a flow on threads or on the event loop: pulled by the next stage, and never waited for by itself."""

from __future__ import annotations

from raveler import _raveler
from raveler._core.generic import T
from raveler._core.promise import error_of
from raveler._core.window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_WINDOW_BYTES = 64 << 20


def _size_of(item: Any) -> int:
    """Return the bytes of an item that is a piece of memory; others count as nothing."""
    if isinstance(item, (bytes, bytearray, str)):
        return len(item)
    size = getattr(item, "nbytes", 0)
    return size if isinstance(size, int) else 0


class StageWindow(Window[T]):
    """Tells the signal of its flow of every task that is done, and knows where its items come from."""

    def __init__(
        self,
        view: Any,
        function: Any,
        source: Any,
        *,
        signal: _raveler.Signal,
        label: str,
        marks: bool,
        first: int,
        has_limit: bool = False,
        window_bytes: int | None = None,
        **how: Any,
    ) -> None:
        """Start nothing; ``how`` are the other arguments of a `Window`."""
        super().__init__(view, function, source, star=False, first=first, **how)
        self._signal = signal
        self._label = label
        self._has_limit = has_limit
        self._is_staged = hasattr(source, "_advance")
        self._take = source.poll if self._is_staged else source.__next__
        self._marks = _raveler.Marks(first) if marks else None
        self._window_bytes = _WINDOW_BYTES if window_bytes is None else window_bytes
        self._bytes = self._incoming = 0
        self._sizes: dict[int, int] = {}
        """What is in flight, by index: its argument until it is done, then its result."""

    def mark(self) -> tuple[int, bool]:
        """Return where the item that was given last comes from: its source item, and whether it is the last of it."""
        return (0, False) if self._marks is None else self._marks.last()

    def _advance(self) -> None:
        if not self.closed:
            self._receive()
            self._fill()

    def _index_at(self, position: int) -> int:
        return 0 if self._marks is None else self._marks.index_at(position)

    def _gauge(self) -> tuple[tuple[int, int, int, int], tuple[int, int, int, bool, bool]]:
        if not self.closed:
            # What is done runs no more, though nobody has asked for it yet.
            self._receive()
        running, held = self._running, self.in_flight
        if self._has_limit:
            running = sum(task.running() for _, task in self._held)
        counts = (self._pulled, self._done, self._skipped, self._failed)
        has_room = held < self._window and not self._source_ended
        return counts, (running, self._running - running, held, has_room, self._has_limit)

    def _pull(self) -> Any:
        item = self._take()
        if item is _raveler.NOT_READY:
            return item
        self._incoming = _size_of(item)
        if self._marks is not None:
            staged: Any = self._source
            mark: tuple[int, bool] = staged.mark() if self._is_staged else (self._pulled, True)
            self._marks.enter(*mark)
        return item

    def _has_room(self) -> bool:
        return super()._has_room() and (self._bytes < self._window_bytes or not self.in_flight)

    def _weigh(self, index: int, size: int) -> None:
        self._bytes += size - self._sizes.pop(index, 0)
        if size:
            self._sizes[index] = size

    def _absorb(self, letter: tuple[int, _raveler.Task[T]]) -> None:
        index, task = letter
        if not self.closed:
            self._weigh(index, 0 if error_of(task) else _size_of(task.result()))
        super()._absorb(letter)

    def _listen(self, index: int, task: _raveler.Task[T]) -> None:
        put, tell = self._mail.put, self._signal.set
        self._weigh(index, self._incoming)

        def arrive(task: _raveler.Task[T]) -> None:
            put((index, task))
            tell()

        task.add_done_callback(arrive)

    def _leaves(self, *, skipped: bool) -> None:
        super()._leaves(skipped=skipped)
        self._weigh(self._given, 0)
        if self._marks is not None:
            self._marks.leave()

    def _told(self, error: BaseException) -> BaseException:
        where = f", at its item {self._first + self._done + self._skipped}" if self._ordered else ""
        error.add_note(f"in {self._label} of the flow{where}")
        return error
