"""Rules of a task's blocking face: ``result``, ``exception``, ``done``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import work

if TYPE_CHECKING:
    import raveler as rv
    from tests.gate import Gatekeeper


def test_result_returns_the_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, 4).result() == 8


def test_result_can_be_asked_for_twice(rt: rv.Runtime) -> None:
    task = rt.submit(work.identity, [1])
    assert task.result() is task.result()


def test_result_raises_the_error_of_the_task(rt: rv.Runtime) -> None:
    task = rt.submit(work.fail, 3)
    with pytest.raises(ValueError, match="refused 3"):
        task.result()


def test_result_raises_the_same_error_again(rt: rv.Runtime) -> None:
    task = rt.submit(work.fail, 3)
    with pytest.raises(ValueError, match="refused 3") as first:
        task.result()
    with pytest.raises(ValueError, match="refused 3") as second:
        task.result()
    assert first.value is second.value


def test_exception_returns_the_error(rt: rv.Runtime) -> None:
    error = rt.submit(work.fail, 3).exception()
    assert isinstance(error, ValueError)
    assert error.args == ("refused 3",)


def test_exception_of_a_task_that_succeeded_is_none(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, 4).exception() is None


def test_done_is_true_after_the_result(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 4)
    task.result()
    assert task.done()
    assert not task.cancelled()


def test_done_is_true_after_an_error(rt: rv.Runtime) -> None:
    task = rt.submit(work.fail)
    task.exception()
    assert task.done()
    assert not task.cancelled()


@pytest.mark.needs("parallel")
def test_done_is_false_while_the_task_runs(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.submit(work.pass_gate, keeper.gate, 5)
    keeper.wait_for(1)
    assert not task.done()
    keeper.release()
    assert task.result() == 5


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("ask", ["result", "exception"])
def test_waiting_longer_than_the_timeout_raises_and_leaves_the_task_alone(
    rt: rv.Runtime, keeper: Gatekeeper, ask: str
) -> None:
    task = rt.submit(work.pass_gate, keeper.gate, 5)
    keeper.wait_for(1)
    with pytest.raises(TimeoutError):
        getattr(task, ask)(timeout=0.01)
    assert not task.done()
    keeper.release()
    assert task.result() == 5


@pytest.mark.needs("parallel")
def test_timeout_of_zero_asks_without_waiting(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    task = rt.submit(work.pass_gate, keeper.gate, 5)
    with pytest.raises(TimeoutError):
        task.result(timeout=0)
    keeper.release()
    assert task.result() == 5
    assert task.result(timeout=0) == 5


@pytest.mark.needs("parallel")
def test_several_threads_may_wait_for_one_task(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    import threading

    task = rt.submit(work.pass_gate, keeper.gate, 5)
    values: list[int] = []
    threads = [threading.Thread(target=lambda: values.append(task.result())) for _ in range(4)]
    for thread in threads:
        thread.start()
    keeper.release()
    for thread in threads:
        thread.join()
    assert values == [5] * 4


def test_result_returns_none_as_a_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.identity, None).result() is None


def test_exception_object_returned_as_a_value_is_not_raised(rt: rv.Runtime) -> None:
    task = rt.submit(work.identity, KeyError("value"))
    assert isinstance(task.result(), KeyError)
    assert task.exception() is None


def test_system_exit_in_a_task_is_the_error_of_that_task(rt: rv.Runtime) -> None:
    import sys

    with pytest.raises(SystemExit):
        rt.submit(sys.exit, 3).result()
    assert rt.submit(work.double, 1).result() == 2


def test_repr_of_a_task_names_its_function(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 4)
    task.result()
    assert "double" in repr(task)
