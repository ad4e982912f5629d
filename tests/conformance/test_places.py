"""Rules of places: which kind of work runs where."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from tests import work

if TYPE_CHECKING:
    import raveler as rv
    from tests.conformance.conftest import NewRuntime

USER: ContextVar[str] = ContextVar("USER", default="nobody")
OTHER: ContextVar[str] = ContextVar("OTHER", default="nothing")


def read_user() -> str:
    """Return the context variable as the task sees it."""
    return USER.get()


def read_both() -> tuple[str, str]:
    """Return both context variables as the task sees them."""
    return USER.get(), OTHER.get()


async def read_user_later() -> str:
    """Return the context variable as a coroutine sees it."""
    return USER.get()


def test_thread_task_runs_in_this_process(rt: rv.Runtime) -> None:
    assert rt.options(on="thread").submit(work.process_id).result() == os.getpid()


def test_thread_task_gets_the_very_object(rt: rv.Runtime) -> None:
    items: list[int] = []
    assert rt.options(on="thread").submit(work.append_to, items).result() == 1
    assert items == [1]


@pytest.mark.needs("parallel")
def test_thread_task_runs_off_the_callers_thread(rt: rv.Runtime) -> None:
    assert rt.options(on="thread").submit(work.thread_id).result() != threading.get_ident()


@pytest.mark.needs("parallel")
def test_thread_tasks_wait_side_by_side(rt: rv.Runtime) -> None:
    barrier = threading.Barrier(4)
    tasks = [rt.options(on="thread").submit(barrier.wait) for _ in range(4)]
    assert sorted(task.result() for task in tasks) == [0, 1, 2, 3]


def test_coroutine_function_runs_in_this_process(rt: rv.Runtime) -> None:
    async def where() -> int:
        return os.getpid()

    assert rt.submit(where).result() == os.getpid()


def test_coroutine_function_gives_its_value_and_not_a_coroutine(rt: rv.Runtime) -> None:
    async def value(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    assert rt.submit(value, 4).result() == 5


def test_error_of_a_coroutine_is_raised(rt: rv.Runtime) -> None:
    async def broken() -> None:
        await asyncio.sleep(0)
        work.fail(5)

    with pytest.raises(ValueError, match="refused 5"):
        rt.submit(broken).result()


@pytest.mark.needs("parallel")
def test_coroutines_run_side_by_side_on_one_loop(rt: rv.Runtime) -> None:
    waiting: list[asyncio.Event] = []

    async def meet(count: int) -> int:
        event = asyncio.Event()
        waiting.append(event)
        if len(waiting) == count:
            for other in waiting:
                other.set()
        await event.wait()
        return threading.get_ident()

    tasks = [rt.submit(meet, 100) for _ in range(100)]
    assert len({task.result() for task in tasks}) == 1


def test_thread_carries_the_whole_context(rt: rv.Runtime) -> None:
    token = USER.set("ann")
    try:
        assert rt.options(on="thread").submit(read_user).result() == "ann"
    finally:
        USER.reset(token)


def test_coroutine_carries_the_whole_context(rt: rv.Runtime) -> None:
    token = USER.set("ann")
    try:
        assert rt.submit(read_user_later).result() == "ann"
    finally:
        USER.reset(token)


def test_process_task_carries_the_variables_named_by_carry(new_runtime: NewRuntime) -> None:
    rt = new_runtime(carry=[USER])
    tokens = USER.set("ann"), OTHER.set("thing")
    try:
        assert rt.submit(read_user).result() == "ann"
        assert rt.map(work.identity, [1]).list() == [1]
        assert [rt.submit(read_user).result() for _ in range(4)] == ["ann"] * 4
    finally:
        USER.reset(tokens[0])
        OTHER.reset(tokens[1])
    assert rt.submit(read_user).result() == "nobody"


@pytest.mark.needs("processes")
def test_process_task_leaves_other_variables_at_home(new_runtime: NewRuntime) -> None:
    rt = new_runtime(carry=[USER])
    token = OTHER.set("thing")
    try:
        assert rt.submit(read_both).result() == ("nobody", "nothing")
    finally:
        OTHER.reset(token)


def test_variable_set_in_a_task_does_not_leak_into_the_next(rt: rv.Runtime) -> None:
    def change() -> None:
        USER.set("changed")

    rt.options(on="thread").submit(change).result()
    assert USER.get() == "nobody"
    assert rt.options(on="thread").submit(read_user).result() == "nobody"


def test_unknown_place_names_the_known_ones(rt: rv.Runtime) -> None:
    place: Any = "cloud"
    with pytest.raises(ValueError, match=r"(?s)(?=.*cloud)(?=.*process)(?=.*thread)"):
        rt.options(on=place).submit(work.identity, 1)


def test_coroutine_function_can_be_mapped(rt: rv.Runtime) -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value * 2

    assert rt.map(later, range(50), concurrency=10).list() == [2 * index for index in range(50)]


@pytest.mark.needs("parallel")
def test_mapped_coroutines_are_bounded_by_concurrency(rt: rv.Runtime) -> None:
    running = peak = 0
    met = asyncio.Event()

    async def count(value: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        # The first ones wait for each other, so that nothing depends on how fast they are submitted.
        if peak == 4:
            met.set()
        await met.wait()
        running -= 1
        return value

    assert rt.map(count, range(50), concurrency=4).list() == list(range(50))
    assert peak == 4


def test_map_runs_on_threads_when_told(rt: rv.Runtime) -> None:
    assert set(rt.map(work.process_id, range(10), on="thread").list()) == {os.getpid()}
