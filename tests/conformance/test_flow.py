"""Rules of ``flow``: what each stage does with its items, and in which order they come out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests import work

if TYPE_CHECKING:
    import raveler as rv
    from tests.conformance.conftest import NewRuntime
    from tests.gate import Gatekeeper


def is_even(value: int) -> bool:
    """Say whether the number is even."""
    return value % 2 == 0


def repeat(value: int) -> list[int]:
    """Return the number as often as it says, up to three times."""
    return [value] * (value % 4)


def test_flow_without_stages_yields_its_source(rt: rv.Runtime) -> None:
    assert rt.flow(range(5)).list() == [0, 1, 2, 3, 4]


def test_map_stage_yields_in_input_order(rt: rv.Runtime) -> None:
    assert rt.flow(range(300)).map(work.double).list() == [2 * index for index in range(300)]


def test_filter_stage_keeps_the_items_whose_function_is_true(rt: rv.Runtime) -> None:
    assert rt.flow(range(50)).filter(is_even).list() == list(range(0, 50, 2))


def test_filter_stage_takes_any_truth(rt: rv.Runtime) -> None:
    items: list[Any] = [0, 1, "", "a", None, [], [0]]
    assert rt.flow(items).filter(bool).list() == [1, "a", [0]]
    assert rt.flow(items).filter(work.identity).list() == [1, "a", [0]]


def test_filter_stage_yields_the_item_and_not_what_its_function_gave(rt: rv.Runtime) -> None:
    assert rt.flow(["a", "bb", ""]).filter(len).list() == ["a", "bb"]


def test_flat_map_stage_yields_each_part_in_its_place(rt: rv.Runtime) -> None:
    expected = [value for index in range(20) for value in repeat(index)]
    assert rt.flow(range(20)).flat_map(repeat).list() == expected


def test_stages_are_applied_one_after_another(rt: rv.Runtime) -> None:
    flow = (
        rt.flow(range(40)).map(work.double).filter(lambda value: value % 3 == 0).flat_map(lambda value: [value, -value])
    )
    expected = [sign * value for value in range(0, 80, 2) if value % 3 == 0 for sign in (1, -1)]
    assert flow.list() == expected


def test_lambda_and_closure_can_be_stages(rt: rv.Runtime) -> None:
    factor = 3
    assert rt.flow(range(5)).map(lambda value: value * factor).filter(lambda value: value > factor).list() == [6, 9, 12]


def test_flow_of_nothing_is_empty(rt: rv.Runtime) -> None:
    assert rt.flow([]).map(work.double).filter(bool).flat_map(repeat).batch(3).list() == []


def test_flow_that_drops_everything_is_empty(rt: rv.Runtime) -> None:
    assert rt.flow(range(100)).map(work.double).filter(lambda value: value < 0).map(work.double).list() == []


def test_flow_takes_any_iterable(rt: rv.Runtime) -> None:
    assert rt.flow(item for item in range(3)).map(work.double).list() == [0, 2, 4]
    assert rt.flow({0: "a", 1: "b"}).map(work.double).list() == [0, 2]
    assert rt.flow("abc").map(str.upper).list() == ["A", "B", "C"]
    assert rt.flow(rt.map(work.double, range(3))).map(work.double).list() == [0, 4, 8]


def test_item_that_is_a_tuple_is_one_argument(rt: rv.Runtime) -> None:
    assert rt.flow([(1, 2), ()]).map(work.identity).list() == [(1, 2), ()]


def test_none_is_an_item_like_any_other(rt: rv.Runtime) -> None:
    assert rt.flow([None, 1, None]).map(work.identity).batch(2).list() == [[None, 1], [None]]


def test_flow_is_unchanged_by_its_stages(rt: rv.Runtime) -> None:
    start = rt.flow(range(4))
    doubled = start.map(work.double)
    filtered = doubled.filter(lambda value: value > 2)
    batched = doubled.batch(3)
    assert start.list() == [0, 1, 2, 3]
    assert filtered.list() == [4, 6]
    assert batched.list() == [[0, 2, 4], [6]]
    assert doubled.list() == [0, 2, 4, 6]


def test_flow_can_run_twice(rt: rv.Runtime) -> None:
    flow = rt.flow(range(50)).map(work.double).batch(7)
    assert flow.list() == flow.list()


def test_two_runs_of_one_flow_can_be_consumed_side_by_side(rt: rv.Runtime) -> None:
    flow = rt.flow(range(60)).map(work.double)
    assert list(zip(flow, flow, strict=True)) == [(2 * index, 2 * index) for index in range(60)]


@pytest.mark.parametrize("window", [1, 2, 16, 10_000])
def test_window_does_not_change_the_result(rt: rv.Runtime, window: int) -> None:
    flow = (
        rt.flow(range(100))
        .map(work.double, window=window)
        .filter(bool, window=window)
        .map(work.identity, window=window)
    )
    assert flow.list() == [2 * index for index in range(1, 100)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_number_of_workers_does_not_change_the_result(new_runtime: NewRuntime, workers: int) -> None:
    flow = new_runtime(workers=workers).flow(range(150)).map(work.double).flat_map(repeat).map(work.double)
    assert flow.list() == [2 * value for index in range(0, 300, 2) for value in repeat(index)]


def test_uneven_items_yield_in_input_order(rt: rv.Runtime) -> None:
    dice = random.Random(3)
    waits = [dice.random() / 300 for _ in range(40)]

    def wait(index: int) -> int:
        return int(work.sleep_for(waits[index], index))

    assert rt.flow(range(40)).map(wait).map(wait, on="thread").map(wait).list() == list(range(40))


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("place", ["process", "thread"])
def test_slow_first_item_does_not_change_the_order(rt: rv.Runtime, keeper: Gatekeeper, place: Any) -> None:
    gate = keeper.gate

    def slow_first(index: int) -> int:
        if index == 0:
            gate.pass_through()
        else:
            gate.announce()
        return index

    flow = rt.flow(range(10)).map(slow_first, on=place, window=10).map(work.double)
    thread = keeper.release_after(10, 1)
    assert flow.list() == [2 * index for index in range(10)]
    thread.join()


def test_unordered_stage_yields_every_value_once(rt: rv.Runtime) -> None:
    flow = rt.flow(range(300)).map(work.double, ordered=False).filter(bool)
    assert sorted(flow) == [2 * index for index in range(1, 300)]


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("place", ["process", "thread"])
def test_unordered_stage_hands_on_what_is_ready_first(rt: rv.Runtime, keeper: Gatekeeper, place: Any) -> None:
    gate = keeper.gate

    def slow_first(index: int) -> int:
        if index == 0:
            gate.pass_through()
        return index

    flow = rt.flow(range(8)).map(slow_first, on=place, ordered=False, window=8).map(work.identity, on="thread")
    results = iter(flow)
    first = [next(results) for _ in range(7)]
    keeper.release()
    assert sorted(first) == list(range(1, 8))
    assert list(results) == [0]


@pytest.mark.needs("parallel")
def test_items_larger_than_a_frame_pass_all_stages(rt: rv.Runtime) -> None:
    items = [bytes([index]) * 300_000 for index in range(12)]
    assert rt.flow(items).map(work.identity).map(work.identity, on="thread").map(len).list() == [300_000] * 12


def test_stages_of_one_place_may_be_many(rt: rv.Runtime) -> None:
    flow = rt.flow(range(30))
    for _ in range(25):
        flow = flow.map(work.identity)
    assert flow.map(work.double).list() == [2 * index for index in range(30)]


def test_many_stages_of_changing_places_work(rt: rv.Runtime) -> None:
    flow = rt.flow(range(30))
    for step in range(12):
        flow = flow.map(work.identity, on="thread" if step % 2 else "process")
    assert flow.map(work.double).list() == [2 * index for index in range(30)]


def test_flow_of_many_items(rt: rv.Runtime) -> None:
    flow = rt.flow(range(30_000)).map(work.double).filter(is_even).map(work.double)
    assert sum(flow) == 4 * sum(range(30_000))
