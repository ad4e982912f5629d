"""Rules of ``Executor``: a real ``concurrent.futures.Executor``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import queue
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work
from tests.deadline import guard
from tests.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gate import Gatekeeper


@pytest.fixture(scope="module")
def executor() -> Iterator[rv.Executor]:
    """Give one executor that has started all it will start."""
    with rv.Executor(max_workers=2) as pool:
        list(pool.map(work.sleep_for, [0.05] * 8))
        yield pool


def test_executor_is_one_of_the_standard_library(executor: rv.Executor) -> None:
    assert isinstance(executor, concurrent.futures.Executor)


def test_submit_returns_a_real_future(executor: rv.Executor) -> None:
    future = executor.submit(work.double, 2)
    assert type(future) is concurrent.futures.Future or isinstance(future, concurrent.futures.Future)
    assert future.result() == 4


def test_error_is_the_futures_exception(executor: rv.Executor) -> None:
    assert str(executor.submit(work.fail, 3).exception()) == "refused 3"


def test_map_keeps_the_order(executor: rv.Executor) -> None:
    assert list(executor.map(work.double, range(100), chunksize=7)) == [2 * index for index in range(100)]


def test_function_runs_in_a_worker_process(executor: rv.Executor) -> None:
    assert executor.submit(os.getpid).result() != os.getpid()


def test_keywords_go_to_the_function(executor: rv.Executor) -> None:
    assert executor.submit(work.everything, 1, timeout=2, fn=3).result() == ((1,), {"timeout": 2, "fn": 3})


def test_standard_wait_takes_its_futures(executor: rv.Executor) -> None:
    futures = [executor.submit(work.double, index) for index in range(10)]
    done, not_done = concurrent.futures.wait(futures)
    assert done == set(futures)
    assert not not_done


def test_standard_as_completed_takes_its_futures(executor: rv.Executor) -> None:
    futures = [executor.submit(work.double, index) for index in range(10)]
    assert {future.result() for future in concurrent.futures.as_completed(futures)} == set(range(0, 20, 2))


def test_loop_runs_in_it(executor: rv.Executor) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, work.double, index) for index in range(20)))

    assert asyncio.run(main()) == [2 * index for index in range(20)]


def test_future_runs_while_its_task_does(executor: rv.Executor, keeper: Gatekeeper) -> None:
    future = executor.submit(work.pass_gate, keeper.gate, 5)
    keeper.wait_for(1)
    assert future.running()
    assert not future.cancel()
    keeper.release()
    assert future.result() == 5


def test_queued_future_can_be_cancelled(executor: rv.Executor, keeper: Gatekeeper) -> None:
    busy = [executor.submit(work.pass_gate, keeper.gate) for _ in range(2)]
    keeper.wait_for(2)
    queued = executor.submit(work.double, 1)
    assert queued.cancel()
    assert queued.cancelled()
    keeper.release(2)
    for future in busy:
        future.result()


def test_callback_gets_the_future(executor: rv.Executor) -> None:
    notes: queue.SimpleQueue[object] = queue.SimpleQueue()
    future = executor.submit(work.double, 2)
    future.add_done_callback(notes.put)
    assert notes.get(timeout=guard(1)) is future


def test_death_of_a_worker_costs_its_own_future_alone(executor: rv.Executor) -> None:
    good = [executor.submit(work.double, index) for index in range(20)]
    bad = executor.submit(work.exit_hard)
    assert isinstance(bad.exception(), rv.WorkerDied)
    assert [future.result() for future in good] == [2 * index for index in range(20)]
    assert executor.submit(work.double, 1).result() == 2


def test_result_that_fails_to_unpickle_is_the_error_of_its_future(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        from tests import work
        class FailsToUnpickle:
            def __reduce__(self):
                return work.fail, ("unpickle",)
        with rv.Executor(max_workers=1) as pool:
            print("refused unpickle" in str(pool.submit(FailsToUnpickle).exception()))
    """
    assert run_script(source, folder=tmp_path, goal_s=1).check().out == "True\n"


def test_shutdown_refuses_new_work_and_finishes_the_old() -> None:
    pool = rv.Executor(max_workers=1)
    futures = [pool.submit(work.double, index) for index in range(10)]
    pool.shutdown()
    assert [future.result() for future in futures] == [2 * index for index in range(10)]
    with pytest.raises(RuntimeError):
        pool.submit(work.double, 1)


def test_shutdown_can_cancel_what_is_queued(keeper: Gatekeeper) -> None:
    pool = rv.Executor(max_workers=1)
    busy = pool.submit(work.pass_gate, keeper.gate, 5)
    keeper.wait_for(1)
    queued = [pool.submit(work.double, index) for index in range(5)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in queued] == [True] * 5
    keeper.release()
    assert busy.result() == 5
    pool.shutdown()


def test_initializer_runs_once_in_each_worker_before_its_first_task(log: str) -> None:
    with rv.Executor(max_workers=1, initializer=work.append, initargs=(log, "started")) as pool:
        assert list(pool.map(work.append, [log] * 3, ["task"] * 3)) == [2, 3, 4]


@pytest.mark.parametrize("count", [0, -1])
def test_max_workers_below_one_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        rv.Executor(max_workers=count)


def test_failing_initializer_breaks_the_executor() -> None:
    with rv.Executor(max_workers=1, initializer=work.fail) as pool:
        with pytest.raises(concurrent.futures.BrokenExecutor):
            pool.submit(work.double, 1).result()
        with pytest.raises(concurrent.futures.BrokenExecutor):
            pool.submit(work.double, 1).result()
