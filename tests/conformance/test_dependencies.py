"""Rules of tasks given as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import work

if TYPE_CHECKING:
    from collections.abc import Callable

    import raveler as rv
    from tests.gate import Gatekeeper


def test_task_as_argument_arrives_as_its_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.double, rt.submit(work.double, 2)).result() == 8


def test_task_as_keyword_arrives_as_its_value(rt: rv.Runtime) -> None:
    assert rt.submit(work.everything, one=rt.submit(work.double, 2)).result() == ((), {"one": 4})


def test_several_tasks_as_arguments_arrive_in_their_places(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.double, index) for index in range(5)]
    assert rt.submit(work.everything, *tasks).result() == ((0, 2, 4, 6, 8), {})


def test_one_task_may_be_given_twice(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    assert rt.submit(work.add, task, task).result() == 8


def test_task_that_is_done_can_be_an_argument(rt: rv.Runtime) -> None:
    task = rt.submit(work.double, 2)
    task.result()
    assert rt.submit(work.double, task).result() == 8


def test_long_chain_of_dependencies_ends(rt: rv.Runtime) -> None:
    task = rt.submit(work.identity, 0)
    for _ in range(500):
        task = rt.submit(work.add, task, 1)
    assert task.result() == 500


def test_diamond_of_dependencies_ends(rt: rv.Runtime) -> None:
    root = rt.submit(work.identity, 1)
    left, right = rt.submit(work.double, root), rt.submit(work.add, root, 10)
    assert rt.submit(work.add, left, right).result() == 13


@pytest.mark.needs("parallel")
def test_dependent_does_not_hold_a_worker_while_it_waits(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    first = rt.submit(work.pass_gate, keeper.gate, 5)
    waiting = [rt.submit(work.double, first) for _ in range(20)]
    assert rt.submit(work.double, 1).result() == 2
    keeper.release()
    assert [task.result() for task in waiting] == [10] * 20


def test_failed_dependency_fails_its_dependents_with_the_same_error(rt: rv.Runtime) -> None:
    first = rt.submit(work.fail, 3)
    second = rt.submit(work.double, first)
    third = rt.submit(work.double, second)
    with pytest.raises(ValueError, match="refused 3"):
        third.result()
    assert isinstance(second.exception(), ValueError)


def test_dependent_of_a_failed_task_never_runs(rt: rv.Runtime, log: str) -> None:
    from pathlib import Path

    task = rt.submit(work.append, log, rt.submit(work.fail))
    assert isinstance(task.exception(), ValueError)
    assert not Path(log).exists()


@pytest.mark.parametrize(
    "wrap",
    [lambda task: [task], lambda task: (1, (task,)), lambda task: {"a": task}, lambda task: {"a": [{"b": task}]}],
    ids=["list", "tuple", "dict", "deep"],
)  # fmt: skip
def test_task_inside_a_container_is_a_type_error_at_once(rt: rv.Runtime, wrap: Callable[[object], object]) -> None:
    task = rt.submit(work.double, 2)
    with pytest.raises(TypeError, match="Task"):
        rt.submit(work.identity, wrap(task))
    with pytest.raises(TypeError, match="Task"):
        rt.submit(work.everything, inside=wrap(task))
    assert task.result() == 4


def test_dependency_reaches_a_thread_task(rt: rv.Runtime) -> None:
    assert rt.options(on="thread").submit(work.double, rt.submit(work.double, 2)).result() == 8


def test_dependency_reaches_a_coroutine(rt: rv.Runtime) -> None:
    async def plus(value: int) -> int:
        return value + 1

    assert rt.submit(plus, rt.submit(work.double, 2)).result() == 5


def test_coroutine_can_be_a_dependency(rt: rv.Runtime) -> None:
    async def value() -> int:
        return 5

    assert rt.submit(work.double, rt.submit(value)).result() == 10


def test_large_value_of_a_dependency_arrives_whole(rt: rv.Runtime) -> None:
    data = rt.submit(bytes, 3_000_000)
    assert rt.submit(len, data).result() == 3_000_000
