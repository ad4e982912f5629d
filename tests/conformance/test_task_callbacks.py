"""Rules of a task's callback face."""

from __future__ import annotations

import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests import work
from tests.deadline import eventually, guard

if TYPE_CHECKING:
    from collections.abc import Callable

    import raveler as rv
    from tests.gate import Gatekeeper


class Notes(list[Any]):
    """What callbacks noted, and the event that the last of them sets."""

    def __init__(self, read: Callable[[rv.Task[Any]], Any]) -> None:
        """Note what ``read`` finds in the task."""
        super().__init__()
        self._read = read
        self._called = threading.Event()

    def __call__(self, done: rv.Task[Any]) -> None:
        self.append(self._read(done))
        self._called.set()

    def wait(self) -> list[Any]:
        """Return the notes once there are some."""
        assert self._called.wait(guard(1))
        return list(self)


def test_callback_gets_the_task(rt: rv.Runtime) -> None:
    notes = Notes(lambda done: done)
    task = rt.submit(work.double, 2)
    task.add_done_callback(notes)
    assert notes.wait() == [task]
    assert task.result() == 4


def test_callback_on_a_done_task_is_called_at_once(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    task.result()
    seen: list[int] = []
    task.add_done_callback(lambda done: seen.append(done.result()))
    assert seen == [4]


def test_callback_is_called_for_an_error_too(rt: rv.Runtime) -> None:
    notes = Notes(lambda done: str(done.exception()))
    rt.submit(work.fail).add_done_callback(notes)
    assert notes.wait() == ["refused None"]


@pytest.mark.needs("parallel")
def test_callbacks_are_called_once_in_order_of_registration(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    seen: list[int] = []
    task = rt.submit(work.pass_gate, keeper.gate)

    def note(index: int, _: object) -> None:
        seen.append(index)

    for index in range(10):
        task.add_done_callback(functools.partial(note, index))
    notes = Notes(lambda done: done.done())
    task.add_done_callback(notes)
    keeper.release()
    assert notes.wait() == [True]
    task.result()
    assert seen == list(range(10))


@pytest.mark.needs("parallel")
def test_callback_is_called_though_nobody_waits(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    called = threading.Event()
    rt.submit(work.pass_gate, keeper.gate).add_done_callback(lambda _: called.set())
    keeper.release()
    assert called.wait(guard(1))


@pytest.mark.needs("kill")
def test_callback_is_called_for_a_cancelled_task(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    notes = Notes(lambda done: done.cancelled())
    task = rt.submit(work.announce_and_hang, keeper.gate)
    task.add_done_callback(notes)
    keeper.wait_for(1)
    task.cancel()
    assert notes.wait() == [True]


def test_error_in_a_callback_is_reported_and_does_not_stop_the_others(
    rt: rv.Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: unraisable.append(str(report.exc_value)))
    called = threading.Event()
    task = rt.submit(work.double, 2)

    def broken(_: rv.Task[int]) -> None:
        message = "broken callback"
        raise RuntimeError(message)

    task.add_done_callback(broken)
    task.add_done_callback(lambda _: called.set())
    assert called.wait(guard(1))
    assert task.result() == 4
    eventually(lambda: "broken callback" in caplog.text + " ".join(unraisable), what="a report of the broken callback")


def test_callback_may_submit_another_task(rt: rv.Runtime) -> None:
    notes = Notes(lambda done: rt.submit(work.double, done.result()))
    rt.submit(work.double, 2).add_done_callback(notes)
    assert notes.wait()[0].result() == 8
