"""Rules of options: the decorator, the view, the keywords, and which of them wins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime


@rv.task(on="thread")
def where() -> int:
    """Return the process that runs this task."""
    return os.getpid()


@rv.task
def plain(value: int) -> int:
    """Return twice the argument."""
    return 2 * value


def test_decorated_function_can_still_be_called(rt: rv.Runtime) -> None:
    assert plain(2) == 4
    assert rt.submit(plain, 2).result() == 4


def test_decorated_function_keeps_its_name_and_docstring() -> None:
    assert where.__name__ == "where"
    assert where.__doc__ == "Return the process that runs this task."


def test_decorator_fixes_the_options(rt: rv.Runtime) -> None:
    assert rt.submit(where).result() == os.getpid()


def test_decorator_counts_in_map_too(rt: rv.Runtime) -> None:
    @rv.task(on="thread")
    def here(_: int) -> int:
        return os.getpid()

    assert set(rt.map(here, range(5)).list()) == {os.getpid()}


def test_task_wraps_a_function_for_one_call(rt: rv.Runtime, log: str) -> None:
    assert rt.submit(rv.task(work.succeed_on_attempt, retries=2), log, 3).result() == 3


def test_view_carries_the_options(rt: rv.Runtime) -> None:
    assert rt.options(on="thread").submit(work.process_id).result() == os.getpid()


@pytest.mark.needs("processes")
def test_view_leaves_its_runtime_alone(rt: rv.Runtime) -> None:
    rt.options(on="thread")
    assert rt.submit(work.process_id).result() != os.getpid()


@pytest.mark.needs("processes")
def test_nearest_option_wins(rt: rv.Runtime) -> None:
    assert rt.options(on="process").submit(where).result() != os.getpid()
    assert set(rt.options(on="thread").map(work.process_id, range(3), on="process").list()).isdisjoint({os.getpid()})


def test_view_of_a_view_adds_up(rt: rv.Runtime, log: str) -> None:
    view = rt.options(retries=2).options(on="thread")
    assert view.submit(work.succeed_on_attempt, log, 3).result() == 3


def test_map_takes_options_as_keywords(rt: rv.Runtime, log: str) -> None:
    assert rt.map(work.succeed_on_attempt, [log], [3], retries=2).list() == [3]


def test_reduce_takes_options_as_keywords(rt: rv.Runtime) -> None:
    assert rt.reduce(work.add, range(10), retries=1).result() == 45


def test_memory_takes_a_text_with_a_unit(new_runtime: NewRuntime) -> None:
    assert new_runtime(memory="2GiB").submit(work.double, 2).result() == 4
