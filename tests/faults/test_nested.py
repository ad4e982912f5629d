"""A task uses raveler itself: within one core budget, and without a deadlock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import raveler as rv
from tests import census, work
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path


def inner_map(count: int) -> list[int]:
    """Use the default runtime in a task."""
    return rv.map(work.double, range(count)).list()


def inner_pids(_: int) -> set[int]:
    """Return where the tasks of a task ran."""
    return {os.getpid(), *rv.map(work.process_id, range(20), chunk=1)}


def inner_runtime(count: int) -> int:
    """Open a runtime in a task."""
    with rv.Runtime(workers=4) as rt:
        return sum(rt.map(work.double, range(count)))


def descend(depth: int) -> int:
    """Submit oneself, some levels deep."""
    return depth if depth == 0 else 1 + rv.submit(descend, depth - 1).result()


def inner_limit(log: str) -> None:
    """Use a named limit of the outer runtime in a task of a task."""
    rv.options(limit="db").submit(work.enter_and_leave, log, 0.005).result()


async def inner_coroutine(value: int) -> int:
    """Wait a little."""
    return value + 1


def inner_places(_: int) -> tuple[int, int]:
    """Use threads and coroutines in a task."""
    return rv.options(on="thread").submit(work.double, 2).result(), rv.submit(inner_coroutine, 2).result()


def inner_error(_: int) -> None:
    """Fail in a task of a task."""
    rv.submit(work.fail, 5).result()


def test_task_may_map(rt: rv.Runtime) -> None:
    expected = [2 * index for index in range(30)]
    assert rt.map(inner_map, [30] * 20).list() == [expected] * 20


def test_process_tasks_of_a_task_run_in_its_own_worker(rt: rv.Runtime) -> None:
    for pids in rt.map(inner_pids, range(6)):
        assert len(pids) == 1


def test_task_may_open_a_runtime(rt: rv.Runtime) -> None:
    assert rt.map(inner_runtime, [10] * 6).list() == [90] * 6


def test_nested_use_starts_no_more_workers(rt: rv.Runtime) -> None:
    rt.map(inner_runtime, [10] * 6, chunk=1).list()
    assert len(census.workers_of()) <= 2


def test_every_worker_may_wait_for_inner_tasks_at_once(rt: rv.Runtime) -> None:
    assert rt.map(descend, [20] * 8, chunk=1).list() == [20] * 8


def test_task_may_use_threads_and_coroutines(rt: rv.Runtime) -> None:
    assert rt.map(inner_places, range(6)).list() == [(4, 3)] * 6


def test_error_of_an_inner_task_reaches_the_outermost_caller(rt: rv.Runtime) -> None:
    error = rt.submit(inner_error, 1).exception()
    assert type(error) is ValueError
    assert error.args == ("refused 5",)


def test_named_limits_count_in_nested_tasks_too(log: str) -> None:
    from pathlib import Path

    with rv.Runtime(workers=3, limits={"db": 1}) as rt:
        rt.map(inner_limit, [log] * 12, chunk=1).list()
    lines = Path(log).read_text().split()
    assert lines == ["+", "-"] * 12


def test_thread_task_may_submit_process_tasks_and_wait(rt: rv.Runtime) -> None:
    def both() -> int:
        return rt.submit(work.double, 2).result() + rt.map(work.double, range(3)).list()[-1]

    tasks = [rt.options(on="thread").submit(both) for _ in range(8)]
    assert [task.result() for task in tasks] == [8] * 8


FIRST_TO_DRAW = """
import raveler as rv

def here(value):
    return value + 1

def nested(count):
    return rv.map(here, range(count), on="thread").list()

with rv.Runtime(workers=1) as rt:
    print(rt.submit(nested, 3).result())
"""


def test_thread_tasks_of_a_worker_that_never_drew_a_number_say_nothing(tmp_path: Path) -> None:
    assert run_script(FIRST_TO_DRAW, folder=tmp_path).check().out == "[1, 2, 3]\n"


def test_coroutine_may_await_process_tasks(rt: rv.Runtime) -> None:
    async def both() -> int:
        return await rt.submit(work.double, 2) + await rt.submit(work.double, 3)

    tasks = [rt.submit(both) for _ in range(20)]
    assert [task.result() for task in tasks] == [10] * 20
