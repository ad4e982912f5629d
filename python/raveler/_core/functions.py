"""Functions as workers get them: by name where a worker can import them, by value otherwise."""

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from raveler._core import changes, plain
from raveler._core.changes import MISSING, still_same
from raveler._core.importable import found_by_name, look_up, root_of
from raveler._core.task import TaskFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["MISSING", "check_on", "dump_function", "load_function", "resolve", "still_same"]

_COROUTINE = 0x80 | 0x100
_ASYNC_GENERATOR = 0x200
_BY_NAME, _BY_VALUE = b"n", b"v"


def resolve(function: Any) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Return the function to run, the arguments that stand before the user's, and its own options.

    A decorated function gives its options, a bound method its object; ``"on"`` is always among the options.

    Raises:
        TypeError: If ``function`` can't be called, or is an async generator function.
        ValueError: If it is an ``async def`` function and is told to run anywhere but on the loop.
    """
    options: dict[str, Any] = {}
    leading: tuple[Any, ...] = ()
    if isinstance(function, TaskFunction):
        options = function.options
        function = function.__wrapped__
    if isinstance(function, MethodType):
        leading = (function.__self__,)
        function = function.__func__
    if not callable(function):
        message = f"submit and map need a callable, not {function!r}"
        raise TypeError(message)
    place = default_place(function)
    chosen = options.get("on")
    if chosen is None:
        options = {**options, "on": place}
    else:
        check_place(function, place, chosen)
    return function, leading, options


def default_place(function: Any) -> str:
    """Return where a function runs unless it is told otherwise.

    Raises:
        TypeError: If it is an async generator function, which has no single result.
    """
    if getattr(function, "__raveler_native__", None) is not None:
        return "native"
    flags = _flags(function)
    if flags & _ASYNC_GENERATOR:
        message = f"{name_of(function)} is an async generator function; submit a function that returns one result"
        raise TypeError(message)
    return "loop" if flags & _COROUTINE else "process"


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling the function gives a coroutine."""
    return bool(_flags(function) & _COROUTINE)


def check_on(function: Any, chosen: str) -> None:
    """Raise ValueError if ``on=chosen`` can't be for this function, decorated or not."""
    if isinstance(function, TaskFunction):
        function = function.__wrapped__
    check_place(function, default_place(function), chosen)


def check_place(function: Any, default: str, chosen: str) -> None:
    """Raise ValueError if a function can't run at the place that was chosen for it."""
    if default == "loop" and chosen != "loop":
        message = f'{name_of(function)} is an async def function and runs on="loop", not on={chosen!r}'
        raise ValueError(message)
    if (default == "native") != (chosen == "native"):
        message = f"{name_of(function)} runs on={default!r}, not on={chosen!r}"
        raise ValueError(message)


def dump_function(
    function: Any,
    here: bool = False,  # noqa: FBT001, FBT002 - Rust calls it
) -> tuple[bytes, changes.Checks | None]:
    """Return a function as bytes, and what to compare before these bytes are used again.

    With ``here`` the bytes are for this same process. The checks are None if the function goes by name, or if nothing
    about it can change.

    Raises:
        NotSerializable: If the function has to go by value and something it refers to can't be pickled.
    """
    if _goes_by_name(function):
        name = function.__module__
        return _BY_NAME + pickle.dumps((name, function.__qualname__, root_of(name)), 5), None
    return _BY_VALUE + _by_value(function, here=here), changes.watch(function)


def load_function(payload: bytes) -> Callable[..., Any]:
    """Return the function of a payload.

    Raises:
        ImportError: If it goes by name and its module can't be imported here.
        AttributeError: If its module has no such name here.
    """
    rest = pickle.loads(memoryview(payload)[1:])
    function: Any = rest if payload[:1] == _BY_VALUE else look_up(*rest)
    return function.__wrapped__ if isinstance(function, TaskFunction) else function


def _by_value(function: Any, *, here: bool) -> bytes:
    try:
        return plain.dumps(function)
    except Exception:  # noqa: BLE001 - the other way may do, and tells better why if it does not
        from raveler._core import byvalue, values

        try:
            return byvalue.dumps(function, here=here)
        except Exception as error:
            raise values.refusal(function, name_of(function), error) from error


def _goes_by_name(function: Any) -> bool:
    if isinstance(function, BuiltinFunctionType):
        owner = function.__self__
        if owner is not None and not isinstance(owner, ModuleType):
            return False
    return found_by_name(function)


def _flags(function: Any) -> int:
    for _ in range(10):
        if isinstance(function, MethodType):
            function = function.__func__
        elif hasattr(function, "func") and hasattr(function, "keywords"):
            function = function.func
        elif isinstance(function, TaskFunction):
            function = function.__wrapped__
        else:
            break
    if not isinstance(function, FunctionType):
        call = type(function).__dict__.get("__call__")
        function = call if isinstance(call, FunctionType) else None
    if function is None:
        return 0
    marked = function.__dict__.get("_is_coroutine_marker") is not None
    return int(function.__code__.co_flags) | (_COROUTINE if marked else 0)


def name_of(function: Any) -> str:
    """Return what a message calls a function."""
    return str(getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or repr(function))
