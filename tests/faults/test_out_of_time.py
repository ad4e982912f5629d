"""A process task overruns its timeout: it is interrupted where it is, and killed if it does not heed that."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import overrun, work
from tests.deadline import guard

if TYPE_CHECKING:
    from collections.abc import Callable

HEEDFUL_S = 1.0
"""The timeout of tasks that never end by themselves."""


@pytest.mark.parametrize("hang", [overrun.hang_and_tidy, overrun.hang_in_sleep_and_tidy, overrun.hang_in_inner_task])
def test_finally_runs_before_the_timeout_is_told(rt: rv.Runtime, tmp_path: Path, hang: Callable[[str], None]) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=HEEDFUL_S).submit(hang, str(trace)).result()
    assert trace.read_text(encoding="utf-8").startswith("tidied")


def test_finally_of_a_map_item_runs(rt: rv.Runtime, tmp_path: Path) -> None:
    traces = [str(tmp_path / str(index)) for index in range(3)]
    results: list[Any] = rt.map(overrun.hang_and_tidy, traces, timeout=HEEDFUL_S, errors="return").list()
    assert [type(result) for result in results] == [rv.TaskTimeout] * 3
    assert all(Path(trace).exists() for trace in traces)


def test_interrupt_is_no_exception_that_a_task_catches_by_habit(rt: rv.Runtime, tmp_path: Path) -> None:
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=HEEDFUL_S).submit(overrun.hang_and_catch_exceptions, str(tmp_path / "trace")).result()
    assert not (tmp_path / "trace").exists()


def test_value_that_comes_after_the_interrupt_does_not_count(rt: rv.Runtime) -> None:
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=HEEDFUL_S).submit(overrun.hang_and_return).result()


def test_finally_that_never_ends_is_killed(rt: rv.Runtime, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=HEEDFUL_S).submit(overrun.hang_and_tidy_for_ever, str(tmp_path / "trace")).result()
    assert time.monotonic() - began < guard(1)
    assert (tmp_path / "trace").exists()


def test_cancelled_task_is_killed_though_it_was_interrupted(rt: rv.Runtime) -> None:
    task = rt.options(timeout=HEEDFUL_S).submit(work.hang_deaf)
    with pytest.raises(TimeoutError):
        task.result(timeout=2 * HEEDFUL_S)
    task.cancel()
    with pytest.raises((rv.TaskCancelled, rv.TaskTimeout)):
        task.result()


def test_interrupted_task_is_retried_in_another_worker(rt: rv.Runtime, tmp_path: Path) -> None:
    view = rt.options(timeout=1.0, retries=1, retry_on=rv.TaskTimeout)
    assert view.submit(overrun.hang_once, str(tmp_path / "log")).result() == "done"


def test_interrupt_hits_no_task_but_its_own() -> None:
    with rv.Runtime(workers=2) as rt:
        # Timed tasks end about when their timeout does, so that many signals come too late.
        timed = [rt.options(timeout=0.01).submit(overrun.spin, 0.008 + 0.00005 * index) for index in range(60)]
        beside = [rt.submit(overrun.spin, 0.001) for _ in range(200)]
        assert [task.result() for task in beside] == [0.001] * 200
        errors = [task.exception() for task in timed]
        assert all(error is None or isinstance(error, rv.TaskTimeout) for error in errors)


@pytest.mark.parametrize("timeout", [None, 60])
def test_signal_from_elsewhere_does_nothing(rt: rv.Runtime, timeout: float | None) -> None:
    view = rt if timeout is None else rt.options(timeout=timeout)
    assert view.submit(overrun.signal_itself, int(signal.SIGURG)).result() == sum(range(1000))
