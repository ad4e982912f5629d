"""Rules of a runtime's life: what its block does at its end, and what it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import eventually
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.engines import EngineUnderTest
    from tests.gate import Gatekeeper


def test_leaving_the_block_waits_for_what_was_submitted(engine: EngineUnderTest, log: str) -> None:
    with rv.Runtime(workers=2, engine=engine.name) as rt:
        tasks = [rt.submit(work.append, log, str(index)) for index in range(50)]
    assert all(task.done() for task in tasks)
    assert max(task.result() for task in tasks) == 50


@pytest.mark.needs("kill")
def test_leaving_the_block_by_an_error_cancels_what_was_submitted(engine: EngineUnderTest, keeper: Gatekeeper) -> None:
    tasks: list[rv.Task[Any]] = []

    def leave() -> None:
        with rv.Runtime(workers=1, engine=engine.name) as rt:
            tasks.extend([rt.submit(work.announce_and_hang, keeper.gate), rt.submit(work.double, 1)])
            keeper.wait_for(1)
            raise KeyError("out")

    with pytest.raises(KeyError, match="out"):
        leave()
    assert [task.cancelled() for task in tasks] == [True, True]


def test_results_can_be_read_after_the_block(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        task = rt.submit(work.identity, [b"x" * 200_000])
    assert task.result() == [b"x" * 200_000]


def test_runtime_that_has_ended_refuses_work(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        pass
    with pytest.raises((rv.RavelerError, RuntimeError)):
        rt.submit(work.double, 1)
    with pytest.raises((rv.RavelerError, RuntimeError)):
        rt.map(work.double, [1]).list()


def test_runtime_that_has_ended_holds_no_descriptors(engine: EngineUnderTest) -> None:
    before = census.Census.take()
    with rv.Runtime(workers=2, engine=engine.name) as rt:
        rt.map(work.double, range(100)).list()
    eventually(lambda: not census.Census.take().excess(before), goal_s=0.3)
    assert rt is not None


def test_failed_task_that_nobody_asked_does_not_fail_the_block(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        task = rt.submit(work.fail)
    assert isinstance(task.exception(), ValueError)


def test_runtimes_can_be_opened_again_and_again(engine: EngineUnderTest) -> None:
    for index in range(5):
        with rv.Runtime(workers=2, engine=engine.name) as rt:
            assert rt.submit(work.double, index).result() == 2 * index


def test_two_runtimes_live_side_by_side(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as left, rv.Runtime(workers=1, engine=engine.name) as right:
        assert right.map(work.double, left.map(work.double, range(20))).list() == [4 * index for index in range(20)]


def test_runtime_works_without_a_block(engine: EngineUnderTest) -> None:
    rt = rv.Runtime(workers=1, engine=engine.name)
    assert rt.submit(work.double, 2).result() == 4
    rt.close()
    rt.close()


@pytest.mark.needs("processes")
def test_unused_runtime_starts_no_process(engine: EngineUnderTest) -> None:
    before = census.descendants(os.getpid()).keys()
    with rv.Runtime(workers=2, engine=engine.name):
        assert census.descendants(os.getpid()).keys() == before


@pytest.mark.needs("processes")
def test_runtime_with_threads_and_coroutines_only_starts_no_process(engine: EngineUnderTest) -> None:
    async def value() -> int:
        return 1

    before = census.descendants(os.getpid()).keys()
    with rv.Runtime(workers=2, engine=engine.name) as rt:
        assert rt.options(on="thread").submit(work.double, 2).result() == 4
        assert rt.submit(value).result() == 1
        assert census.descendants(os.getpid()).keys() == before


@pytest.mark.needs("processes")
def test_workers_are_gone_when_the_block_is_left(engine: EngineUnderTest) -> None:
    before = census.descendants(os.getpid()).keys()
    with rv.Runtime(workers=2, engine=engine.name) as rt:
        rt.map(work.double, range(10)).list()
        assert census.descendants(os.getpid()).keys() > before
    eventually(lambda: census.descendants(os.getpid()).keys() == before, goal_s=0.3)


@pytest.mark.needs("processes")
def test_preloaded_module_is_there_before_the_first_task(engine: EngineUnderTest) -> None:
    def is_loaded() -> bool:
        import sys

        return "colorsys" in sys.modules

    with rv.Runtime(workers=1, engine=engine.name, preload=["colorsys"]) as rt:
        assert rt.submit(is_loaded).result() is True


@pytest.mark.needs("processes")
def test_workers_hash_texts_alike(engine: EngineUnderTest, keeper: Gatekeeper) -> None:
    gate = keeper.gate

    def order() -> tuple[int, list[str]]:
        gate.pass_through()
        return os.getpid(), list({f"word{index}" for index in range(50)})

    with rv.Runtime(workers=2, engine=engine.name) as rt:
        tasks = [rt.submit(order) for _ in range(2)]
        keeper.wait_for(2)
        keeper.release(2)
        (first, left), (second, right) = [task.result() for task in tasks]
    assert first != second
    assert left == right


def test_stats_count_the_tasks(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        rt.map(work.double, range(10)).list()
        assert "10" in repr(rt.stats())


def test_default_number_of_workers_is_what_the_process_may_use(tmp_path: Path) -> None:
    source = """
        import os
        import raveler as rv
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        with rv.Runtime() as rt:
            pids = set(rt.map(lambda _: os.getpid(), range(200), chunk=1))
            print(len(pids))
    """
    assert run_script(source, folder=tmp_path).check().out == "1\n"
