"""Rules of random numbers: every task has its own stream, whatever runs it and when."""

from __future__ import annotations

import json
import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.engines import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.conftest import NewRuntime

GOLDEN = Path(__file__).parent / "golden" / "rng.json"


def available() -> set[str]:
    """Return which of the optional generators can be used."""
    try:
        import numpy as np
    except ImportError:
        return set()
    return {np.__name__}


AVAILABLE = available()


def needs_numpy(function: Callable[..., Any]) -> Any:
    """Skip this parameter where NumPy is missing."""
    missing = pytest.mark.skipif("numpy" not in AVAILABLE, reason="NumPy is not installed")
    return pytest.param(function, marks=missing, id=function.__name__)


DRAWS = [work.draw, work.draw_global, needs_numpy(work.draw_numpy), needs_numpy(work.draw_global_numpy)]
PLACELESS = [work.draw, needs_numpy(work.draw_numpy)]


@pytest.mark.parametrize("draw", DRAWS)
def test_same_seed_gives_the_same_numbers(new_runtime: NewRuntime, draw: Callable[..., Any]) -> None:
    assert new_runtime(seed=5).map(draw, range(20)).list() == new_runtime(seed=5).map(draw, range(20)).list()


@pytest.mark.parametrize("draw", DRAWS)
def test_another_seed_gives_other_numbers(new_runtime: NewRuntime, draw: Callable[..., Any]) -> None:
    left = new_runtime(seed=5).map(draw, range(20)).list()
    assert set(left).isdisjoint(new_runtime(seed=6).map(draw, range(20)).list())


@pytest.mark.parametrize("draw", DRAWS)
def test_every_item_has_a_stream_of_its_own(new_runtime: NewRuntime, draw: Callable[..., Any]) -> None:
    assert len(set(new_runtime().map(draw, range(200), chunk=10).list())) == 200


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("chunk", [1, 7, "auto"])
def test_numbers_are_those_of_the_serial_engine(
    new_runtime: NewRuntime, draw: Callable[..., Any], workers: int, chunk: Any
) -> None:
    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = serial.map(draw, range(30)).list()
    assert new_runtime(workers=workers, seed=5).map(draw, range(30), chunk=chunk).list() == expected


@pytest.mark.parametrize("draw", DRAWS)
def test_numbers_of_submitted_tasks_follow_the_order_of_submission(
    new_runtime: NewRuntime, draw: Callable[..., Any]
) -> None:
    def draws(workers: int) -> list[Any]:
        rt = new_runtime(workers=workers, seed=5)
        tasks = [rt.submit(draw) for _ in range(20)]
        return [task.result() for task in tasks]

    first = draws(1)
    assert first == draws(3)
    assert len(set(first)) == 20


@pytest.mark.parametrize("draw", PLACELESS)
@pytest.mark.parametrize("place", ["process", "thread"])
def test_numbers_do_not_depend_on_the_place(new_runtime: NewRuntime, draw: Callable[..., Any], place: Any) -> None:
    expected = new_runtime(seed=5).map(draw, range(10)).list()
    assert new_runtime(seed=5).map(draw, range(10), on=place).list() == expected


def test_coroutine_draws_the_numbers_of_its_index(new_runtime: NewRuntime) -> None:
    async def draw_later(_: int) -> tuple[float, ...]:
        return work.draw()

    expected = new_runtime(seed=5).map(work.draw, range(10)).list()
    assert new_runtime(seed=5).map(draw_later, range(10)).list() == expected


def test_retry_draws_the_same_numbers(new_runtime: NewRuntime, log: str) -> None:
    numbers = new_runtime(seed=5).options(retries=1).submit(work.draw_after_failing, log).result()
    lines = Path(log).read_text().splitlines()
    assert lines == [repr(numbers)] * 2


def test_nested_tasks_draw_the_same_numbers_everywhere(new_runtime: NewRuntime) -> None:
    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = serial.map(work.draw_nested, range(4)).list()
    assert new_runtime(seed=5).map(work.draw_nested, range(4)).list() == expected
    assert len({numbers for inner in expected for numbers in inner}) == 12


@pytest.mark.parametrize("draw", DRAWS)
def test_tasks_in_a_task_leave_its_stream_alone(new_runtime: NewRuntime, draw: Callable[..., Any]) -> None:
    with rv.Runtime(engine="serial", seed=5) as serial:
        expected = serial.map(work.draw_around, [draw] * 4).list()
    assert new_runtime(seed=5).map(work.draw_around, [draw] * 4, chunk=2).list() == expected
    assert len({numbers for drawn in expected for numbers in drawn}) == 20


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("place", ["process", "thread"])
def test_order_of_threads_does_not_change_what_their_tasks_draw(new_runtime: NewRuntime, place: Any) -> None:
    def draws(order: list[int]) -> list[Any]:
        rt = new_runtime(seed=5)
        turns = [threading.Event() for _ in [*order, None]]

        def submit_in_turn(index: int) -> list[Any]:
            turn = order.index(index)
            turns[turn].wait()
            tasks = [rt.options(on=place).submit(work.draw) for _ in range(2)]
            turns[turn + 1].set()
            return [task.result() for task in tasks]

        outer = [rt.options(on="thread").submit(submit_in_turn, index) for index in range(len(order))]
        turns[0].set()
        return [task.result() for task in outer]

    first = draws([0, 1, 2])
    assert draws([2, 1, 0]) == first
    assert len({numbers for drawn in first for numbers in drawn}) == 6


@pytest.mark.parametrize("key", [None, "mine"])
def test_tasks_of_threads_and_coroutines_draw_what_those_of_processes_draw(
    new_runtime: NewRuntime, key: str | None
) -> None:
    def inner(rt: rv.Runtime) -> rv.Task[Any]:
        return (rt if key is None else rt.options(key=key)).submit(work.draw)

    def in_process() -> Any:
        with rv.Runtime() as rt:
            return inner(rt).result()

    def in_thread() -> Any:
        return inner(here).result()

    async def on_loop() -> Any:
        return await inner(here)

    here = new_runtime(seed=5)
    expected = new_runtime(seed=5).submit(in_process).result()
    assert new_runtime(seed=5).options(on="thread").submit(in_thread).result() == expected
    assert new_runtime(seed=5).submit(on_loop).result() == expected


def test_key_fixes_the_stream_whatever_was_submitted_before(new_runtime: NewRuntime) -> None:
    first = new_runtime(seed=5)
    plain = first.options(key="mine").submit(work.draw).result()
    second = new_runtime(seed=5)
    for _ in range(3):
        second.submit(work.draw).result()
    assert second.options(key="mine").submit(work.draw).result() == plain
    assert second.options(key="other").submit(work.draw).result() != plain


def test_key_fixes_the_streams_of_a_map(new_runtime: NewRuntime) -> None:
    first = new_runtime(seed=5).map(work.draw, range(5), key="mine").list()
    second = new_runtime(seed=5)
    second.map(work.draw, range(9)).list()
    assert second.map(work.draw, range(5), key="mine").list() == first


def test_keys_make_threads_independent_of_their_order(new_runtime: NewRuntime) -> None:
    def draws(order: list[str]) -> dict[str, Any]:
        rt = new_runtime(seed=5)
        found: dict[str, Any] = {}

        def submit(name: str) -> None:
            found[name] = rt.options(key=name).submit(work.draw).result()

        for name in order:
            thread = threading.Thread(target=submit, args=(name,))
            thread.start()
            thread.join()
        return found

    assert draws(["a", "b", "c"]) == draws(["c", "a", "b"])


def test_rng_is_a_random(rt: rv.Runtime) -> None:
    assert rt.submit(lambda: isinstance(rv.rng(), random.Random)).result() is True


def test_second_call_of_rng_goes_on_with_the_stream(rt: rv.Runtime) -> None:
    assert rt.submit(lambda: rv.rng().random() == rv.rng().random()).result() is False


def test_numpy_rng_is_a_generator(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    assert rt.submit(lambda: isinstance(rv.rng("numpy"), np.random.Generator)).result() is True


def test_unknown_kind_of_rng_names_the_known_ones() -> None:
    kind: Any = "torch"
    with pytest.raises(ValueError, match=r"(?s)(?=.*torch)(?=.*numpy)"):
        rv.rng(kind)


def test_tasks_leave_the_callers_global_generator_alone(rt: rv.Runtime) -> None:
    random.seed(11)
    expected = random.random()
    random.seed(11)
    rt.map(work.draw_global, range(5)).list()
    rt.submit(work.draw_global).result()
    assert random.random() == expected


def test_seeding_in_one_task_does_not_reach_the_next(new_runtime: NewRuntime) -> None:
    def seed_and_draw(index: int) -> float:
        if index % 2:
            random.seed(1)
        return random.random()

    first = new_runtime(workers=1, seed=5).map(seed_and_draw, range(10), chunk=5).list()
    second = new_runtime(workers=2, seed=5).map(seed_and_draw, range(10), chunk=1).list()
    assert first == second
    assert len(set(first[::2])) == 5


@pytest.mark.parametrize("name", ["draw", "draw_global", "draw_numpy", "draw_global_numpy"])
def test_numbers_never_change_from_one_release_to_the_next(name: str) -> None:
    if "numpy" in name and not AVAILABLE:
        pytest.skip("NumPy is not installed")
    with rv.Runtime(engine=ENGINES[0].name, seed=42) as rt:
        found = [list(numbers) for numbers in rt.map(getattr(work, name), range(4))]
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("RAVELER_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(golden | {name: found}, indent=2, sort_keys=True) + "\n")
        return
    assert found == golden[name], "a change of these numbers breaks every seeded program of every user"
