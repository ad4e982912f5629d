"""Rules of ``batch``, ``window`` and ``zip``: how items are put together, and what is left at the ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import raveler as rv


def tuples(items: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """Return each group as a tuple, whatever sequence it is."""
    return [tuple(item) for item in items]


def slices(items: list[Any], size: int, step: int) -> list[tuple[Any, ...]]:
    """Return what a window that slides over the list shows, as long as it is full."""
    return [tuple(items[first : first + size]) for first in range(0, len(items) - size + 1, step)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7, 100])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_batches_are_full_but_for_the_last(rt: rv.Runtime, count: int, size: int) -> None:
    expected = [list(range(first, min(first + size, count))) for first in range(0, count, size)]
    assert rt.flow(range(count)).batch(size).list() == expected


def test_batch_is_a_list(rt: rv.Runtime) -> None:
    assert [type(batch) for batch in rt.flow(range(5)).map(work.double).batch(2)] == [list, list, list]


def test_batch_is_one_argument_of_the_next_stage(rt: rv.Runtime) -> None:
    assert rt.flow(range(10)).map(work.double).batch(4).map(sum).list() == [12, 44, 34]


def test_batch_of_batches(rt: rv.Runtime) -> None:
    assert rt.flow(range(5)).batch(2).batch(2).list() == [[[0, 1], [2, 3]], [[4]]]


def test_full_batch_does_not_wait_for_the_next_item(rt: rv.Runtime) -> None:
    source = Source()
    results = iter(rt.flow(source.items()).batch(3))
    assert next(results) == [0, 1, 2]
    assert source.pulled == 3


def test_batch_counts_what_arrives_and_not_what_was_dropped(rt: rv.Runtime) -> None:
    flow = rt.flow(range(20)).filter(lambda value: value % 3 == 0).batch(3)
    assert flow.list() == [[0, 3, 6], [9, 12, 15], [18]]


def test_batches_go_across_the_parts_of_a_flat_map(rt: rv.Runtime) -> None:
    flow = rt.flow([3, 0, 1, 4]).flat_map(range).batch(3)
    assert flow.list() == [[0, 1, 2], [0, 0, 1], [2, 3]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 50])
@pytest.mark.parametrize(("size", "step"), [(1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (2, 5), (9, 4)])
def test_window_slides_by_its_step_and_is_always_full(rt: rv.Runtime, count: int, size: int, step: int) -> None:
    items = list(range(count))
    assert tuples(rt.flow(items).window(size, step=step)) == slices(items, size, step)


def test_window_slides_by_one_unless_told(rt: rv.Runtime) -> None:
    assert tuples(rt.flow(range(5)).window(3)) == [(0, 1, 2), (1, 2, 3), (2, 3, 4)]


def test_window_is_one_argument_of_the_next_stage(rt: rv.Runtime) -> None:
    assert rt.flow(range(6)).map(work.double).window(3).map(sum).list() == [6, 12, 18, 24]


def test_windows_share_nothing_that_can_be_changed(rt: rv.Runtime) -> None:
    def spoil(items: Any) -> int:
        total = sum(items)
        if isinstance(items, list):
            items.clear()
        return int(total)

    assert rt.flow(range(5)).window(3).map(spoil, on="thread").list() == [3, 6, 9]


def test_zip_pairs_each_item_with_those_of_the_others(rt: rv.Runtime) -> None:
    flow = rt.flow(range(4)).map(work.double).zip("abcd", [9, 8, 7, 6])
    assert flow.list() == [(0, "a", 9), (2, "b", 8), (4, "c", 7), (6, "d", 6)]


@pytest.mark.parametrize(("left", "right"), [(0, 3), (3, 0), (2, 5), (5, 2), (4, 4)])
def test_zip_ends_with_the_shortest(rt: rv.Runtime, left: int, right: int) -> None:
    assert rt.flow(range(left)).zip(range(right)).list() == list(zip(range(left), range(right), strict=False))


def test_zip_with_nothing_makes_tuples_of_one(rt: rv.Runtime) -> None:
    assert rt.flow(range(3)).zip().list() == [(0,), (1,), (2,)]


def test_zip_takes_a_flow(rt: rv.Runtime) -> None:
    left = rt.flow(range(40)).map(work.double)
    right = rt.flow(range(40)).filter(lambda value: value % 2 == 0).map(work.identity, on="thread")
    assert left.zip(right).list() == [(2 * index, 2 * index) for index in range(20)]


def test_flow_can_be_zipped_with_itself(rt: rv.Runtime) -> None:
    flow = rt.flow(range(10)).map(work.double)
    assert flow.zip(flow).list() == [(2 * index, 2 * index) for index in range(10)]


def test_zip_with_an_endless_source_ends(rt: rv.Runtime) -> None:
    other = Source()
    assert rt.flow(range(5)).map(work.double).zip(other.items()).list() == [(2 * index, index) for index in range(5)]
    assert other.closed


def test_zip_that_ended_by_another_closes_the_endless_source(rt: rv.Runtime) -> None:
    source = Source()
    assert len(rt.flow(source.items()).map(work.double, window=4).zip(range(5)).list()) == 5
    assert source.closed


def test_zip_pulls_the_others_no_further_than_needed(rt: rv.Runtime) -> None:
    source, other = Source(), Source()
    results = iter(rt.flow(source.items()).map(work.double, window=4).zip(other.items()))
    for index in range(20):
        assert next(results) == (2 * index, index)
        assert other.pulled <= index + 2
    del results
    assert source.closed
    assert other.closed


def test_error_of_another_iterable_is_raised_after_the_pairs_before_it(rt: rv.Runtime) -> None:
    results = iter(rt.flow(itertools.count()).map(work.double, window=4).zip(Source(breaks_at=3).items()))
    assert [next(results) for _ in range(3)] == [(0, 0), (2, 1), (4, 2)]
    with pytest.raises(RuntimeError, match="source broke at 3"):
        next(results)


def test_error_in_a_zipped_flow_is_raised_after_the_pairs_before_it(rt: rv.Runtime) -> None:
    other = rt.flow(range(10)).map(lambda value: work.fail_at(4, value))
    results = iter(rt.flow(range(10)).map(work.double).zip(other))
    assert [next(results) for _ in range(4)] == [(2 * index, index) for index in range(4)]
    with pytest.raises(ValueError, match="refused 4"):
        next(results)


def test_parts_of_a_flat_map_may_be_any_iterable(rt: rv.Runtime) -> None:
    def parts(value: int) -> Any:
        return [(value,), [value], {value: 1}, {value}, str(value), range(value, value + 1)][value]

    assert rt.flow(range(6)).flat_map(parts).list() == [0, 1, 2, 3, "4", 5]


@pytest.mark.parametrize("place", ["process", "thread"])
def test_function_of_a_flat_map_may_be_a_generator(rt: rv.Runtime, place: Any) -> None:
    def count(value: int) -> Iterator[int]:
        yield from range(value)

    assert rt.flow([2, 0, 3]).flat_map(count, on=place).list() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("place", ["process", "thread"])
def test_error_in_the_middle_of_a_generator_is_the_error_of_its_item(rt: rv.Runtime, place: Any) -> None:
    def count(value: int) -> Iterator[int]:
        yield value
        work.fail_at(2, value)
        yield value

    flow = rt.flow(range(4)).flat_map(count, on=place, errors="skip")
    assert [value for value in flow if value != 2] == [0, 0, 1, 1, 3, 3]


def test_flat_map_of_something_that_cannot_be_iterated_is_the_error_of_its_item(rt: rv.Runtime) -> None:
    results = iter(rt.flow([[0], [1], 2, [3]]).flat_map(work.identity))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(TypeError, match="int"):
        next(results)


def test_flat_map_of_large_parts_keeps_their_order(rt: rv.Runtime) -> None:
    flow = rt.flow([5000, 1, 0, 3000]).flat_map(range).map(work.identity)
    assert flow.list() == [*range(5000), 0, *range(3000)]


def test_windows_of_batches_of_parts(rt: rv.Runtime) -> None:
    flow = rt.flow(range(6)).flat_map(lambda value: [value] * 2).batch(3).window(2)
    batches = [[0, 0, 1], [1, 2, 2], [3, 3, 4], [4, 5, 5]]
    assert tuples(flow) == list(itertools.pairwise(batches))


def test_stages_behind_a_zip_are_counted_as_they_were_written(rt: rv.Runtime) -> None:
    other = rt.flow("abc").map(str.upper).filter(bool)
    with pytest.raises(ValueError, match="refused") as caught:
        rt.flow(range(3)).map(float).zip(other).map(work.fail).list()
    assert caught.value.__notes__[-1].startswith("in stage 3 (map fail) of the flow")
