"""Rules of a task's promise face: ``then``, ``catch``, ``finally_``."""

from __future__ import annotations

import functools
import os
import threading

import pytest

import raveler as rv
from tests import work


def test_then_gets_the_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, 2).then(lambda value: value + 1).result() == 5


def test_then_returns_a_new_task(rt: rv.Runtime) -> None:
    first = rt.submit(work.double, 2)
    second = first.then(work.double)
    assert isinstance(second, rv.Task)
    assert second is not first
    assert (first.result(), second.result()) == (4, 8)


def test_promises_chain(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 1)
    for _ in range(20):
        task = task.then(lambda value: value + 1)
    assert task.result() == 22


def test_then_runs_in_this_process_off_the_callers_thread(rt: rv.Runtime) -> None:
    touched: list[tuple[int, int]] = []
    rt.submit(work.double, 1).then(lambda _: touched.append((os.getpid(), threading.get_ident()))).result()
    assert touched[0][0] == os.getpid()


@pytest.mark.needs("processes")
def test_then_goes_elsewhere_by_its_place(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, 1).then(work.process_id, on="process").result() != os.getpid()


def test_then_is_skipped_by_an_error_which_goes_through(rt: rv.Runtime) -> None:
    called: list[int] = []
    task = rt.submit(work.fail, 7).then(called.append)
    with pytest.raises(ValueError, match="refused 7"):
        task.result()
    assert called == []


def test_error_in_then_is_the_error_of_its_task(rt: rv.Runtime) -> None:
    with pytest.raises(ValueError, match="refused 4"):
        rt.submit(work.double, 2).then(work.fail).result()


def test_catch_turns_an_error_into_a_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.fail, 7).catch(str).result() == "refused 7"


def test_catch_lets_a_value_through(rt: rv.Runtime) -> None:
    called: list[BaseException] = []
    assert rt.submit(work.double, 2).catch(called.append).result() == 4
    assert called == []


def test_error_in_catch_replaces_the_first(rt: rv.Runtime) -> None:
    def again(_: BaseException) -> None:
        message = "second"
        raise KeyError(message)

    with pytest.raises(KeyError, match="second"):
        rt.submit(work.fail).catch(again).result()


def test_finally_runs_after_a_value_and_keeps_it(rt: rv.Runtime) -> None:
    called: list[str] = []
    assert rt.submit(work.double, 2).finally_(lambda: called.append("end")).result() == 4
    assert called == ["end"]


def test_finally_runs_after_an_error_and_keeps_it(rt: rv.Runtime) -> None:
    called: list[str] = []
    with pytest.raises(ValueError, match="refused"):
        rt.submit(work.fail).finally_(lambda: called.append("end")).result()
    assert called == ["end"]


def test_error_in_finally_replaces_the_outcome(rt: rv.Runtime) -> None:
    def broken() -> None:
        message = "in finally"
        raise KeyError(message)

    with pytest.raises(KeyError, match="in finally"):
        rt.submit(work.double, 2).finally_(broken).result()


def test_then_waits_for_a_task_that_it_returns(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, 2).then(lambda value: rt.submit(work.double, value)).result() == 8


def test_then_takes_a_coroutine_function(rt: rv.Runtime) -> None:
    async def later(value: int) -> int:
        return value + 1

    assert rt.submit(work.double, 2).then(later).result() == 5


def test_one_task_may_have_several_promises(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    branches = [task.then(functools.partial(work.add, index)) for index in range(5)]
    assert [branch.result() for branch in branches] == [4, 5, 6, 7, 8]
