"""Rules of ``timeout``: per attempt, from the start of execution."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work
from tests.deadline import guard

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime
    from tests.gate import Gatekeeper


def test_task_within_its_timeout_succeeds(rt: rv.Runtime) -> None:
    assert rt.options(timeout=60).submit(work.double, 2).result() == 4


def test_map_within_its_timeout_succeeds(rt: rv.Runtime) -> None:
    assert rt.map(work.double, range(20), timeout=60).list() == [2 * index for index in range(20)]


@pytest.mark.needs("kill")
def test_task_over_its_timeout_raises_task_timeout(rt: rv.Runtime) -> None:
    began = time.monotonic()
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=0.2).submit(work.hang_in_python).result()
    assert 0.2 <= time.monotonic() - began < 0.2 + guard(0.2)


def test_task_timeout_is_a_timeout_error_and_a_raveler_error() -> None:
    assert issubclass(rv.TaskTimeout, TimeoutError)
    assert issubclass(rv.TaskTimeout, rv.RavelerError)


@pytest.mark.needs("kill")
def test_time_in_the_queue_does_not_count(new_runtime: NewRuntime) -> None:
    rt = new_runtime(workers=1)
    first = rt.submit(work.sleep_for, 0.6)
    second = rt.options(timeout=0.3).submit(work.double, 2)
    assert second.result() == 4
    assert first.result() is None


@pytest.mark.needs("kill")
def test_timeout_counts_per_item_and_not_per_chunk(rt: rv.Runtime) -> None:
    assert rt.map(work.sleep_for, [0.1] * 8, range(8), timeout=0.5, chunk=8).list() == list(range(8))


@pytest.mark.needs("kill")
def test_only_the_slow_item_times_out(rt: rv.Runtime) -> None:
    waits = [0, 0, 60, 0, 0, 0]
    results = rt.map(work.sleep_for, waits, range(6), timeout=0.3, chunk=3, errors="return").list()
    assert isinstance(results[2], rv.TaskTimeout)
    assert results[:2] + results[3:] == [0, 1, 3, 4, 5]


@pytest.mark.needs("kill")
def test_coroutine_over_its_timeout_is_cancelled(rt: rv.Runtime) -> None:
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=0.1).submit(hang).result()
    rt.submit(asyncio.sleep, 0).result()
    assert ended == ["cancelled"]


@pytest.mark.needs("parallel")
def test_thread_task_over_its_timeout_settles_at_once(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    with pytest.raises(rv.TaskTimeout):
        rt.options(timeout=0.1, on="thread").submit(work.pass_gate, keeper.gate).result()
    keeper.release()


@pytest.mark.needs("kill")
def test_worker_of_a_timed_out_task_is_replaced(rt: rv.Runtime) -> None:
    for _ in range(3):
        with pytest.raises(rv.TaskTimeout):
            rt.options(timeout=0.1).submit(work.hang_in_python).result()
    assert rt.map(work.double, range(20)).list() == [2 * index for index in range(20)]


@pytest.mark.needs("kill")
def test_message_names_the_task_and_the_timeout(rt: rv.Runtime) -> None:
    with pytest.raises(rv.TaskTimeout, match=r"(?s)hang_in_python.*0\.2|0\.2.*hang_in_python"):
        rt.options(timeout=0.2).submit(work.hang_in_python).result()
