"""Rules of errors in ``map``: which is raised, what still runs, what takes its place."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gate import Gatekeeper


def take_all(results: Iterator[Any]) -> tuple[list[Any], BaseException | None]:
    """Return what was yielded before the error, and the error."""
    values = []
    try:
        for value in results:
            values.append(value)  # noqa: PERF402 - keeps what came before the error
    except Exception as error:  # noqa: BLE001 - any error is the answer
        return values, error
    return values, None


@pytest.mark.parametrize("chunk", [1, 3, 16, "auto"])
def test_items_below_the_error_are_yielded_first(rt: rv.Runtime, chunk: Any) -> None:
    values, error = take_all(rt.map(work.fail_at, [13] * 40, range(40), chunk=chunk))
    assert values == list(range(13))
    assert str(error) == "refused 13"


@pytest.mark.parametrize("chunk", [1, 2, 16, "auto"])
def test_error_of_the_lowest_index_is_raised(rt: rv.Runtime, chunk: Any) -> None:
    for _ in range(10):
        with pytest.raises(ValueError, match=r"refused 1$"):
            rt.map(work.fail_if_odd, range(60), chunk=chunk).list()


@pytest.mark.needs("parallel")
def test_error_of_the_lowest_index_is_raised_though_a_later_one_failed_first(
    rt: rv.Runtime, keeper: Gatekeeper
) -> None:
    gate = keeper.gate

    def late_then_early(index: int) -> None:
        if index == 0:
            gate.pass_through()
        else:
            gate.announce()
        work.fail(index)

    results = rt.map(late_then_early, range(2), chunk=1)
    thread = keeper.release_after(2, 1)
    with pytest.raises(ValueError, match="refused 0"):
        results.list()
    thread.join()


def test_nothing_new_is_pulled_after_an_error(rt: rv.Runtime) -> None:
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for index in range(1_000_000):
            pulled.append(index)
            yield index

    with pytest.raises(ValueError, match="refused 3"):
        rt.map(lambda value: work.fail_at(3, value), source(), window=16, chunk=1).list()
    assert len(pulled) <= 3 + 16 + 1


def test_iteration_after_the_error_is_over(rt: rv.Runtime) -> None:
    results = rt.map(work.fail_at, [1] * 4, range(4))
    assert next(results) == 0
    with pytest.raises(ValueError, match="refused 1"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


@pytest.mark.parametrize("chunk", [1, 4, "auto"])
def test_error_takes_the_place_of_its_item(rt: rv.Runtime, chunk: Any) -> None:
    results = rt.map(work.fail_if_odd, range(20), chunk=chunk, errors="return").list()
    assert results[::2] == list(range(0, 20, 2))
    assert [str(error) for error in results[1::2]] == [f"refused {index}" for index in range(1, 20, 2)]
    assert all(isinstance(error, ValueError) for error in results[1::2])


@pytest.mark.parametrize("chunk", [1, 4, "auto"])
def test_skipped_errors_are_dropped_and_counted(rt: rv.Runtime, chunk: Any) -> None:
    results = rt.map(work.fail_if_odd, range(20), chunk=chunk, errors="skip")
    assert results.list() == list(range(0, 20, 2))
    assert results.skipped == 10


def test_unordered_map_raises_an_error_of_one_of_the_bad_items(rt: rv.Runtime) -> None:
    values, error = take_all(rt.map(work.fail_if_odd, range(40), ordered=False, chunk=1))
    assert isinstance(error, ValueError)
    assert set(values) <= set(range(0, 40, 2))


def test_unordered_map_returns_and_skips_errors_too(rt: rv.Runtime) -> None:
    returned = rt.map(work.fail_if_odd, range(20), ordered=False, errors="return").list()
    assert sorted(value for value in returned if isinstance(value, int)) == list(range(0, 20, 2))
    assert len([value for value in returned if isinstance(value, ValueError)]) == 10
    assert sorted(rt.map(work.fail_if_odd, range(20), ordered=False, errors="skip")) == list(range(0, 20, 2))


@pytest.mark.parametrize("errors", ["raise", "return", "skip"])
def test_error_of_the_source_comes_after_the_items_before_it(rt: rv.Runtime, errors: Any) -> None:
    def source() -> Iterator[int]:
        yield from range(25)
        message = "source broke"
        raise RuntimeError(message)

    values, error = take_all(rt.map(work.double, source(), errors=errors))
    assert values == [2 * index for index in range(25)]
    assert isinstance(error, RuntimeError)
    assert str(error) == "source broke"


def test_error_of_an_item_goes_before_a_later_error_of_the_source(rt: rv.Runtime) -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        message = "source broke"
        raise RuntimeError(message)

    with pytest.raises(ValueError, match="refused 2"):
        rt.map(lambda value: work.fail_at(2, value), source()).list()


@pytest.mark.needs("kill")
@pytest.mark.parametrize("place", ["process", "thread"])
def test_interrupt_of_the_source_does_not_wait_for_the_items_before_it(
    rt: rv.Runtime, keeper: Gatekeeper, place: Any
) -> None:
    def source() -> Iterator[int]:
        yield 0
        keeper.wait_for(1)
        raise KeyboardInterrupt

    gate = keeper.gate
    with pytest.raises(KeyboardInterrupt):
        rt.map(lambda _: gate.pass_through(), source(), on=place, chunk=1, window=4).list()
    keeper.release()


def test_item_that_cannot_be_pickled_is_the_error_of_that_item(rt: rv.Runtime) -> None:
    results = rt.map(work.identity, [1, threading.Lock(), 3], errors="return", chunk=3).list()
    assert results[::2] == [1, 3]
    assert isinstance(results[1], rv.NotSerializable)


@pytest.mark.needs("kill")
@pytest.mark.parametrize("chunk", [1, 5, 30, "auto"])
def test_item_that_kills_its_worker_costs_that_item_alone(rt: rv.Runtime, chunk: Any) -> None:
    results = rt.map(work.die_at, [11] * 30, range(30), chunk=chunk, errors="return").list()
    assert isinstance(results[11], rv.WorkerDied)
    assert results[:11] + results[12:] == [index for index in range(30) if index != 11]


@pytest.mark.needs("kill")
def test_items_below_a_death_are_not_run_again(rt: rv.Runtime, log: str) -> None:
    def note_then_die(index: int) -> int:
        work.append(log, str(index))
        return work.die_at(5, index)

    results = rt.map(note_then_die, range(10), chunk=10, errors="return").list()
    assert isinstance(results[5], rv.WorkerDied)
    lines = Path(log).read_text().split()
    assert sorted(lines, key=int) == [str(index) for index in range(10)]


@pytest.mark.needs("kill")
def test_items_above_the_error_are_cancelled(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def fail_or_hang(index: int) -> None:
        gate.announce()
        if index == 0:
            gate.pass_through()
            work.fail(index)
        work.hang_in_python()

    results = rt.map(fail_or_hang, range(2), chunk=1)
    thread = keeper.release_after(3, 1)
    with pytest.raises(ValueError, match="refused 0"):
        results.list()
    thread.join()
    assert rt.map(work.double, range(10), chunk=1).list() == [2 * index for index in range(10)]
