"""Rules of retries: how often, after which errors, after how long."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.gate import Gatekeeper


def attempts(log: str) -> int:
    """Return how many attempts were made."""
    return len(Path(log).read_bytes().splitlines())


def test_task_is_not_retried_unless_told(rt: rv.Runtime, log: str) -> None:
    with pytest.raises(ValueError, match="refused 1"):
        rt.submit(work.succeed_on_attempt, log, 2).result()
    assert attempts(log) == 1


def test_task_is_retried_until_it_succeeds(rt: rv.Runtime, log: str) -> None:
    assert rt.options(retries=5).submit(work.succeed_on_attempt, log, 3).result() == 3
    assert attempts(log) == 3


def test_retries_count_the_attempts_after_the_first(rt: rv.Runtime, log: str) -> None:
    with pytest.raises(ValueError, match="refused 3"):
        rt.options(retries=2).submit(work.succeed_on_attempt, log, 9).result()
    assert attempts(log) == 3


def test_error_of_the_last_attempt_is_raised(rt: rv.Runtime, log: str) -> None:
    with pytest.raises(ValueError, match="refused"):
        rt.options(retries=1).submit(work.key_error_then_value_error, log).result()


def test_only_the_named_errors_are_retried(rt: rv.Runtime, log: str) -> None:
    view = rt.options(retries=5, retry_on=(KeyError,))
    with pytest.raises(ValueError, match="refused"):
        view.submit(work.key_error_then_value_error, log).result()
    assert attempts(log) == 2


def test_retry_on_takes_one_class(rt: rv.Runtime, log: str) -> None:
    assert rt.options(retries=5, retry_on=ValueError).submit(work.succeed_on_attempt, log, 2).result() == 2


def test_retry_on_counts_subclasses(rt: rv.Runtime, log: str) -> None:
    assert rt.options(retries=5, retry_on=Exception).submit(work.succeed_on_attempt, log, 2).result() == 2


def test_backoff_waits_between_attempts(rt: rv.Runtime, log: str) -> None:
    began = time.monotonic()
    rt.options(retries=3, backoff=0.2).submit(work.succeed_on_attempt, log, 4).result()
    assert time.monotonic() - began >= 0.02  # far below the shortest sum of three waits that chance will give


@pytest.mark.needs("parallel")
def test_other_tasks_run_while_one_waits_for_its_next_attempt(rt: rv.Runtime, log: str) -> None:
    slow = rt.options(retries=1, backoff=0.5).submit(work.succeed_on_attempt, log, 2)
    assert rt.map(work.double, range(100)).list() == [2 * index for index in range(100)]
    assert slow.result() == 2


def test_each_item_of_a_map_has_its_own_retries(rt: rv.Runtime, tmp_path: Path) -> None:
    logs = [str(tmp_path / f"item{index}") for index in range(10)]
    assert rt.map(work.succeed_on_attempt, logs, [3] * 10, retries=2, chunk=5).list() == [3] * 10


def test_thread_task_is_retried(rt: rv.Runtime, log: str) -> None:
    assert rt.options(on="thread", retries=2).submit(work.succeed_on_attempt, log, 3).result() == 3


def test_coroutine_is_retried(rt: rv.Runtime, log: str) -> None:
    async def attempt() -> int:
        return work.succeed_on_attempt(log, 3)

    assert rt.options(retries=2).submit(attempt).result() == 3


@pytest.mark.needs("kill")
def test_attempt_that_timed_out_is_retried(rt: rv.Runtime, log: str) -> None:
    def hang_at_first(path: str) -> int:
        attempt = work.append(path, "attempt")
        if attempt == 1:
            work.hang_in_python()
        return attempt

    assert rt.options(retries=1, timeout=0.3).submit(hang_at_first, log).result() == 2


@pytest.mark.needs("kill")
def test_cancelled_task_is_not_retried(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.options(retries=5).submit(work.announce_and_hang, keeper.gate)
    keeper.wait_for(1)
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        task.result()
    assert rt.submit(work.double, 1).result() == 2
    assert keeper.collect() == b"."
