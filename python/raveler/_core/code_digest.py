"""What a function does, as named facts that are the same in every process: its code, defaults and closure."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
import sys
from types import CodeType, FunctionType, MethodType, ModuleType

from raveler._core import plain
from raveler._core.journal_keys import NoText, digest, shortened, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHANGED = "digest "
"""Begins the facts that say nothing to a reader but whether they changed."""

_LONGEST = 60
_HAS_DOCSTRING = 0x4000000


def facts_of(function: object) -> dict[str, str]:
    """Return what decides over the results of a function, each fact under its name in words.

    Line numbers, file names and docstrings don't count. Functions of the same module that it calls do. Of an object
    with state, the class counts.
    """
    facts: dict[str, str] = {}
    _add(function, facts, set())
    return facts


def name_of(function: Any) -> str:
    """Return what a function is called, without the address that a `repr` would hold."""
    while hasattr(function, "func") and hasattr(function, "keywords"):
        function = function.func
    return str(getattr(function, "__qualname__", None) or f"a {type(function).__qualname__}")


def value_text(value: object) -> str:
    """Return a text for the value of an option or a default; only its class if it is not plain."""
    try:
        text = text_of(value)
    except NoText:
        if isinstance(value, type):
            return f"{value.__module__}.{value.__qualname__}"
        if type(value) is tuple:
            return f"({', '.join(map(value_text, value))})"
        if isinstance(value, re.Pattern):
            return f"re.compile({value.pattern!a}, {value.flags})"
        return f"a {type(value).__module__}.{type(value).__qualname__}"
    return text if len(text) <= _LONGEST else CHANGED + digest(text.encode())


def _add(function: Any, facts: dict[str, str], seen: set[int]) -> None:
    function = _unwrapped(function)
    if id(function) in seen:
        return
    seen.add(id(function))
    if hasattr(function, "func") and hasattr(function, "keywords"):
        _add(function.func, facts, seen)
        name = name_of(function.func)
        for place, value in enumerate(function.args):
            _add_value(f"argument {place} of the partial {name}", value, facts, seen)
        for word, value in function.keywords.items():
            _add_value(f"{word} of the partial {name}", value, facts, seen)
        return
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        _add_value(f"the object of {name_of(function)}", owner, facts, seen)
    function = getattr(function, "__func__", function)
    if _comes_with_python(function):
        return
    if isinstance(function, FunctionType):
        _add_function(function, facts, seen)
    elif isinstance(function, type):
        _add_class(function, facts, seen)
    elif not hasattr(function, "__qualname__"):
        # An object that can be called; a function of C is what its name says.
        _add_class(type(function), facts, seen)


def _unwrapped(function: Any) -> Any:
    """Return the function within a task or a cache, which are objects of their own."""
    while not isinstance(function, (FunctionType, type)) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _comes_with_python(function: Any) -> bool:
    """Tell whether a function is of the standard library, whose code changes with every correction of Python."""
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"


def _add_function(function: FunctionType, facts: dict[str, str], seen: set[int]) -> None:
    name = function.__qualname__
    code = function.__code__
    label = f"the code of {name}"
    while label in facts:
        label += " too"
    facts[label] = CHANGED + _digest(code, function.__doc__)
    arguments = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    for word, value in [
        *zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True),
        *(function.__kwdefaults__ or {}).items(),
    ]:
        _add_value(f"the default of {word} in {name}", value, facts, seen)
    for word, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            contents = cell.cell_contents
        except ValueError:
            continue
        _add_value(f"{word} around {name}", contents, facts, seen)
    for word in dict.fromkeys(plain.global_names(code)):
        called = _unwrapped(function.__globals__.get(word))
        if isinstance(called, (FunctionType, type)) and called.__module__ == function.__module__:
            _add(called, facts, seen)


def _add_value(label: str, value: object, facts: dict[str, str], seen: set[int]) -> None:
    if isinstance(_unwrapped(value), (FunctionType, MethodType)):
        facts[label] = name_of(value)
        _add(value, facts, seen)
    else:
        facts[label] = value_text(value)


def _add_class(cls: type, facts: dict[str, str], seen: set[int]) -> None:
    for part in vars(cls).values():
        if isinstance(part, (staticmethod, classmethod)):
            part = part.__func__  # noqa: PLW2901 - what is called is what counts
        if isinstance(part, FunctionType):
            _add(part, facts, seen)


def _digest(code: CodeType, doc: str | None = None) -> str:
    arguments = code.co_argcount + code.co_kwonlyargcount
    shape = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
        code.co_varnames[:arguments],
        code.co_names,
        code.co_freevars,
    )
    constants = list(code.co_consts)
    if doc is not None and constants and constants[0] == doc:
        constants[0] = None
    texts = ", ".join(map(_constant, constants))
    return digest(code.co_code, code.co_exceptiontable, text_of(shape).encode(), texts.encode())


def _constant(value: object) -> str:
    if isinstance(value, CodeType):
        return f"code {_digest(value)}"
    if type(value) is tuple:
        return f"({', '.join(map(_constant, value))})"
    try:
        return shortened(text_of(value))
    except NoText:
        return value_text(value)
