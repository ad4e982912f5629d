"""How results are grouped, recorded and held back, over a run whose every answer is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from raveler import _raveler
from raveler._core.fingerprint import Fingerprint
from raveler._core.journal import Journal
from raveler._core.journal_results import JournaledResults
from raveler._core.journal_store import FileStore
from raveler._core.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER: Any = _raveler.NOT_READY
CALL = Fingerprint.of((), seed=0)


class Scripted(Results[Any]):
    """A run that pulls its source and answers as told: (outcome, position, closes), `LATER`, or an exception."""

    def __init__(self, source: Iterator[Any], *answers: Any) -> None:
        """Give these answers one by one."""
        self.source = source
        self.answers = [*answers]
        self.last = (-1, True)
        self.blocked = 0
        self.window = 5000
        self.is_closed = False

    @property
    def skipped(self) -> int:
        return 0

    @property
    def in_flight(self) -> int:
        return self.window

    @property
    def done_items(self) -> int:
        return 0

    @property
    def closed(self) -> bool:
        return self.is_closed

    def poll(self) -> object:
        if not self.answers:
            for _ in self.source:
                pass
            raise StopIteration
        answer = self.answers.pop(0)
        if answer is LATER:
            return LATER
        if isinstance(answer, BaseException):
            raise answer
        outcome, *mark = answer
        while self.last[0] < mark[0]:
            self.last = (self.last[0] + 1, True)
            next(self.source, None)
        self.last = tuple(mark)
        return outcome

    def __next__(self) -> Any:
        self.blocked += 1
        while True:
            item = self.poll()
            if item is not LATER:
                return item

    def mark(self) -> tuple[int, bool]:
        return self.last

    def close(self) -> None:
        self.is_closed = True


class Opened:
    """A journal in a file, and results over it."""

    def __init__(self, path: Path, items: int, *answers: Any, **options: Any) -> None:
        """Open both."""
        self.journal = Journal.open(FileStore(path), CALL, reset=False)
        self.run = Scripted(self.journal.source(iter(range(items))), *answers)
        self.results: JournaledResults[Any] = JournaledResults(self.run, self.journal, **options)

    def recorded(self) -> int:
        return self.journal.done


def recorded(path: Path, items: int = 0) -> list[list[Any]]:
    """Return what a journal holds."""
    journal = Journal.open(FileStore(path), CALL, reset=False)
    if items:
        journal.source(iter(range(items)))
    outcomes = list(journal.outcomes())
    journal.close()
    return outcomes


def one_each(*positions: int) -> list[tuple[str, int, bool]]:
    return [(f"r{position}", position, True) for position in positions]


def test_item_is_recorded_before_it_is_given(path: Path) -> None:
    opened = Opened(path, 3, *one_each(0), LATER, *one_each(1, 2))
    for position in range(3):
        assert next(opened.results) == f"r{position}"
        assert opened.recorded() > position
    opened.results.close()
    assert recorded(path) == [["r0"], ["r1"], ["r2"]]


def test_what_is_there_is_recorded_at_once(path: Path) -> None:
    opened = Opened(path, 5, *one_each(0, 1, 2), LATER, *one_each(3, 4))
    assert opened.results.poll() == "r0"
    assert opened.recorded() == 3
    assert [opened.results.poll() for _ in range(2)] == ["r1", "r2"]
    assert opened.results.list() == ["r3", "r4"]


def test_poll_does_not_wait(path: Path) -> None:
    opened = Opened(path, 1, LATER, *one_each(0))
    assert opened.results.poll() is LATER
    assert opened.results.poll() == "r0"
    assert opened.run.blocked == 0
    opened.results.close()


def test_next_waits(path: Path) -> None:
    opened = Opened(path, 1, LATER, *one_each(0))
    assert next(opened.results) == "r0"
    assert opened.run.blocked == 1
    opened.results.close()


def test_a_thousand_items_are_the_most_that_is_held_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("raveler._core.journal_results._LONGEST_S", 1000.0)
    opened = Opened(path, 2500, *one_each(*range(2500)))
    assert opened.results.poll() == "r0"
    assert opened.recorded() == 1000
    assert len(opened.results.list()) == 2499


def test_no_more_is_held_back_than_was_in_flight(path: Path) -> None:
    opened = Opened(path, 20, *one_each(*range(20)))
    opened.run.window = 4
    opened.results.poll()
    assert opened.recorded() == 4
    opened.results.close()


def test_nothing_is_looked_for_ahead_where_a_look_computes(path: Path) -> None:
    opened = Opened(path, 20, *one_each(*range(20)), is_inline=True)
    opened.run.window = 0
    opened.results.poll()
    assert opened.recorded() == 1
    opened.results.close()


def test_run_that_has_nothing_in_flight_is_recorded_in_large_transactions(path: Path) -> None:
    opened = Opened(path, 20, *one_each(*range(20)))
    opened.run.window = 0
    opened.results.poll()
    assert opened.recorded() == 20
    opened.results.close()


def test_bytes_that_are_held_back_are_bounded(path: Path) -> None:
    opened = Opened(path, 8, *((bytes(3 << 20), position, True) for position in range(8)))
    opened.results.poll()
    assert opened.recorded() == 2
    opened.results.close()


def test_slow_items_are_not_held_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("raveler._core.journal_results.monotonic", lambda: float(next(clock)))
    opened = Opened(path, 8, *one_each(*range(8)))
    opened.results.poll()
    assert opened.recorded() <= 2
    opened.results.close()


def test_outputs_of_one_item_are_recorded_together(path: Path) -> None:
    opened = Opened(path, 2, ("a", 0, False), ("b", 0, False), LATER, ("c", 0, True), ("d", 1, True))
    assert opened.results.poll() is LATER
    assert opened.results.list() == ["a", "b", "c", "d"]
    assert recorded(path) == [["a", "b", "c"], ["d"]]


def test_item_without_outputs_is_complete_when_a_later_one_shows(path: Path) -> None:
    opened = Opened(path, 4, *one_each(0), LATER, *one_each(3))
    assert next(opened.results) == "r0"
    assert opened.recorded() == 1
    assert next(opened.results) == "r3"
    assert opened.recorded() == 4
    opened.results.close()
    assert recorded(path) == [["r0"], [], [], ["r3"]]


def test_item_that_never_closes_is_complete_when_a_later_one_shows(path: Path) -> None:
    opened = Opened(path, 2, ("a", 0, False), ("b", 1, True))
    assert opened.results.list() == ["a", "b"]
    assert recorded(path) == [["a"], ["b"]]


def test_items_without_outputs_are_complete_at_the_end(path: Path) -> None:
    opened = Opened(path, 5, ("a", 1, False))
    assert opened.results.list() == ["a"]
    assert recorded(path) == [[], ["a"], [], [], []]


def test_call_goes_on_where_it_was(path: Path) -> None:
    first = Opened(path, 3, *one_each(0, 1), LATER)
    next(first.results)
    first.results.close()

    second = Opened(path, 3, ("again", 0, True))
    assert second.results.list() == ["r0", "r1", "again"]
    assert recorded(path) == [["r0"], ["r1"], ["again"]]


def test_skipped_items_of_earlier_runs_are_counted(path: Path) -> None:
    Opened(path, 3, *one_each(1), is_skipping=True).results.list()
    second = Opened(path, 3, is_skipping=True)
    assert second.results.list() == ["r1"]
    assert second.results.skipped == 2


def test_error_comes_after_what_stands_before_it(path: Path) -> None:
    opened = Opened(path, 3, *one_each(0), ValueError("bad"))
    assert next(opened.results) == "r0"
    with pytest.raises(ValueError, match="bad"):
        next(opened.results)
    assert opened.results.closed
    assert opened.run.is_closed
    with pytest.raises(StopIteration):
        next(opened.results)
    assert recorded(path) == [["r0"]]


def test_item_that_failed_half_way_is_not_recorded(path: Path) -> None:
    opened = Opened(path, 3, ("a", 0, True), ("b", 1, False), ValueError("bad"))
    assert next(opened.results) == "a"
    with pytest.raises(ValueError, match="bad"):
        next(opened.results)
    assert recorded(path) == [["a"]]


def test_interrupt_ends_the_results_and_leaves_the_journal_whole(path: Path) -> None:
    opened = Opened(path, 3, *one_each(0), LATER, *one_each(1), KeyboardInterrupt())
    assert next(opened.results) == "r0"
    with pytest.raises(KeyboardInterrupt):
        next(opened.results)
    assert opened.results.closed
    assert recorded(path) == [["r0"]]


def test_state_is_recorded_with_the_items(path: Path) -> None:
    opened = Opened(path, 3, *one_each(0, 1), LATER, *one_each(2), state=lambda upto: {"upto": upto})
    assert next(opened.results) == "r0"
    assert opened.journal.state == {"upto": 2}
    opened.results.close()

    second = Opened(path, 3, *one_each(0), state=lambda upto: {"upto": upto})
    assert second.journal.state == {"upto": 2}
    assert second.results.list() == ["r0", "r1", "r0"]
    assert second.journal.state == {"upto": 1}


def test_source_is_compared_before_a_result_is_given(path: Path) -> None:
    Opened(path, 600, *one_each(*range(600))).results.list()
    journal = Journal.open(FileStore(path), CALL, reset=False)
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for value in [*range(300), -1]:
            pulled.append(value)
            yield value

    results: JournaledResults[Any] = JournaledResults(Scripted(journal.source(source())), journal)
    given: list[Any] = []
    with pytest.raises(ValueError, match="item 300 of the source was 300 and is -1"):
        given.extend(results)  # what was given before the error stays in the list
    assert len(given) <= 300
    assert results.closed


def test_rows_and_advance_are_for_transactions_of_the_caller(path: Path) -> None:
    journal = Journal.open(FileStore(path), CALL, reset=False)
    source = journal.source(iter("abcd"))
    assert [next(source) for _ in range(3)] == ["a", "b", "c"]
    assert journal.rows(2) == [(0, "'a'", None), (1, "'b'", None)]
    journal.advance(journal.rows(2), {"offset": 10})
    assert (journal.done, journal.pulled, journal.state) == (2, 3, {"offset": 10})
    assert journal.rows(None) == [(2, "'c'", None)]
    journal.record(None, None, {"offset": 15})
    assert journal.done == 3
    journal.close()


def test_record_packs_outcomes_by_itself(path: Path) -> None:
    journal = Journal.open(FileStore(path), CALL, reset=False)
    source = journal.source(iter("abcd"))
    assert [next(source) for _ in range(3)] == ["a", "b", "c"]
    journal.record(2, [[1], [2, 3]], {})
    journal.close()
    assert recorded(path) == [[1], [2, 3]]
