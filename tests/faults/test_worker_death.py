"""A worker dies under its task: only that task fails, and says why."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import guard, still_alive_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gate import Gatekeeper

DEATHS = [
    (work.exit_hard, r"(?i)exit(ed)?.*\b3\b|_exit"),
    (work.segfault, r"(?i)segmentation fault|SIGSEGV"),
    (work.abort, r"(?i)abort"),
    (work.kill_self, r"(?i)kill"),
]


@pytest.mark.parametrize(("die", "cause"), DEATHS, ids=lambda item: getattr(item, "__name__", ""))
def test_only_the_task_that_died_fails(rt: rv.Runtime, die: Callable[[], None], cause: str) -> None:
    before = [rt.submit(work.double, index) for index in range(20)]
    bad = rt.submit(die)
    after = [rt.submit(work.double, index) for index in range(20)]
    with pytest.raises(rv.WorkerDied, match=cause) as caught:
        bad.result(timeout=guard(1))
    assert die.__name__ in str(caught.value)
    assert [task.result() for task in before + after] == [2 * index for index in range(20)] * 2


@pytest.mark.parametrize("die", [die for die, _ in DEATHS])
def test_new_worker_takes_the_place_of_the_dead(rt: rv.Runtime, die: Callable[[], None], keeper: Gatekeeper) -> None:
    with pytest.raises(rv.WorkerDied):
        rt.submit(die).result()
    tasks = [rt.submit(work.pass_gate, keeper.gate, index) for index in range(2)]
    keeper.wait_for(2)
    keeper.release(2)
    assert [task.result() for task in tasks] == [0, 1]


def test_task_that_runs_out_of_memory_fails_alone(rt: rv.Runtime) -> None:
    good = [rt.submit(work.double, index) for index in range(20)]
    bad = rt.submit(work.exhaust_memory)
    with pytest.raises((MemoryError, rv.WorkerDied)):
        bad.result()
    assert [task.result() for task in good] == [2 * index for index in range(20)]
    assert rt.map(work.double, range(100)).list() == [2 * index for index in range(100)]


def test_death_says_the_signal_in_words_and_the_arguments(rt: rv.Runtime) -> None:
    with pytest.raises(rv.WorkerDied, match=r"(?s)die_at.*4711|4711.*die_at"):
        rt.submit(work.die_at, 4711, 4711).result()


def test_death_says_how_much_memory_the_worker_had(rt: rv.Runtime) -> None:
    with pytest.raises(rv.WorkerDied, match=r"(?i)\bMi?B\b|\bGi?B\b"):
        rt.submit(work.kill_self).result()


def test_death_shows_the_last_lines_of_the_log(rt: rv.Runtime) -> None:
    def say_and_die() -> None:
        import logging

        logging.getLogger("tests.last").warning("last words")
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(rv.WorkerDied, match="last words"):
        rt.submit(say_and_die).result()


def test_retries_run_the_task_again_on_another_worker(rt: rv.Runtime, log: str) -> None:
    assert rt.options(retries=1).submit(work.die_on_first_attempt, log).result() == 2


def test_retries_run_the_item_again_on_another_worker(rt: rv.Runtime, log: str) -> None:
    assert rt.map(work.die_on_first_attempt, [log], retries=1).list() == [2]


def test_task_that_always_dies_fails_when_its_retries_are_used_up(rt: rv.Runtime) -> None:
    with pytest.raises(rv.WorkerDied):
        rt.options(retries=3).submit(work.kill_self).result()


def test_all_workers_dying_at_once_is_survived(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    tasks = [rt.submit(work.announce_and_hang, keeper.gate) for _ in range(2)]
    keeper.wait_for(2)
    for pid in census.workers_of():
        os.kill(pid, signal.SIGKILL)
    for task in tasks:
        with pytest.raises(rv.WorkerDied):
            task.result()
    assert rt.map(work.double, range(100)).list() == [2 * index for index in range(100)]


def test_idle_worker_that_is_killed_is_replaced_and_costs_no_task(rt: rv.Runtime) -> None:
    rt.map(work.double, range(10)).list()
    for _ in range(5):
        victims = census.workers_of()
        os.kill(victims[0], signal.SIGKILL)
        assert rt.map(work.double, range(50)).list() == [2 * index for index in range(50)]
        assert still_alive_after(victims[:1], 0.1) == []


def test_stopped_worker_is_not_taken_for_a_dead_one(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.submit(work.pass_gate, keeper.gate, 5)
    keeper.wait_for(1)
    workers = census.workers_of()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    keeper.release()
    with pytest.raises(TimeoutError):
        task.result(timeout=0.3)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert task.result() == 5


def test_death_of_the_zygote_ends_no_task_in_silence(rt: rv.Runtime) -> None:
    rt.map(work.double, range(10)).list()
    for pid in census.zygotes_of():
        os.kill(pid, signal.SIGKILL)
    tasks = [rt.submit(work.double, index) for index in range(50)]
    for index, task in enumerate(tasks):
        error = task.exception(timeout=guard(2))
        if error is None:
            assert task.result() == 2 * index
        else:
            assert isinstance(error, rv.RavelerError)


def test_death_does_not_reach_another_runtime(rt: rv.Runtime) -> None:
    with rv.Runtime(workers=1) as other:
        with pytest.raises(rv.WorkerDied):
            rt.submit(work.kill_self).result()
        assert other.submit(work.double, 1).result() == 2


def test_death_while_the_block_is_left_is_the_error_of_its_task() -> None:
    with rv.Runtime(workers=1) as rt:
        task = rt.submit(work.kill_self)
    assert isinstance(task.exception(), rv.WorkerDied)


def test_worker_above_its_memory_is_replaced_after_its_task() -> None:
    with rv.Runtime(workers=1, memory="150MiB") as rt:
        first = rt.submit(work.keep_memory, 1).result()
        assert rt.submit(work.process_id).result() == first
        assert rt.submit(work.keep_memory, 300).result() == first
        assert rt.submit(work.process_id).result() != first
