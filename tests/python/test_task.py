"""The decorator: options are fixed, calls go through, names lead back."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from raveler._core import functions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@rv.task(retries=2)
def decorated(x: int) -> int:
    """Add one."""
    return x + 1


class Counter:
    @classmethod
    def made(cls) -> Counter:
        return cls(0)

    def __init__(self, start: int) -> None:
        self.start = start

    @rv.task(timeout=3)
    def add(self, x: int) -> int:
        return self.start + x


async def coroutine() -> None: ...


async def async_generator() -> AsyncIterator[int]:
    yield 1


def test_a_decorated_function_is_still_called_directly() -> None:
    assert decorated(1) == 2
    assert decorated.__doc__ == "Add one."
    assert decorated.options == {"retries": 2}
    assert "retries=2" in repr(decorated)


def test_a_decorated_method_is_bound() -> None:
    assert Counter(5).add(1) == 6
    function, leading, options = functions.resolve(Counter(5).add)
    assert function(*leading, 2) == 7
    assert options == {"timeout": 3.0, "on": "process"}


def test_decorating_again_adds_options() -> None:
    assert rv.task(decorated, timeout=1, retries=3).options == {"retries": 3, "timeout": 1.0}


def test_a_decorated_function_travels_by_name() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(rv.task(len, retries=1)))("abc") == 3


@pytest.mark.parametrize("wrong", [3, staticmethod(len), Counter.__dict__["made"]])
def test_what_cannot_be_a_task_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError):
        rv.task(wrong)  # type: ignore[call-overload]


def test_the_place_follows_the_kind_of_function() -> None:
    assert functions.resolve(len)[2]["on"] == "process"
    assert functions.resolve(coroutine)[2]["on"] == "loop"
    assert functions.resolve(rv.task(len, on="thread"))[2]["on"] == "thread"
    with pytest.raises(ValueError, match="async def"):
        functions.resolve(rv.task(coroutine, on="process"))
    with pytest.raises(ValueError, match="async def"):
        functions.check_on(coroutine, "thread")
    with pytest.raises(TypeError, match="async generator"):
        functions.resolve(async_generator)
    with pytest.raises(TypeError, match="callable"):
        functions.resolve(3)
