"""What goes around process tasks: carried context variables, watched globals."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

import raveler as rv
from raveler._core import carry, watch
from raveler._core.wrapping import Wrapping

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")
ITEMS: list[int] = []


def look(x: int = 0) -> tuple[str, int]:
    return VARIABLE.get(), x


async def coroutine() -> str:
    return VARIABLE.get()


def change(x: int) -> int:
    ITEMS.append(x)
    return x


def test_carried_variables_are_set_for_the_call_alone() -> None:
    token = VARIABLE.set("here")
    function, args, options = Wrapping((VARIABLE,), watch_globals=False).around(look, (3,))
    VARIABLE.reset(token)
    assert options == {"name": "look", "on": "process"}
    assert function(*args) == ("here", 3)
    assert VARIABLE.get() == "unset"


def test_coroutines_and_threads_are_left_alone() -> None:
    wrapping = Wrapping((VARIABLE,), watch_globals=True)
    for function in (coroutine, rv.task(look, on="thread")):
        assert wrapping.around(function, ()) == (function, (), {})


def test_a_variable_without_a_value_does_not_travel() -> None:
    assert carry.values((VARIABLE,)) == ()
    assert carry.variable(__name__, "VARIABLE") is VARIABLE


def test_what_cannot_be_carried_is_refused() -> None:
    with pytest.raises(ValueError, match="'local'"):
        rv.Runtime(carry=[ContextVar("local")])
    for wrong in (VARIABLE, ["VARIABLE"], 3):
        with pytest.raises(TypeError, match="ContextVar"):
            carry.checked(wrong)  # type: ignore[arg-type]


def test_a_changed_global_is_warned_about() -> None:
    with pytest.warns(RuntimeWarning, match=r"test_wrapping\.ITEMS") as caught:
        assert watch.call(change, 1) == 1
    assert len(caught) == 1
    ITEMS.clear()


def test_a_task_that_changes_nothing_gives_no_warning() -> None:
    assert watch.call(look, 1) == ("unset", 1)
