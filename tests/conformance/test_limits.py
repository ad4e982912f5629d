"""Rules of named limits: counts and rates that tasks share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime
    from tests.conformance.engines import EngineUnderTest
    from tests.gate import Gatekeeper


def peak(log: str) -> int:
    """Return the most tasks that were inside at one time."""
    running = most = 0
    for line in Path(log).read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    return most


@pytest.mark.needs("parallel")
def test_count_bounds_what_runs_at_once(new_runtime: NewRuntime, log: str) -> None:
    rt = new_runtime(workers=4, limits={"db": 2})
    tasks = [rt.options(limit="db").submit(work.enter_and_leave, log, 0.01) for _ in range(20)]
    for task in tasks:
        task.result()
    assert peak(log) <= 2


@pytest.mark.needs("parallel")
def test_count_can_be_used_to_the_full(new_runtime: NewRuntime, keeper: Gatekeeper) -> None:
    rt = new_runtime(workers=4, limits={"db": 2})
    tasks = [rt.options(limit="db").submit(work.pass_gate, keeper.gate) for _ in range(4)]
    keeper.wait_for(2)
    keeper.release(4)
    for task in tasks:
        task.result()


@pytest.mark.needs("parallel")
def test_tasks_without_the_limit_overtake_those_that_wait_for_it(new_runtime: NewRuntime, keeper: Gatekeeper) -> None:
    rt = new_runtime(workers=2, limits={"db": 1})
    held = [rt.options(limit="db").submit(work.pass_gate, keeper.gate) for _ in range(3)]
    keeper.wait_for(1)
    assert rt.submit(work.double, 2).result() == 4
    keeper.release(3)
    for task in held:
        task.result()


@pytest.mark.needs("parallel")
def test_limit_counts_in_map(new_runtime: NewRuntime, log: str) -> None:
    rt = new_runtime(workers=4, limits={"db": 1})
    rt.map(work.enter_and_leave, [log] * 20, [0.002] * 20, limit="db").list()
    assert peak(log) == 1


@pytest.mark.needs("parallel")
def test_limit_is_shared_by_processes_and_threads(new_runtime: NewRuntime, log: str) -> None:
    rt = new_runtime(workers=2, limits={"db": 1})
    places: list[Any] = ["process", "thread"] * 5
    tasks = [rt.options(limit="db", on=place).submit(work.enter_and_leave, log, 0.01) for place in places]
    for task in tasks:
        task.result()
    assert peak(log) == 1


def test_failed_task_gives_its_share_back(rt: rv.Runtime) -> None:
    for _ in range(5):
        with pytest.raises(ValueError, match="refused"):
            rt.options(limit="pair").submit(work.fail).result()
    assert rt.options(limit="pair").submit(work.double, 2).result() == 4


@pytest.mark.needs("kill")
def test_task_that_killed_its_worker_gives_its_share_back(rt: rv.Runtime) -> None:
    for _ in range(3):
        with pytest.raises(rv.WorkerDied):
            rt.options(limit="pair").submit(work.kill_self).result()
    assert rt.options(limit="pair").submit(work.double, 2).result() == 4


@pytest.mark.needs("kill")
def test_cancelled_task_gives_its_share_back(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    tasks = [rt.options(limit="pair").submit(work.announce_and_hang, keeper.gate) for _ in range(2)]
    keeper.wait_for(2)
    for task in tasks:
        task.cancel()
    assert rt.options(limit="pair").submit(work.double, 2).result() == 4


def test_rate_spreads_the_starts(rt: rv.Runtime, log: str) -> None:
    tasks = [rt.options(limit="slow").submit(work.stamp, log) for _ in range(9)]
    for task in tasks:
        task.result()
    stamps = sorted(float(line) for line in Path(log).read_text().split())
    assert stamps[-1] - stamps[0] >= 0.35


def test_unknown_limit_is_named_beside_the_known_ones(rt: rv.Runtime) -> None:
    with pytest.raises(ValueError, match=r"(?s)disk.*pair|pair.*disk"):
        rt.options(limit="disk").submit(work.double, 1)


@pytest.mark.parametrize("count", [0, -1])
def test_limit_below_one_is_refused(engine: EngineUnderTest, count: int) -> None:
    with pytest.raises(ValueError, match=str(count)):
        rv.Runtime(engine=engine.name, limits={"db": count})


def test_limit_of_another_type_is_refused(engine: EngineUnderTest) -> None:
    limits: Any = {"db": "many"}
    with pytest.raises((TypeError, ValueError), match="many"):
        rv.Runtime(engine=engine.name, limits=limits)


def test_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        rv.Rate(0, per=1.0)
    with pytest.raises(ValueError, match="-1"):
        rv.Rate(5, per=-1.0)
