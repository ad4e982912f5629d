"""Rules of ``journal`` in a flow that is iterated: what was done once is not done again, and nobody can tell."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    import raveler as rv
    from tests.conformance.conftest import RunLoop

DOUBLED = [2 * index for index in range(40)]


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """Give the path of a journal that does not exist yet."""
    return str(tmp_path / "run.db")


def noted(rt: rv.Runtime, items: Any, journal: str, log: str, **options: Any) -> Any:
    """Return a flow that writes down what it computes, in a process and in a thread."""

    def note(value: int) -> int:
        work.append(log, str(value))
        return 2 * value

    return rt.flow(items, journal=journal, **options).map(note, window=4).map(work.identity, on="thread", window=4)


def lines(log: str) -> list[str]:
    """Return what was written down."""
    return Path(log).read_text().split()


def test_journal_does_not_change_the_result(rt: rv.Runtime, journal: str, log: str) -> None:
    assert noted(rt, range(40), journal, log).list() == DOUBLED


def test_flow_that_ended_gives_its_results_again_without_computing(rt: rv.Runtime, journal: str, log: str) -> None:
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    assert len(lines(log)) == 40


def test_flow_that_was_left_goes_on_where_it_was(rt: rv.Runtime, journal: str, log: str) -> None:
    assert list(itertools.islice(noted(rt, range(40), journal, log), 15)) == DOUBLED[:15]
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    assert len(lines(log)) <= 40 + 8


def test_flow_whose_source_broke_goes_on_where_it_was(rt: rv.Runtime, journal: str, log: str) -> None:
    with pytest.raises(RuntimeError, match="source broke at 25"):
        noted(rt, Source(breaks_at=25).items(), journal, log).list()
    assert noted(rt, Source(40).items(), journal, log).list() == DOUBLED
    assert len(lines(log)) == 40


def test_flow_goes_on_under_a_loop(rt: rv.Runtime, journal: str, log: str, run_loop: RunLoop) -> None:
    async def main(count: int) -> list[int]:
        seen: list[int] = []
        async for value in noted(rt, range(40), journal, log):
            seen.append(value)
            if len(seen) == count:
                break
        return seen

    assert run_loop(lambda: main(10)) == DOUBLED[:10]
    assert run_loop(lambda: main(99)) == DOUBLED


def test_longer_source_adds_what_is_new(rt: rv.Runtime, journal: str, log: str) -> None:
    assert noted(rt, range(30), journal, log).list() == DOUBLED[:30]
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    assert len(lines(log)) == 40


def test_another_source_is_refused(rt: rv.Runtime, journal: str, log: str) -> None:
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    with pytest.raises(ValueError, match=r"(?i)journal"):
        noted(rt, range(1, 41), journal, log).list()


def test_changed_function_is_refused_with_its_name(rt: rv.Runtime, journal: str) -> None:
    def one(value: int) -> int:
        return value + 1

    def other(value: int) -> int:
        return value + 2

    other.__name__, other.__qualname__ = one.__name__, one.__qualname__
    assert rt.flow(range(5), journal=journal).map(one).list() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="one"):
        rt.flow(range(5), journal=journal).map(other).list()


def test_another_stage_is_refused(rt: rv.Runtime, journal: str) -> None:
    assert rt.flow(range(5), journal=journal).map(work.double).list() == DOUBLED[:5]
    for changed in ("filter", "batch"):
        flow = rt.flow(range(5), journal=journal).map(work.double)
        longer = flow.filter(bool) if changed == "filter" else flow.batch(2)
        with pytest.raises(ValueError, match=changed):
            longer.list()


def test_options_that_do_not_change_the_result_may_change(rt: rv.Runtime, journal: str) -> None:
    assert rt.flow(range(5), journal=journal).map(work.double).list() == DOUBLED[:5]
    assert rt.flow(range(5), journal=journal).map(work.double, window=2).list() == DOUBLED[:5]


def test_reset_starts_over(rt: rv.Runtime, journal: str, log: str) -> None:
    assert noted(rt, range(40), journal, log).list() == DOUBLED
    assert noted(rt, range(5), journal, log, journal_reset=True).list() == DOUBLED[:5]
    assert len(lines(log)) == 45


@pytest.mark.parametrize("left", [1, 4, 9])
def test_parts_and_dropped_items_are_whole_after_going_on(rt: rv.Runtime, journal: str, left: int) -> None:
    def flow() -> Any:
        begun = rt.flow(range(30), journal=journal).filter(lambda value: value % 3 > 0, window=4)
        return begun.flat_map(lambda value: [value] * (value % 4), on="thread", window=4)

    expected = [value for value in range(30) if value % 3 for _ in range(value % 4)]
    assert list(itertools.islice(flow(), left)) == expected[:left]
    assert flow().list() == expected


@pytest.mark.parametrize("left", [1, 3, 6])
def test_batches_are_the_same_after_going_on(rt: rv.Runtime, journal: str, left: int) -> None:
    def flow() -> Any:
        return rt.flow(range(30), journal=journal).map(work.double, window=4).batch(4)

    expected = [[2 * index for index in range(first, min(first + 4, 30))] for first in range(0, 30, 4)]
    assert list(itertools.islice(flow(), left)) == expected[:left]
    assert flow().list() == expected


def test_random_numbers_are_the_same_after_going_on(rt: rv.Runtime, journal: str, tmp_path: Path) -> None:
    def flow(path: str) -> Any:
        return rt.flow(range(30), journal=path).map(work.draw, key="mine", window=4).map(work.identity, on="thread")

    expected = flow(str(tmp_path / "other.db")).list()
    assert list(itertools.islice(flow(journal), 11)) == expected[:11]
    assert flow(journal).list() == expected
