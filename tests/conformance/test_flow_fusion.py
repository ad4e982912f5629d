"""Rules of neighbours of one place: whether they travel together can't be seen from outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PLACES = [
    pytest.param(["process"] * 3, id="processes"),
    pytest.param(["thread"] * 3, id="threads"),
    pytest.param(["process", "thread", "process"], id="apart"),
    pytest.param(["thread", "process", "thread"], id="apart too"),
]


def seen(flow: Iterable[Any]) -> list[str]:
    """Return all that can be seen of a flow: its items, and its error."""
    items = []
    try:
        for item in flow:
            items.append(repr(item))  # noqa: PERF401 - keeps what came before the error
    except Exception as error:  # noqa: BLE001 - any error is the answer
        items.append(f"raised {error!r}")
    return items


def mapped(rt: rv.Runtime, functions: list[Callable[[Any], Any]], places: list[Any], **options: Any) -> Any:
    """Return a flow of thirty numbers through these functions."""
    flow: Any = rt.flow(range(30))
    for function, place in zip(functions, places, strict=True):
        flow = flow.map(function, on=place, **options)
    return flow


@pytest.mark.parametrize("places", PLACES)
def test_values_are_the_same(rt: rv.Runtime, places: list[Any]) -> None:
    flow: Any = rt.flow(range(40)).map(work.double, on=places[0])
    flow = flow.filter(lambda value: value % 3, on=places[1]).flat_map(lambda value: [value, -value], on=places[2])
    assert flow.list() == [sign * value for value in range(0, 80, 2) if value % 3 for sign in (1, -1)]


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("first", [3, 9])
def test_error_is_that_of_the_lowest_item_and_then_of_the_first_stage(
    rt: rv.Runtime, places: list[Any], first: int
) -> None:
    def refuse(name: str, bad: int) -> Callable[[int], int]:
        def check(value: int) -> int:
            return work.fail(f"{value} in {name}") if value >= bad else value

        return check

    flow = mapped(rt, [refuse("a", first), refuse("b", 5), refuse("c", 5)], places)
    expected = "3 in a" if first == 3 else "5 in b"
    assert seen(flow) == [*map(str, range(min(first, 5))), f"raised ValueError('refused {expected}')"]


@pytest.mark.parametrize("places", PLACES)
def test_returned_errors_are_the_same(rt: rv.Runtime, places: list[Any]) -> None:
    def odd(value: Any) -> Any:
        return work.fail_if_odd(value) if isinstance(value, int) else str(value)

    def three(value: Any) -> Any:
        return work.fail("three") if value in {12, "refused 3"} else value

    flow = mapped(rt, [odd, three, work.identity], places, errors="return")
    expected = [repr(ValueError(f"refused {index}")) if index % 2 else str(index) for index in range(30)]
    expected[12] = "ValueError('refused three')"
    assert seen(flow) == expected


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize(
    "policies", [("skip", "raise", "return"), ("return", "skip", "raise"), ("raise", "return", "skip")]
)
def test_policy_of_each_stage_is_kept(rt: rv.Runtime, places: list[Any], policies: tuple[Any, ...]) -> None:
    def fail_over(bad: int) -> Callable[[Any], Any]:
        def check(value: Any) -> Any:
            return work.fail(f"{bad}") if isinstance(value, int) and value % 10 == bad else value

        return check

    flow: Any = rt.flow([1, 2, 3, 4, 12, 13, 14, 11, 22, 23, 24] if policies[0] != "raise" else [2, 3, 4, 12, 1, 3])
    for bad, policy, place in zip([1, 2, 3], policies, places, strict=True):
        flow = flow.map(fail_over(bad), errors=policy, on=place)
    assert (
        seen(flow)
        == {
            "skip": ["raised ValueError('refused 2')"],
            "return": ["ValueError('refused 1')", "raised ValueError('refused 3')"],
            "raise": ["ValueError('refused 2')", "4", "ValueError('refused 2')", "raised ValueError('refused 1')"],
        }[policies[0]]
    )


@pytest.mark.parametrize("places", PLACES)
def test_stage_and_item_in_the_note_are_the_same(rt: rv.Runtime, places: list[Any]) -> None:
    flow = mapped(rt, [work.double, lambda value: value + 1, lambda value: work.fail_at(4007, value + 4000)], places)
    with pytest.raises(ValueError, match="refused 4007") as caught:
        flow.list()
    notes = "\n".join(caught.value.__notes__)
    assert "item 3" in notes


@pytest.mark.parametrize("places", PLACES)
def test_each_stage_counts_its_own(rt: rv.Runtime, places: list[Any]) -> None:
    flow: Any = rt.flow(range(40)).map(work.double, on=places[0]).filter(lambda value: value % 4, on=places[1])
    report = flow.map(lambda value: work.fail_at(2, value), on=places[2], errors="skip").to(lambda _: None).run()
    assert report.stages[0].items_in == 40
    assert [stage.items_in for stage in report.stages[:-1]][-1] in {20, 40}
    assert [stage.items_out for stage in report.stages[:-1]][-1] == 19
    assert sum(stage.skipped for stage in report.stages) == 1


@pytest.mark.parametrize("places", PLACES)
def test_retry_of_one_stage_leaves_those_before_it_alone(rt: rv.Runtime, places: list[Any], tmp_path: Path) -> None:
    def note(index: int) -> int:
        work.append(str(tmp_path / f"first{index}"), "ran")
        return index

    def third_time(index: int) -> int:
        return work.succeed_on_attempt(str(tmp_path / f"second{index}"), 3)

    flow: Any = rt.flow(range(5)).map(note, on=places[0]).map(third_time, on=places[1], retries=2)
    assert flow.map(work.identity, on=places[2]).list() == [3] * 5
    assert [len(Path(tmp_path / f"first{index}").read_bytes().splitlines()) for index in range(5)] == [1] * 5


@pytest.mark.needs("kill")
@pytest.mark.parametrize("places", PLACES[:1] + PLACES[2:])
def test_death_costs_one_item_of_the_stage_that_died(rt: rv.Runtime, places: list[Any]) -> None:
    parent = os.getpid()

    def die(value: int) -> int:
        return value if os.getpid() == parent else work.die_at(17, value)

    flow: Any = rt.flow(range(30))
    dead = places.index("process")
    for stage, place in enumerate(places):
        function = die if stage == dead else work.identity
        flow = flow.map(function, on=place, errors="skip" if stage == dead else "raise")
    assert flow.list() == [index for index in range(30) if index != 17]


@pytest.mark.parametrize("places", PLACES)
def test_source_is_pulled_no_further(rt: rv.Runtime, places: list[Any]) -> None:
    source = Source()
    flow: Any = rt.flow(source.items())
    for place in places:
        flow = flow.map(work.identity, on=place, window=3)
    for value in source.consumed(flow):
        if value == 60:
            break
    assert source.ahead <= 9


@pytest.mark.needs("kill")
@pytest.mark.parametrize("places", PLACES)
def test_timeout_counts_one_stage_alone(rt: rv.Runtime, places: list[Any]) -> None:
    flow: Any = rt.flow(range(3)).map(lambda value: work.sleep_for(0.3, value), on=places[0])
    flow = flow.map(work.identity, on=places[1], timeout=0.25).map(work.double, on=places[2])
    assert flow.list() == [0, 2, 4]


@pytest.mark.parametrize("places", PLACES)
def test_random_numbers_are_those_of_the_serial_engine(rt: rv.Runtime, places: list[Any]) -> None:
    def drawn(value: Any) -> tuple[Any, float]:
        return value, rv.rng().random()

    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = mapped(serial, [drawn] * 3, places).list()
    with rv.Runtime(workers=2, engine=rt.engine, seed=5) as other:
        assert mapped(other, [drawn] * 3, places).list() == expected
