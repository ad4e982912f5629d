"""Results that go through a journal: those of earlier runs first, then the others, each recorded before it is given."""

from __future__ import annotations

from collections import deque
from time import monotonic

from raveler import _raveler
from raveler._core.generic import T
from raveler._core.results import Results

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol, Self

    from raveler._core.journal import Journal

    class Marked(Protocol):
        """Results that know which item of their source each comes from."""

        def mark(self) -> tuple[int, bool]:
            """Return the position of the item yielded last, and whether it is the last one of that position."""
            ...


_MOST_ITEMS = 1000
_MOST_BYTES = 4 << 20
_LONGEST_S = 0.05


class JournaledResults(Results[T]):
    """Wraps results that have ``poll`` and ``mark``; their order must be that of the source.

    What they give is held back until it is recorded: all that is there at the moment in one transaction, but no more
    than the run itself has in flight, and no more than 1,000 items, 4 MiB or 50 ms of it.
    """

    def __init__(
        self,
        results: Results[T],
        journal: Journal,
        *,
        is_skipping: bool = False,
        is_inline: bool = False,
        state: Callable[[int], dict[str, Any]] | None = None,
    ) -> None:
        """Close the journal with the results.

        Args:
            results: What computes the items that are missing.
            journal: What is finished.
            is_skipping: Count items without a result as skipped.
            is_inline: Each look computes an item, as on the serial engine, so nothing is looked for ahead of its turn.
            state: Returns what to record beside the items before the given position of the source of ``results``.
        """
        marked: Any = results
        self._mark: Callable[[], tuple[int, bool]] = marked.mark
        self._results = results
        self._journal = journal
        self._name = results._name  # noqa: SLF001 - the core and its extension are one unit
        self._is_skipping = is_skipping
        self._state = state
        self._first = journal.done
        self._next = journal.done
        """The first position that is not complete."""
        self._held: list[T] = []
        """What came from that position so far."""
        self._packed: list[bytes] = []
        self._fresh: list[T] = []
        self._bytes = 0
        self._window = 0
        """As many items as were ever seen in flight."""
        self._most = 1 if is_inline else _MOST_ITEMS
        """The most items of one transaction, where no window is seen."""
        self._ready: deque[T] = deque()
        self._recorded: Iterator[builtins.list[Any]] | None = journal.outcomes()
        self._ending: BaseException | None = None
        self._done = 0
        self._skipped_before = 0
        self._closed = False

    @property
    def skipped(self) -> int:
        """The number of items that were dropped under ``errors="skip"``, in earlier runs too."""
        return self._results.skipped + self._skipped_before

    @property
    def in_flight(self) -> int:
        """The number of items that were pulled from the source and not yet yielded."""
        return self._results.in_flight + len(self._ready)

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
        """Return the next result; wait for it, and pull the source meanwhile."""
        return self._take(is_waiting=True)  # type: ignore[no-any-return]

    def poll(self) -> object:
        """Return the next result if it is there, else `NOT_READY`."""
        return self._take(is_waiting=False)

    def collect(self) -> builtins.list[T]:
        """Return all results that are left."""
        return [*self]

    def close(self) -> None:
        """End it: close the source, cancel what is queued or running, let the journal go."""
        if not self._closed:
            self._closed = True
            self._ready.clear()
            try:
                self._results.close()
            finally:
                self._journal.close()

    def _subscribe(self, hub: _raveler.Hub, token: object) -> None:
        self._results._subscribe(hub, token)  # noqa: SLF001 - the core and its extension are one unit

    def _take(self, *, is_waiting: bool) -> Any:
        ready = self._ready
        try:
            while not ready:
                self._raise_the_end()
                if self._recorded is not None:
                    self._read_page()
                elif not self._gather(is_waiting=is_waiting):
                    return _raveler.NOT_READY
        except BaseException:
            # After Ctrl-C too: an item may be lost between two lines here, and must not be taken for a missing one.
            self.close()
            raise
        self._done += 1
        return ready.popleft()

    def _raise_the_end(self) -> None:
        if self._closed:
            raise StopIteration
        if self._ending is not None:
            ending, self._ending = self._ending, None
            raise ending

    def _read_page(self) -> None:
        """Read on in the outcomes of earlier runs until there is one."""
        if self._recorded is None:
            return
        for outcomes in self._recorded:
            if outcomes:
                self._ready.extend(outcomes)
                return
            self._skipped_before += self._is_skipping
        self._recorded = None

    def _gather(self, *, is_waiting: bool) -> bool:
        """Take all that is there and record it; return whether there was anything, or the end."""
        poll, mark, waiting = self._results.poll, self._mark, _raveler.NOT_READY
        deadline, most = 0.0, self._most
        try:
            while True:
                item: Any = poll()
                if item is waiting:
                    if self._packed:
                        break
                    if not is_waiting:
                        return False
                    item = self._results.__next__()
                position, closes = mark()
                self._add(position + self._first, item, closes=closes)
                time = monotonic()
                if not deadline:
                    deadline = time + _LONGEST_S
                    # Each look pulls the source further: who asked for a small window must not find a large one here.
                    self._window = max(self._window, self._results.in_flight)
                    most = min(self._window or self._most, _MOST_ITEMS)
                full = len(self._packed) >= most or self._bytes >= _MOST_BYTES or time > deadline
                if full and self._packed:
                    break
        except StopIteration as end:
            # Without the frames it went through, which lead back here and would keep all of this alive.
            self._ending = self._last_error() or end.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - raised after what stands before it
            self._ending = error
        self._record()
        if self._ending is not None:
            # All is recorded: another run may take the journal up, whether or not the rest is read here.
            self._journal.close()
        return True

    def _add(self, position: int, item: T, *, closes: bool) -> None:
        if self._next < position:
            self._complete_upto(position)
        self._held.append(item)
        if closes:
            self._complete()

    def _complete_upto(self, position: int) -> None:
        """Complete what stands before a position: nothing more comes from there."""
        while self._next < position:
            self._complete()

    def _complete(self) -> None:
        packed = self._journal.pack(self._next, self._held)
        self._packed.append(packed)
        self._bytes += len(packed)
        self._next += 1
        self._fresh += self._held
        self._held = []

    def _last_error(self) -> Exception | None:
        """Complete all that were pulled, and return the error that stands against it."""
        try:
            self._complete_upto(self._journal.pulled)
        except Exception as error:  # noqa: BLE001 - raised after what stands before it
            return error
        return None

    def _record(self) -> None:
        if self._packed:
            packed, self._packed, self._bytes = self._packed, [], 0
            state = {} if self._state is None else self._state(self._next - self._first)
            self._journal.record_packed(packed, state)
        self._ready.extend(self._fresh)
        self._fresh = []
