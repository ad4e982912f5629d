"""Rules of random numbers in flows: every item of every stage has its own stream, whatever runs it and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime


def drawn(value: Any) -> tuple[Any, float]:
    """Return the item with a number of its own stream."""
    return value, rv.rng().random()


def heads(_: Any) -> bool:
    """Toss a coin."""
    return rv.rng().random() < 0.5


def some(value: Any) -> list[Any]:
    """Return the item some times."""
    return [value] * rv.rng().randrange(3)


def walk(rt: rv.Runtime, **options: Any) -> list[Any]:
    """Run a flow whose every stage draws."""
    flow = rt.flow(range(40)).map(drawn, **options).filter(heads, **options).flat_map(some, **options)
    return flow.map(drawn, **options).batch(3).map(drawn, **options).list()


def test_same_seed_gives_the_same_numbers(new_runtime: NewRuntime) -> None:
    assert walk(new_runtime(seed=5)) == walk(new_runtime(seed=5))


def test_another_seed_gives_other_numbers(new_runtime: NewRuntime) -> None:
    left, right = (new_runtime(seed=seed).flow(range(40)).map(work.draw).list() for seed in (5, 6))
    assert set(left).isdisjoint(right)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("window", [None, 1, 5])
def test_numbers_are_those_of_the_serial_engine(new_runtime: NewRuntime, workers: int, window: Any) -> None:
    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = walk(serial)
    options = {} if window is None else {"window": window}
    assert walk(new_runtime(workers=workers, seed=5), **options) == expected


@pytest.mark.parametrize("place", ["process", "thread"])
def test_numbers_do_not_depend_on_the_place(new_runtime: NewRuntime, place: Any) -> None:
    assert walk(new_runtime(seed=5), on=place) == walk(new_runtime(seed=5))


def test_coroutines_draw_the_numbers_of_their_items(new_runtime: NewRuntime) -> None:
    async def draw_later(value: Any) -> tuple[Any, float]:
        return drawn(value)

    expected = new_runtime(seed=5).flow(range(10)).map(drawn).map(drawn).list()
    assert new_runtime(seed=5).flow(range(10)).map(draw_later).map(draw_later).list() == expected


def test_every_item_of_every_stage_has_a_stream_of_its_own(new_runtime: NewRuntime) -> None:
    numbers: list[float] = []
    for ((_, first), second), third in new_runtime(seed=5).flow(range(60)).map(drawn).map(drawn).map(drawn):
        numbers += [first, second, third]
    assert len(set(numbers)) == 180


def test_parts_of_one_item_have_streams_of_their_own(new_runtime: NewRuntime) -> None:
    flow = new_runtime(seed=5).flow(range(5)).flat_map(lambda value: [value] * 10).map(drawn)
    assert len({number for _, number in flow}) == 50


def test_two_runs_of_one_flow_draw_other_numbers_as_two_maps_do(new_runtime: NewRuntime) -> None:
    rt = new_runtime(seed=5)
    flow = rt.flow(range(10)).map(work.draw)
    assert set(flow.list()).isdisjoint(flow.list())


def test_key_fixes_the_streams_of_a_stage(new_runtime: NewRuntime) -> None:
    first = new_runtime(seed=5).flow(range(5)).map(work.draw, key="mine").list()
    second = new_runtime(seed=5)
    second.map(work.draw, range(9)).list()
    assert second.flow(range(5)).map(work.draw, key="mine").list() == first


def test_retry_draws_the_same_numbers(new_runtime: NewRuntime, log: str) -> None:
    flow = new_runtime(seed=5).flow([log]).map(work.identity).map(work.draw_after_failing, retries=1)
    (numbers,) = flow.list()
    assert Path(log).read_text().splitlines() == [repr(numbers)] * 2


def test_global_generator_follows_too(new_runtime: NewRuntime) -> None:
    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = serial.flow(range(10)).map(work.draw_global).list()
    assert new_runtime(seed=5).flow(range(10)).map(work.draw_global).list() == expected


@pytest.mark.usefixtures("default_runtime")
def test_flow_in_a_task_draws_the_same_numbers_everywhere(new_runtime: NewRuntime) -> None:
    def inner(_: int) -> list[Any]:
        return rv.flow(range(3)).map(drawn).map(drawn).list()

    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = serial.map(inner, range(4)).list()
    assert new_runtime(seed=5).map(inner, range(4)).list() == expected
