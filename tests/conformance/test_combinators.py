"""Rules of ``gather``, ``wait``, ``as_completed`` and ``race``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.gate import Gatekeeper


def test_gather_gives_the_values_in_the_order_of_the_tasks(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.double, index) for index in range(30)]
    assert rv.gather(*tasks).result() == [2 * index for index in range(30)]


def test_gather_of_nothing_is_empty(rt: rv.Runtime) -> None:
    assert rv.gather().result() == []
    assert rt.submit(work.double, 1).result() == 2


def test_gather_takes_one_task_twice(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    assert rv.gather(task, task).result() == [4, 4]


def test_gather_raises_the_error_of_the_first_task_that_failed_in_order(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.fail_if_odd, index) for index in range(10)]
    rv.wait(tasks)
    with pytest.raises(ValueError, match=r"refused 1$"):
        rv.gather(*tasks).result()


@pytest.mark.needs("parallel")
def test_gather_raises_in_the_order_of_the_tasks_and_not_of_the_clock(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    tasks = [rt.submit(work.fail_after_gate, keeper.gate, 0), rt.submit(work.fail, 1)]
    gathered = rv.gather(*tasks)
    tasks[1].exception()
    keeper.release()
    with pytest.raises(ValueError, match="refused 0"):
        gathered.result()


def test_gather_can_be_awaited(rt: rv.Runtime) -> None:
    async def main() -> list[int]:
        return await rv.gather(*(rt.submit(work.double, index) for index in range(30)))

    assert asyncio.run(main()) == [2 * index for index in range(30)]


def test_gathered_task_can_be_an_argument(rt: rv.Runtime) -> None:
    assert rt.submit(sum, rv.gather(*(rt.submit(work.double, index) for index in range(5)))).result() == 20


def test_wait_returns_all_as_done(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.double, index) for index in range(10)]
    done, not_done = rv.wait(tasks)
    assert set(done) == set(tasks)
    assert not set(not_done)


def test_wait_counts_a_failed_task_as_done(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.fail), rt.submit(work.double, 1)]
    done, _ = rv.wait(tasks, return_when="ALL_COMPLETED")
    assert set(done) == set(tasks)


@pytest.mark.needs("parallel")
def test_wait_for_the_first_returns_with_the_first(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, quick = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.double, 1)
    done, not_done = rv.wait([slow, quick], return_when="FIRST_COMPLETED")
    assert set(done) == {quick}
    assert set(not_done) == {slow}
    keeper.release()
    slow.result()


@pytest.mark.needs("parallel")
def test_wait_for_the_first_error_returns_with_it(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, broken = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.fail)
    done, not_done = rv.wait([slow, broken], return_when="FIRST_EXCEPTION")
    assert set(done) == {broken}
    assert set(not_done) == {slow}
    keeper.release()
    slow.result()


@pytest.mark.needs("parallel")
def test_wait_returns_when_its_timeout_is_over(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow = rt.submit(work.pass_gate, keeper.gate)
    done, not_done = rv.wait([slow], timeout=0.02)
    assert not set(done)
    assert set(not_done) == {slow}
    keeper.release()
    slow.result()


def test_wait_refuses_an_unknown_condition(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 1)
    with pytest.raises(ValueError, match=r"(?s)SOMETIME.*ALL_COMPLETED|ALL_COMPLETED.*SOMETIME"):
        rv.wait([task], return_when="SOMETIME")
    task.result()


def test_as_completed_yields_every_task_once(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.double, index) for index in range(30)]
    finished = list(rv.as_completed(tasks))
    assert len(finished) == 30
    assert set(finished) == set(tasks)
    assert all(task.done() for task in finished)


@pytest.mark.needs("parallel")
def test_as_completed_yields_what_is_done_first(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, quick = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.double, 1)
    finished = iter(rv.as_completed([slow, quick]))
    assert next(finished) is quick
    keeper.release()
    assert next(finished) is slow
    assert list(finished) == []


@pytest.mark.needs("parallel")
def test_as_completed_raises_when_its_timeout_is_over(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, quick = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.double, 1)
    finished = iter(rv.as_completed([slow, quick], timeout=0.2))
    assert next(finished) is quick
    with pytest.raises(TimeoutError):
        next(finished)
    keeper.release()
    slow.result()


def test_as_completed_can_be_iterated_in_a_loop(rt: rv.Runtime) -> None:
    async def main() -> set[int]:
        tasks = [rt.submit(work.double, index) for index in range(20)]
        return {task.result() async for task in rv.as_completed(tasks)}

    assert asyncio.run(main()) == {2 * index for index in range(20)}


@pytest.mark.needs("parallel")
def test_race_gives_the_value_of_the_first(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, quick = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.double, 1)
    assert rv.race(slow, quick).result() == 2
    keeper.release()


@pytest.mark.needs("parallel")
def test_race_raises_the_error_of_the_first(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    slow, broken = rt.submit(work.pass_gate, keeper.gate), rt.submit(work.fail, 9)
    with pytest.raises(ValueError, match="refused 9"):
        rv.race(slow, broken).result()
    keeper.release()


def test_race_can_be_awaited(rt: rv.Runtime) -> None:
    async def main() -> int:
        return await rv.race(rt.submit(work.double, 1))

    assert asyncio.run(main()) == 2


def test_race_of_nothing_is_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        rv.race()
