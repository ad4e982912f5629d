"""Rules of ``map``, ``starmap`` and ``imap_unordered``: values and their order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests import work

if TYPE_CHECKING:
    import raveler as rv
    from tests.conformance.conftest import NewRuntime
    from tests.gate import Gatekeeper

DOUBLED = [2 * index for index in range(500)]


def test_map_yields_in_input_order(rt: rv.Runtime) -> None:
    assert list(rt.map(work.double, range(500))) == DOUBLED


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 500, 10_000, "auto"])
def test_chunk_does_not_change_the_result(rt: rv.Runtime, chunk: Any) -> None:
    assert rt.map(work.double, range(500), chunk=chunk).list() == DOUBLED


@pytest.mark.parametrize("window", [1, 2, 16, 10_000])
def test_window_does_not_change_the_result(rt: rv.Runtime, window: int) -> None:
    assert rt.map(work.double, range(200), window=window).list() == DOUBLED[:200]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_number_of_workers_does_not_change_the_result(new_runtime: NewRuntime, workers: int) -> None:
    assert new_runtime(workers=workers).map(work.double, range(200)).list() == DOUBLED[:200]


@pytest.mark.needs("parallel")
def test_slow_first_item_does_not_change_the_order(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    def slow_first(index: int) -> int:
        if index == 0:
            keeper_gate.pass_through()
        else:
            keeper_gate.announce()
        return index

    keeper_gate = keeper.gate
    results = rt.map(slow_first, range(20), chunk=1, window=20)
    thread = keeper.release_after(20, 1)
    assert results.list() == list(range(20))
    thread.join()


def test_uneven_items_yield_in_input_order(rt: rv.Runtime) -> None:
    waits = [random.Random(3).random() / 200 for _ in range(60)]
    assert rt.map(work.sleep_for, waits, range(60), chunk=1).list() == list(range(60))


def test_map_of_nothing_is_empty(rt: rv.Runtime) -> None:
    assert rt.map(work.double, []).list() == []
    assert list(rt.map(work.double, iter(()))) == []


def test_map_of_one_item(rt: rv.Runtime) -> None:
    assert rt.map(work.double, [4]).list() == [8]


def test_map_takes_several_iterables_and_stops_with_the_shortest(rt: rv.Runtime) -> None:
    assert rt.map(work.add, [1, 2, 3], [10, 20]).list() == [11, 22]
    assert rt.map(pow, range(5), iter([2] * 9)).list() == [0, 1, 4, 9, 16]


def test_map_takes_any_iterable(rt: rv.Runtime) -> None:
    expected = [0, 2, 4]
    assert rt.map(work.double, (item for item in range(3))).list() == expected
    assert rt.map(work.double, {0: "a", 1: "b", 2: "c"}).list() == expected
    assert rt.map(len, "abc").list() == [1, 1, 1]


def test_item_that_is_a_tuple_is_one_argument(rt: rv.Runtime) -> None:
    assert rt.map(work.identity, [(1, 2), ()]).list() == [(1, 2), ()]


def test_unordered_map_yields_every_value_once(rt: rv.Runtime) -> None:
    assert sorted(rt.map(work.double, range(500), ordered=False)) == DOUBLED


@pytest.mark.needs("parallel")
def test_unordered_map_yields_what_is_ready_first(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def slow_first(index: int) -> int:
        if index == 0:
            gate.pass_through()
        return index

    results = rt.map(slow_first, range(10), ordered=False, chunk=1)
    first = [next(results) for _ in range(9)]
    keeper.release()
    assert sorted(first) == list(range(1, 10))
    assert list(results) == [0]


def test_imap_unordered_yields_every_value_once(rt: rv.Runtime) -> None:
    assert sorted(rt.imap_unordered(work.double, range(100))) == DOUBLED[:100]


def test_starmap_unpacks_each_item(rt: rv.Runtime) -> None:
    assert rt.starmap(work.add, [(1, 2), (3, 4)]).list() == [3, 7]
    assert rt.starmap(pow, zip(range(4), [2] * 4, strict=True)).list() == [0, 1, 4, 9]


def test_starmap_takes_the_arguments_of_map(rt: rv.Runtime) -> None:
    results = rt.starmap(work.fail_at, [(1, 0), (1, 1), (1, 2)], chunk=2, errors="skip")
    assert results.list() == [0, 2]


def test_lambda_and_closure_can_be_mapped(rt: rv.Runtime) -> None:
    factor = 3
    assert rt.map(lambda value: value * factor, range(5)).list() == [0, 3, 6, 9, 12]


def test_closure_is_taken_as_it_is_at_each_map(rt: rv.Runtime) -> None:
    state = {"factor": 1}
    first = rt.map(lambda value: value * state["factor"], range(3)).list()
    state["factor"] = 10
    second = rt.map(lambda value: value * state["factor"], range(3)).list()
    assert (first, second) == ([0, 1, 2], [0, 10, 20])


def test_two_maps_can_be_consumed_side_by_side(rt: rv.Runtime) -> None:
    left = rt.map(work.double, range(100))
    right = rt.map(work.identity, range(100))
    assert list(zip(left, right, strict=True)) == [(2 * index, index) for index in range(100)]


def test_results_of_one_map_can_feed_another(rt: rv.Runtime) -> None:
    assert rt.map(work.double, rt.map(work.double, range(50))).list() == [4 * index for index in range(50)]


def test_large_items_and_results_pass(rt: rv.Runtime) -> None:
    items = [bytes([index]) * 400_000 for index in range(20)]
    assert rt.map(work.identity, items).list() == items


def test_more_bytes_than_fit_at_once_wait_and_pass(rt: rv.Runtime) -> None:
    items = (bytes([index % 256]) * 4_000_000 for index in range(60))
    assert rt.map(len, items).list() == [4_000_000] * 60


def test_items_of_mixed_sizes_keep_their_order(rt: rv.Runtime) -> None:
    items = [b"x" * (10 ** (index % 6)) for index in range(60)]
    assert rt.map(len, items).list() == [10 ** (index % 6) for index in range(60)]


@pytest.mark.needs("processes")
def test_map_uses_every_worker(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def where(_: int) -> int:
        import os

        gate.pass_through()
        return os.getpid()

    thread = keeper.release_after(2, 2)
    assert len(set(rt.map(where, range(2)).list())) == 2
    thread.join()


def test_map_of_a_hundred_thousand_items(rt: rv.Runtime) -> None:
    assert sum(rt.map(work.double, range(100_000))) == 2 * sum(range(100_000))
