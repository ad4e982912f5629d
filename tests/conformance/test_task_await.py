"""Rules of a task's awaitable face, under asyncio, uvloop and trio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.loops import ASYNCIO_LOOPS, LOOPS

if TYPE_CHECKING:
    from tests.conformance.conftest import RunLoop
    from tests.gate import Gatekeeper


@pytest.fixture(params=ASYNCIO_LOOPS)
def run_asyncio_loop(request: pytest.FixtureRequest) -> RunLoop:
    """Give each loop that speaks asyncio."""
    return LOOPS[request.param]


def test_await_gives_the_value(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> int:
        return await rt.submit(work.double, 4)

    assert run_loop(main) == 8


def test_await_raises_the_error(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> None:
        await rt.submit(work.fail, 4)

    with pytest.raises(ValueError, match="refused 4"):
        run_loop(main)


def test_task_that_is_done_can_be_awaited_again(rt: rv.Runtime, run_loop: RunLoop) -> None:
    task = rt.submit(work.double, 4)
    task.result()

    async def main() -> tuple[int, int]:
        return await task, await task

    assert run_loop(main) == (8, 8)


def test_task_can_be_awaited_in_one_loop_after_another(rt: rv.Runtime, run_loop: RunLoop) -> None:
    task = rt.submit(work.double, 4)

    async def main() -> int:
        return await task

    assert [run_loop(main), run_loop(main)] == [8, 8]


def test_many_tasks_can_be_awaited_in_order(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> list[int]:
        tasks = [rt.submit(work.double, index) for index in range(200)]
        return [await task for task in tasks]

    assert run_loop(main) == [2 * index for index in range(200)]


def test_asyncio_gather_takes_tasks(rt: rv.Runtime, run_asyncio_loop: RunLoop) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(rt.submit(work.double, index) for index in range(200)))

    assert run_asyncio_loop(main) == [2 * index for index in range(200)]


@pytest.mark.needs("parallel")
def test_loop_goes_on_while_a_task_is_awaited(rt: rv.Runtime, run_asyncio_loop: RunLoop, keeper: Gatekeeper) -> None:
    async def main() -> int:
        async def release() -> None:
            keeper.release()

        task = rt.submit(work.pass_gate, keeper.gate, 5)
        results: tuple[int, None] = await asyncio.gather(task, release())
        return results[0]

    assert run_asyncio_loop(main) == 5


@pytest.mark.needs("parallel")
def test_trio_goes_on_while_a_task_is_awaited(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    trio = pytest.importorskip("trio")
    values: list[int] = []

    async def main() -> None:
        async def wait() -> None:
            values.append(await rt.submit(work.pass_gate, keeper.gate, 5))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.lowlevel.checkpoint()
            keeper.release()

    trio.run(main)
    assert values == [5]


@pytest.mark.needs("kill")
def test_cancelling_the_awaiter_cancels_the_task(rt: rv.Runtime, run_asyncio_loop: RunLoop, keeper: Gatekeeper) -> None:
    async def main() -> rv.Task[None]:
        task = rt.submit(work.announce_and_hang, keeper.gate)

        async def wait() -> None:
            await task

        waiter = asyncio.create_task(wait())
        await asyncio.to_thread(keeper.wait_for, 1)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        return task

    task = run_asyncio_loop(main)
    with pytest.raises(rv.TaskCancelled):
        task.result()
    assert task.cancelled()


@pytest.mark.needs("kill")
def test_leaving_a_trio_scope_cancels_the_task(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    trio = pytest.importorskip("trio")
    tasks: list[rv.Task[None]] = []

    async def main() -> None:
        task = rt.submit(work.announce_and_hang, keeper.gate)
        tasks.append(task)
        await trio.to_thread.run_sync(keeper.wait_for, 1)
        with trio.move_on_after(0.05) as scope:
            await task
        assert scope.cancelled_caught

    trio.run(main)
    with pytest.raises(rv.TaskCancelled):
        tasks[0].result()


@pytest.mark.needs("kill")
def test_awaiting_a_cancelled_task_raises_task_cancelled_and_not_the_awaiters_own(
    rt: rv.Runtime, run_loop: RunLoop, keeper: Gatekeeper
) -> None:
    task = rt.submit(work.announce_and_hang, keeper.gate)
    keeper.wait_for(1)
    task.cancel()

    async def main() -> None:
        await task

    with pytest.raises(rv.TaskCancelled):
        run_loop(main)


@pytest.mark.needs("kill")
def test_asyncio_timeout_ends_the_wait_and_the_task(
    rt: rv.Runtime, run_asyncio_loop: RunLoop, keeper: Gatekeeper
) -> None:
    async def main() -> rv.Task[None]:
        task = rt.submit(work.announce_and_hang, keeper.gate)
        await asyncio.to_thread(keeper.wait_for, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await task
        return task

    task = run_asyncio_loop(main)
    with pytest.raises(rv.TaskCancelled):
        task.result()


def test_coroutines_on_several_loops_may_await_one_task(rt: rv.Runtime) -> None:
    import threading

    task = rt.submit(work.sleep_for, 0.05, 8)
    values: list[int] = []

    async def main() -> None:
        values.append(await task)

    threads = [threading.Thread(target=LOOPS["asyncio"], args=(main,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [8, 8, 8]


def test_async_runtime_waits_for_what_was_submitted(run_asyncio_loop: RunLoop, engine: Any) -> None:
    async def main() -> rv.Task[int]:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            return runtime.submit(work.double, 4)

    task = run_asyncio_loop(main)
    assert task.done()
    assert task.result() == 8


def test_async_runtime_runs_coroutines_on_the_callers_loop(run_asyncio_loop: RunLoop, engine: Any) -> None:
    async def current() -> int:
        return id(asyncio.get_running_loop())

    async def main() -> bool:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            return await runtime.submit(current) == id(asyncio.get_running_loop())

    assert run_asyncio_loop(main) is True


def test_async_runtime_runs_coroutines_under_trio(engine: Any) -> None:
    trio = pytest.importorskip("trio")

    async def current() -> bool:
        await trio.lowlevel.checkpoint()
        return True

    async def main() -> bool:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            return await runtime.submit(current)

    assert trio.run(main) is True


def test_result_inside_the_loop_that_the_task_needs_is_an_error(run_asyncio_loop: RunLoop, engine: Any) -> None:
    async def value() -> int:
        return 5

    async def main() -> int:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            task = runtime.submit(value)
            with pytest.raises((rv.RavelerError, RuntimeError), match="await"):
                task.result()
            return await task

    assert run_asyncio_loop(main) == 5
