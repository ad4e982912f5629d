"""Rules of ``scope``: children end before the block does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.gate import Gatekeeper


def test_spawn_returns_a_task(rt: rv.Runtime) -> None:
    with rt.scope() as scope:
        task = scope.spawn(work.double, 2)
        assert isinstance(task, rv.Task)
    assert task.result() == 4


def test_children_end_before_the_block_does(rt: rv.Runtime, log: str) -> None:
    with rt.scope() as scope:
        tasks = [scope.spawn(work.append, log, str(index)) for index in range(20)]
    assert all(task.done() for task in tasks)
    assert len(Path(log).read_text().split()) == 20


def test_empty_scope_ends(rt: rv.Runtime) -> None:
    with rt.scope():
        pass


def test_error_of_a_child_leaves_the_block(rt: rv.Runtime) -> None:
    with pytest.raises(ValueError, match="refused 3"), rt.scope() as scope:
        scope.spawn(work.fail, 3)


def test_error_of_the_block_leaves_it(rt: rv.Runtime) -> None:
    def block() -> None:
        with rt.scope() as scope:
            scope.spawn(work.double, 3).result()
            raise KeyError("block")

    with pytest.raises(KeyError, match="block"):
        block()


def test_error_of_the_block_and_of_a_child_make_a_group(rt: rv.Runtime) -> None:
    def block() -> None:
        with rt.scope() as scope:
            rv.wait([scope.spawn(work.fail, 3)])
            raise KeyError("block")

    with pytest.raises(ExceptionGroup) as caught:
        block()
    assert {type(error) for error in caught.value.exceptions} == {KeyError, ValueError}


@pytest.mark.needs("kill")
def test_error_of_the_block_cancels_the_children(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    tasks: list[rv.Task[None]] = []

    def block() -> None:
        with rt.scope() as scope:
            tasks.append(scope.spawn(work.announce_and_hang, keeper.gate))
            keeper.wait_for(1)
            raise KeyError("block")

    with pytest.raises(KeyError, match="block"):
        block()
    assert tasks[0].cancelled()


@pytest.mark.needs("kill")
def test_error_of_a_child_cancels_its_siblings(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    tasks: list[rv.Task[None]] = []

    def block() -> None:
        with rt.scope() as scope:
            tasks.append(scope.spawn(work.announce_and_hang, keeper.gate))
            keeper.wait_for(1)
            scope.spawn(work.fail, 3)

    with pytest.raises(ValueError, match="refused 3"):
        block()
    assert tasks[0].cancelled()


@pytest.mark.needs("kill")
def test_cancelled_child_is_no_error_of_the_block(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    with rt.scope() as scope:
        task = scope.spawn(work.announce_and_hang, keeper.gate)
        keeper.wait_for(1)
        task.cancel()
    assert task.cancelled()


def test_scopes_nest(rt: rv.Runtime) -> None:
    with rt.scope() as outer:
        first = outer.spawn(work.double, 1)
        with rt.scope() as inner:
            second = inner.spawn(work.double, 2)
        assert second.done()
    assert (first.result(), second.result()) == (2, 4)


def test_spawn_after_the_end_is_refused(rt: rv.Runtime) -> None:
    with rt.scope() as scope:
        pass
    with pytest.raises((RuntimeError, rv.RavelerError)):
        scope.spawn(work.double, 1)


def test_scope_can_be_entered_in_an_event_loop(rt: rv.Runtime) -> None:
    import asyncio

    async def main() -> rv.Task[int]:
        async with rt.scope() as scope:
            return scope.spawn(work.double, 2)

    assert asyncio.run(main()).result() == 4
