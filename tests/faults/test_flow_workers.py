"""Workers are killed at random moments while a flow runs: nothing is lost, nothing comes twice, nothing is wrong."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import let_pass
from tests.faults import flow_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("io_is_warm")

SEED = int(os.environ.get("RAVELER_TEST_SEED", "1"))


@contextmanager
def killer(seed: int, kills: int, pause_s: float = 0.01) -> Iterator[list[int]]:
    """Kill a worker every few milliseconds, up to so many; give the list of the dead."""
    dead: list[int] = []
    over = threading.Event()
    dice = random.Random(seed)

    def kill() -> None:
        while len(dead) < kills and not over.is_set():
            victims = census.workers_of()
            if victims:
                victim = dice.choice(victims)
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                dead.append(victim)
            let_pass(dice.random() * pause_s)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield dead
    finally:
        over.set()
        thread.join()


def test_sixty_kills_lose_nothing(rt: rv.Runtime) -> None:
    with killer(SEED, 60) as dead:
        while len(dead) < 60:
            flow = rt.flow(range(2000)).map(work.double, retries=1000).filter(bool, on="thread")
            flow = flow.map(work.identity, retries=1000).flat_map(lambda value: [value] * 2, retries=1000)
            assert flow.list() == [2 * index for index in range(1, 2000) for _ in range(2)]


def test_kills_leave_the_sink_as_an_undisturbed_run_does(tmp_path: Path) -> None:
    sink = flow_runs.TableSink(tmp_path)
    with rv.Runtime(workers=2) as rt, killer(SEED + 1, 20):
        view: Any = rt.options(retries=1000)
        flow = flow_runs.flow(view, range(flow_runs.ITEMS), str(tmp_path / "log"), None)
        flow.batch(flow_runs.BATCH).to(sink.target(rt)).run()
        assert sink.content() == flow_runs.expected()


def test_kills_without_retries_cost_only_the_items_that_were_hit(rt: rv.Runtime) -> None:
    with killer(SEED + 2, 30) as dead:
        flow = rt.flow(range(3000)).map(work.double, errors="return")
        flow = flow.map(work.identity, on="thread").map(work.identity, errors="return")
        results = flow.list()
    assert len(results) == 3000
    wrong = [(index, value) for index, value in enumerate(results) if value != 2 * index]
    assert all(isinstance(value, rv.WorkerDied) for _, value in wrong)
    assert len(wrong) <= len(dead)


def test_death_with_a_raising_stage_is_raised_after_the_items_before_it(rt: rv.Runtime) -> None:
    flow = (
        rt.flow(range(100)).map(work.identity).map(lambda value: work.die_at(40, value)).map(work.double, on="thread")
    )
    results = iter(flow)
    assert [next(results) for _ in range(40)] == [2 * index for index in range(40)]
    with pytest.raises(rv.WorkerDied):
        next(results)
    assert rt.flow(range(10)).map(work.double).list() == [2 * index for index in range(10)]


@pytest.mark.parametrize("hang", [work.hang_in_python, work.hang_deaf, work.hang_in_c, work.hang_ignoring_signals])
def test_stage_that_never_returns_is_ended_by_its_timeout(rt: rv.Runtime, hang: Any) -> None:
    def hang_at_three(value: int) -> int:
        if value == 3:
            hang()
        return value

    flow = rt.flow(range(8)).map(work.identity).map(hang_at_three, timeout=0.3, errors="skip").map(work.double)
    assert flow.list() == [0, 2, 4, 8, 10, 12, 14]


def test_stage_that_never_returns_keeps_the_sink_whole(rt: rv.Runtime, tmp_path: Path) -> None:
    def hang_at(value: tuple[int, int, str]) -> tuple[int, int, str]:
        if value[0] == 100:
            work.hang_in_python()
        return value

    sink = flow_runs.TableSink(tmp_path)
    flow = flow_runs.flow(rt, range(flow_runs.ITEMS), str(tmp_path / "log"), None)
    # Items of four make no part at all, so the first that hangs is the next.
    with pytest.raises(rv.TaskTimeout):
        flow.map(lambda row: hang_at((row[0] - 1, *row[1:])), timeout=0.3).batch(4).to(sink.target(rt)).run()
    before = [(item - 1, part, text) for item, part, text in flow_runs.expected(101)]
    assert sink.content() == before
