"""Rules of ``cancel``: the work stops, wherever it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import eventually, guard, still_alive_after

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.conftest import NewRuntime
    from tests.gate import Gatekeeper


def test_task_cancelled_is_a_cancelled_error_and_a_raveler_error() -> None:
    assert issubclass(rv.TaskCancelled, concurrent.futures.CancelledError)
    assert issubclass(rv.TaskCancelled, rv.RavelerError)


def test_done_task_cannot_be_cancelled(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    task.result()
    assert not task.cancel()
    assert not task.cancelled()
    assert task.result() == 4


@pytest.mark.needs("kill")
def test_queued_task_is_dropped(new_runtime: NewRuntime, keeper: Gatekeeper, log: str, tmp_path: Path) -> None:
    rt = new_runtime(workers=1)
    first = rt.submit(work.pass_gate, keeper.gate, 1)
    keeper.wait_for(1)
    second = rt.submit(work.append, log, "ran")
    assert second.cancel()
    keeper.release()
    assert first.result() == 1
    assert second.cancelled()
    assert rt.submit(work.double, 1).result() == 2
    assert not (tmp_path / "log").exists()


@pytest.mark.needs("kill")
@pytest.mark.parametrize("ask", ["result", "exception"])
def test_asking_a_cancelled_task_raises_task_cancelled(rt: rv.Runtime, keeper: Gatekeeper, ask: str) -> None:
    task = rt.submit(work.announce_and_hang, keeper.gate)
    keeper.wait_for(1)
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        getattr(task, ask)()
    assert task.cancelled()
    assert task.done()


@pytest.mark.needs("kill", "processes")
def test_worker_of_a_cancelled_task_is_killed_and_replaced(new_runtime: NewRuntime, keeper: Gatekeeper) -> None:
    rt = new_runtime(workers=1)
    victim = rt.submit(work.process_id).result()
    task = rt.submit(work.announce_and_hang, keeper.gate)
    keeper.wait_for(1)
    assert task.cancel()
    assert still_alive_after([victim], 0.5) == []
    assert rt.submit(work.process_id).result() not in (victim, 0)
    eventually(lambda: len(census.workers_of()) >= 1)


@pytest.mark.needs("kill")
@pytest.mark.parametrize("function", [work.hang_in_python, work.hang_deaf, work.hang_in_c, work.hang_ignoring_signals])
def test_task_that_resists_is_stopped(rt: rv.Runtime, keeper: Gatekeeper, function: Callable[[], None]) -> None:
    task = rt.submit(work.announce_then, keeper.gate, function.__name__)
    keeper.wait_for(1)
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        task.result(timeout=guard(0.5))
    assert rt.submit(work.double, 2).result() == 4


@pytest.mark.needs("kill")
def test_other_tasks_of_a_cancelled_neighbour_finish(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.submit(work.announce_and_hang, keeper.gate)
    others = [rt.submit(work.double, index) for index in range(50)]
    keeper.wait_for(1)
    task.cancel()
    assert [other.result() for other in others] == [2 * index for index in range(50)]


@pytest.mark.needs("kill")
def test_cancelled_coroutine_gets_a_cancelled_error(rt: rv.Runtime) -> None:
    started = threading.Event()
    ended = threading.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = rt.submit(hang)
    assert started.wait(guard(1))
    task.cancel()
    assert ended.wait(guard(1))
    with pytest.raises(rv.TaskCancelled):
        task.result()


@pytest.mark.needs("parallel")
def test_cancelled_thread_task_settles_at_once(rt: rv.Runtime) -> None:
    started = threading.Event()
    release = threading.Event()

    def block() -> None:
        started.set()
        release.wait()

    task = rt.options(on="thread").submit(block)
    assert started.wait(guard(1))
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        task.result(timeout=guard(0.2))
    release.set()


@pytest.mark.needs("parallel")
def test_cancelled_thread_task_gets_an_asynchronous_exception(rt: rv.Runtime) -> None:
    started = threading.Event()
    ended = threading.Event()

    def spin() -> None:
        started.set()
        try:
            while not ended.is_set():
                pass
        finally:
            ended.set()

    task = rt.options(on="thread").submit(spin)
    assert started.wait(guard(1))
    task.cancel()
    assert ended.wait(guard(1))
    assert task.cancelled()


@pytest.mark.needs("kill")
def test_cancelling_a_promise_leaves_what_it_waits_for_alone(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    first = rt.submit(work.pass_gate, keeper.gate, 5)
    second = first.then(work.double)
    assert second.cancel()
    keeper.release()
    assert first.result() == 5
    assert second.cancelled()


@pytest.mark.needs("kill")
def test_cancelling_a_dependency_fails_its_dependents_with_task_cancelled(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    first = rt.submit(work.announce_and_hang, keeper.gate)
    second = rt.submit(work.double, first)
    keeper.wait_for(1)
    first.cancel()
    with pytest.raises(rv.TaskCancelled):
        second.result()


@pytest.mark.needs("kill")
def test_cancel_twice_is_harmless(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.submit(work.announce_and_hang, keeper.gate)
    keeper.wait_for(1)
    task.cancel()
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        task.result()
    assert task.cancelled()
