"""Exceptions as bytes: type, attributes, chain and notes come back, whatever the exception does."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

import raveler as rv
from raveler._core import serialize


class WantsTwo(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__("text")
        self.first, self.second = first, second


class RefusesPickle(Exception):
    def __reduce__(self) -> NoReturn:
        message = "no pickle"
        raise TypeError(message)

    @property
    def __dict__(self) -> NoReturn:  # type: ignore[override]
        message = "no state"
        raise TypeError(message)


class BrokenText(Exception):
    def __str__(self) -> NoReturn:
        message = "no text"
        raise ValueError(message)


def travelled(error: BaseException) -> Any:
    return serialize.load_error(serialize.dump_error(error))


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause  # noqa: TRY301 - to have a traceback
    except BaseException as caught:  # noqa: BLE001 - any exception is under test
        return caught


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError(3),
        OSError(2, "gone", "file"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        SystemExit(4),
        KeyboardInterrupt(),
        StopIteration(5),
    ],
)
def test_builtin_exceptions_come_back_as_they_are(error: BaseException) -> None:
    back = travelled(raised(error))
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error)


def test_an_exception_whose_init_wants_other_arguments_comes_back_as_it_is() -> None:
    back = travelled(raised(WantsTwo(1, 2)))
    assert type(back) is WantsTwo
    assert (back.first, back.second, back.args) == (1, 2, ("text",))


def test_the_chain_comes_back() -> None:
    error = raised(ValueError(2), cause=raised(TypeError(3)))
    error.__context__ = raised(KeyError(1))
    back = travelled(error)
    assert type(back.__cause__) is TypeError
    assert type(back.__context__) is KeyError
    assert back.__suppress_context__


def test_a_chain_that_closes_on_itself_ends() -> None:
    first, second = ValueError(1), ValueError(2)
    first.__context__, second.__context__ = second, first
    back = travelled(first)
    assert back.__context__.__context__ is back


def test_the_traceback_of_the_worker_is_a_note() -> None:
    error = raised(ValueError("x"))
    error.add_note("mine")
    back = travelled(error)
    assert back.__notes__[0] == "mine"
    assert "in the worker" in back.__notes__[1]
    assert "in raised" in back.__notes__[1]


def test_an_exception_that_cannot_travel_is_told_by_a_stand_in() -> None:
    back = travelled(raised(RefusesPickle("why")))
    assert type(back) is rv.RemoteError
    assert back.type_name == f"{__name__}.RefusesPickle"
    assert back.original == "why"
    assert "why" in str(back)
    assert "in raised" in back.__notes__[0]


def test_a_broken_text_does_not_lose_the_error() -> None:
    assert type(travelled(raised(BrokenText()))) is BrokenText


def test_an_exception_with_a_part_that_cannot_travel_is_told_by_a_stand_in() -> None:
    import threading

    back = travelled(raised(ValueError(threading.Lock())))
    assert type(back) is rv.RemoteError
    assert back.type_name == "builtins.ValueError"


def test_groups_come_back_with_their_members() -> None:
    back = travelled(raised(ExceptionGroup("several", [ValueError(1), KeyError(2)])))
    assert [type(each) for each in back.exceptions] == [ValueError, KeyError]
