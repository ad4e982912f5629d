"""Rules of errors in a flow: which is raised, what still arrives, what each stage does with its own."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.gate import Gatekeeper

PLACES = ["process", "thread"]


def take_all(flow: Iterable[Any]) -> tuple[list[Any], BaseException | None]:
    """Return what was yielded before the error, and the error."""
    values = []
    try:
        for value in flow:
            values.append(value)  # noqa: PERF402 - keeps what came before the error
    except Exception as error:  # noqa: BLE001 - any error is the answer
        return values, error
    return values, None


def fail_from(first: int, value: int) -> int:
    """Return a small number, refuse a larger one."""
    if value >= first:
        work.fail(value)
    return value


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_items_before_the_error_are_yielded_first(rt: rv.Runtime, place: Any, position: int) -> None:
    flow: Any = rt.flow(range(40))
    for stage in range(3):
        bad = 13 if stage == position else -1
        flow = flow.map(lambda value, bad=bad: work.fail_at(bad, value), on=place)
    values, error = take_all(flow)
    assert values == list(range(13))
    assert str(error) == "refused 13"


@pytest.mark.parametrize("place", PLACES)
def test_error_of_the_lowest_item_is_raised(rt: rv.Runtime, place: Any) -> None:
    for _ in range(5):
        with pytest.raises(ValueError, match=r"(?m)refused 7$"):
            rt.flow(range(60)).map(work.identity).map(lambda value: fail_from(7, value), on=place).list()


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("place", PLACES)
def test_error_of_a_later_stage_wins_if_its_item_is_lower(rt: rv.Runtime, keeper: Gatekeeper, place: Any) -> None:
    gate = keeper.gate

    def early(value: int) -> int:
        if value == 5:
            gate.announce()
            work.fail("5 in the first stage")
        return value

    def late(value: int) -> int:
        if value == 2:
            gate.pass_through()
            work.fail("2 in the second stage")
        return value

    thread = keeper.release_after(2, 1)
    flow = rt.flow(range(20)).map(early, on=place, window=8).map(late, on="thread", window=8)
    values, error = take_all(flow)
    thread.join()
    assert values == [0, 1]
    assert str(error) == "refused 2 in the second stage"


@pytest.mark.needs("parallel")
def test_error_in_a_part_of_an_item_wins_over_that_of_a_later_item(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def early(value: int) -> list[int]:
        if value == 5:
            gate.announce()
            work.fail("item 5")
        return [value * 10, value * 10 + 1]

    def late(value: int) -> int:
        if value == 31:
            gate.pass_through()
            work.fail("part 31")
        return value

    thread = keeper.release_after(2, 1)
    flow = rt.flow(range(20)).flat_map(early, window=8).map(late, on="thread", window=4, concurrency=2)
    values, error = take_all(flow)
    thread.join()
    assert values == [0, 1, 10, 11, 20, 21, 30]
    assert str(error) == "refused part 31"


@pytest.mark.needs("parallel")
def test_error_in_a_batch_wins_over_that_of_a_later_item(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def early(value: int) -> int:
        if value == 7:
            gate.announce()
            work.fail("item 7")
        return value

    def late(batch: list[int]) -> list[int]:
        if batch[0] == 3:
            gate.pass_through()
            work.fail("batch of 3")
        return batch

    thread = keeper.release_after(2, 1)
    flow = rt.flow(range(20)).map(early, window=9).batch(3).map(late, on="thread", window=4)
    values, error = take_all(flow)
    thread.join()
    assert values == [[0, 1, 2]]
    assert str(error) == "refused batch of 3"


def test_items_below_the_error_finish_in_the_later_stages(rt: rv.Runtime) -> None:
    seen: list[int] = []

    def note(value: int) -> int:
        seen.append(value)
        return value

    flow = rt.flow(range(30)).map(lambda value: work.fail_at(9, value)).map(note, on="thread").map(work.double)
    values, error = take_all(flow)
    assert str(error) == "refused 9"
    assert sorted(seen) == list(range(9))
    assert values == [2 * index for index in range(9)]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_new_is_pulled_after_an_error(rt: rv.Runtime, place: Any) -> None:
    source = Source()
    flow = rt.flow(source.items()).map(lambda value: work.fail_at(3, value), on=place, window=8)
    with pytest.raises(ValueError, match="refused 3"):
        flow.map(work.identity, on="thread", window=8).list()
    assert source.pulled <= 3 + 16 + 1
    assert source.closed


@pytest.mark.needs("kill")
def test_items_above_the_error_are_cancelled(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def fail_or_hang(index: int) -> None:
        gate.announce()
        if index == 0:
            gate.pass_through()
            work.fail(index)
        work.hang_in_python()

    thread = keeper.release_after(3, 1)
    with pytest.raises(ValueError, match="refused 0"):
        rt.flow(range(2)).map(fail_or_hang).map(work.identity, on="thread").list()
    thread.join()
    assert rt.map(work.double, range(10), chunk=1).list() == [2 * index for index in range(10)]


def test_iteration_after_the_error_is_over(rt: rv.Runtime) -> None:
    results = iter(rt.flow(range(4)).map(lambda value: work.fail_at(1, value)).map(work.identity, on="thread"))
    assert next(results) == 0
    with pytest.raises(ValueError, match="refused 1"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


@pytest.mark.parametrize("place", PLACES)
def test_error_of_a_returning_stage_goes_on_as_an_item(rt: rv.Runtime, place: Any) -> None:
    flow = rt.flow(range(6)).map(work.fail_if_odd, errors="return", on=place).map(repr)
    assert flow.list() == [
        "0",
        "ValueError('refused 1')",
        "2",
        "ValueError('refused 3')",
        "4",
        "ValueError('refused 5')",
    ]


@pytest.mark.parametrize("place", PLACES)
def test_error_of_a_skipping_stage_is_dropped(rt: rv.Runtime, place: Any) -> None:
    flow = rt.flow(range(20)).map(work.fail_if_odd, errors="skip", on=place).map(work.double)
    assert flow.list() == [2 * index for index in range(0, 20, 2)]


@pytest.mark.parametrize(
    ("policies", "expected"),
    list(zip(itertools.product(["return", "skip"], repeat=2), [14, 12, 12, 10], strict=True)),
)
def test_each_stage_has_its_own_policy(rt: rv.Runtime, policies: tuple[Any, Any], expected: int) -> None:
    def refuse_four(value: Any) -> Any:
        return work.fail(value) if value in {4, 8} else value

    flow = rt.flow(range(14)).map(lambda value: fail_from(12, value), errors=policies[0])
    flow = flow.map(refuse_four, errors=policies[1])
    results = flow.list()
    assert len(results) == expected
    assert [value for value in results if isinstance(value, int)] == [0, 1, 2, 3, 5, 6, 7, 9, 10, 11]


def test_error_of_a_raising_stage_is_not_skipped_by_a_later_one(rt: rv.Runtime) -> None:
    flow = rt.flow(range(9)).map(lambda value: work.fail_at(4, value)).map(work.identity, errors="skip")
    values, error = take_all(flow)
    assert (values, str(error)) == ([0, 1, 2, 3], "refused 4")


def test_error_of_a_raising_stage_is_not_skipped_by_an_earlier_one(rt: rv.Runtime) -> None:
    flow = rt.flow(range(9)).map(work.identity, errors="skip").map(lambda value: work.fail_at(4, value))
    values, error = take_all(flow)
    assert (values, str(error)) == ([0, 1, 2, 3], "refused 4")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("errors", ["return", "skip"])
def test_policies_hold_in_filter(rt: rv.Runtime, place: Any, errors: Any) -> None:
    def positive(value: int) -> bool:
        return work.fail_at(3, value) > 0

    results = rt.flow(range(6)).filter(positive, on=place, errors=errors).list()
    assert [value for value in results if isinstance(value, int)] == [1, 2, 4, 5]
    assert [str(value) for value in results if isinstance(value, ValueError)] == ["refused 3"] * (errors == "return")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("errors", ["return", "skip"])
def test_policies_hold_in_flat_map(rt: rv.Runtime, place: Any, errors: Any) -> None:
    def twice(value: int) -> list[int]:
        return [work.fail_at(1, value)] * 2

    results = rt.flow(range(3)).flat_map(twice, on=place, errors=errors).list()
    assert [value for value in results if isinstance(value, int)] == [0, 0, 2, 2]
    assert [str(value) for value in results if isinstance(value, ValueError)] == ["refused 1"] * (errors == "return")


def test_returned_error_may_stand_in_a_batch(rt: rv.Runtime) -> None:
    batches = rt.flow(range(4)).map(work.fail_if_odd, errors="return").batch(4).list()
    assert [str(value) for value in batches[0]] == ["0", "refused 1", "2", "refused 3"]


@pytest.mark.parametrize("place", PLACES)
def test_error_names_its_stage_and_its_item(rt: rv.Runtime, place: Any) -> None:
    flow = rt.flow([1000, 1002, 1005, 1007]).map(work.identity).map(work.identity, on="thread")
    _, error = take_all(flow.map(work.fail_if_odd, on=place))
    notes = "\n".join(getattr(error, "__notes__", ()))
    assert "fail_if_odd" in notes
    assert "item 2" in notes


def test_error_is_the_users_own(rt: rv.Runtime) -> None:
    _, error = take_all(rt.flow([3]).map(work.identity).map(work.refuse).map(work.identity, on="thread"))
    assert isinstance(error, work.Refused)
    assert error.code == 3
    assert isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize("errors", ["raise", "return", "skip"])
def test_error_of_the_source_comes_after_the_items_before_it(rt: rv.Runtime, errors: Any) -> None:
    source = Source(breaks_at=25)
    flow = rt.flow(source.items()).map(work.double, errors=errors).map(work.identity, on="thread", errors=errors)
    values, error = take_all(flow)
    assert values == [2 * index for index in range(25)]
    assert isinstance(error, RuntimeError)
    assert str(error) == "source broke at 25"


def test_error_of_an_item_goes_before_a_later_error_of_the_source(rt: rv.Runtime) -> None:
    source = Source(breaks_at=5)
    with pytest.raises(ValueError, match="refused 2"):
        rt.flow(source.items()).map(work.identity, window=9).map(
            lambda value: work.fail_at(2, value), on="thread"
        ).list()


@pytest.mark.needs("kill")
@pytest.mark.parametrize("place", PLACES)
def test_interrupt_of_the_source_does_not_wait_for_the_items_before_it(
    rt: rv.Runtime, keeper: Gatekeeper, place: Any
) -> None:
    def source() -> Iterator[int]:
        yield 0
        keeper.wait_for(1)
        raise KeyboardInterrupt

    gate = keeper.gate
    flow = rt.flow(source()).map(lambda _: gate.pass_through(), on=place, window=4)
    with pytest.raises(KeyboardInterrupt):
        flow.map(work.identity).list()
    keeper.release()


def test_batch_before_an_error_is_what_there_is(rt: rv.Runtime) -> None:
    values, error = take_all(rt.flow(Source(breaks_at=7).items()).map(work.double).batch(3))
    assert values == [[0, 2, 4], [6, 8, 10], [12]]
    assert str(error) == "source broke at 7"


@pytest.mark.needs("parallel")
def test_unordered_stage_raises_at_once(rt: rv.Runtime) -> None:
    over = threading.Event()

    def fail_or_wait(value: int) -> int:
        if value == 0:
            over.wait()
        return work.fail_at(1, value)

    flow = rt.flow(range(2)).map(fail_or_wait, on="thread", ordered=False, concurrency=2)
    _, error = take_all(flow)
    over.set()
    assert str(error) == "refused 1"


@pytest.mark.needs("processes")
def test_item_that_cannot_be_pickled_is_the_error_of_that_item(rt: rv.Runtime) -> None:
    items = [1, threading.Lock(), 3]
    flow = rt.flow(items).map(work.identity, on="thread").map(work.identity, errors="return")
    results = flow.list()
    assert results[::2] == [1, 3]
    assert isinstance(results[1], rv.NotSerializable)


@pytest.mark.needs("kill")
@pytest.mark.parametrize("position", [0, 1, 2])
def test_item_that_kills_its_worker_costs_that_item_alone(rt: rv.Runtime, position: int) -> None:
    flow: Any = rt.flow(range(30))
    for stage in range(3):
        bad = 11 if stage == position else -1
        flow = flow.map(
            lambda value, bad=bad: work.die_at(bad, value) if value in range(30) else value, errors="return"
        )
    results = flow.list()
    assert isinstance(results[11], rv.WorkerDied)
    assert results[:11] + results[12:] == [index for index in range(30) if index != 11]


@pytest.mark.needs("kill")
def test_death_of_a_worker_is_an_error_of_its_stage(rt: rv.Runtime) -> None:
    flow = rt.flow(range(20)).map(work.identity, errors="skip").map(lambda value: work.die_at(6, value))
    values, error = take_all(flow.map(work.identity, errors="skip"))
    assert values == list(range(6))
    assert isinstance(error, rv.WorkerDied)
