"""A task hangs: its timeout ends it, whatever it does, and its worker is replaced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import eventually, guard, still_alive_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gate import Gatekeeper

HANGS = [work.hang_in_python, work.hang_deaf, work.hang_in_c, work.hang_ignoring_signals]


@pytest.mark.parametrize("hang", HANGS)
def test_timeout_ends_a_task_that_hangs(
    rt: rv.Runtime, hang: Callable[[], None], record_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=0.3).submit(hang).result()
    late = time.monotonic() - began - 0.3
    record_property("late_s", late)
    assert late < guard(0.2)


@pytest.mark.parametrize("hang", HANGS)
def test_worker_of_a_task_that_hangs_is_replaced(rt: rv.Runtime, hang: Callable[[], None], keeper: Gatekeeper) -> None:
    task = rt.options(timeout=0.3).submit(work.announce_then, keeper.gate, hang.__name__)
    keeper.wait_for(1)
    with pytest.raises(rv.TaskTimeout):
        task.result()
    assert rt.map(work.double, range(40), chunk=1).list() == [2 * index for index in range(40)]


def test_hanging_workers_do_not_outlive_their_timeout(keeper: Gatekeeper) -> None:
    with rv.Runtime(workers=2) as rt:
        tasks = [
            rt.options(timeout=0.5).submit(work.announce_then, keeper.gate, "hang_ignoring_signals") for _ in range(2)
        ]
        keeper.wait_for(2)
        hung = census.workers_of()
        for task in tasks:
            with pytest.raises(rv.TaskTimeout):
                task.result()
        assert still_alive_after(hung, 0.5) == []


def test_tasks_beside_one_that_hangs_go_on(rt: rv.Runtime) -> None:
    hanging = rt.options(timeout=1).submit(work.hang_in_c)
    assert rt.map(work.double, range(100), chunk=1).list() == [2 * index for index in range(100)]
    with pytest.raises(rv.TaskTimeout):
        hanging.result()


def test_leaving_by_an_error_ends_tasks_that_hang(keeper: Gatekeeper) -> None:
    def leave() -> None:
        with rv.Runtime(workers=2) as rt:
            for name in ("hang_deaf", "hang_ignoring_signals"):
                rt.submit(work.announce_then, keeper.gate, name)
            keeper.wait_for(2)
            raise KeyError("out")

    began = time.monotonic()
    with pytest.raises(KeyError, match="out"):
        leave()
    assert time.monotonic() - began < guard(1)
    eventually(lambda: not census.workers_of(), goal_s=0.2)


def test_queued_tasks_run_though_every_worker_hung_before(rt: rv.Runtime) -> None:
    hanging = [rt.options(timeout=0.3).submit(work.hang_in_python) for _ in range(4)]
    waiting = [rt.submit(work.double, index) for index in range(20)]
    assert [task.result() for task in waiting] == [2 * index for index in range(20)]
    assert all(isinstance(task.exception(), rv.TaskTimeout) for task in hanging)
