"""Finds the part of a value that can't be pickled and says where it is: ``args[0].conn.lock``."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_DEEPEST = 40
_WIDEST = 10_000
_LONGEST = 40


def path_to(value: Any, label: str, fails: Callable[[object], bool]) -> tuple[str, Any]:
    """Return where in ``value`` the innermost part is that fails, and that part.

    ``label`` names the whole; ``"call"`` says that the value is the pair of positional and keyword arguments.
    """
    path, part = label, value
    if label == "call" and isinstance(value, tuple):
        for name, half in zip(("args", "kwargs"), value, strict=False):
            if fails(half):
                path, part = name, half
                break
    seen = {id(part)}
    for _ in range(_DEEPEST):
        for suffix, child in _parts(part):
            if id(child) not in seen and fails(child):
                seen.add(id(child))
                path, part = path + suffix, child
                break
        else:
            break
    return path, part


def _parts(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: C901 - one line for each kind of value
    """Yield what a value consists of, as its pickle would, each with how a reader would write it."""
    if isinstance(value, dict):
        for key, item in list(value.items())[:_WIDEST]:
            yield f"[{_shortened(key)}]", item
            yield f" key {_shortened(key)}", key
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value[:_WIDEST]):
            yield f"[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in list(value)[:_WIDEST]:
            yield f"{{{_shortened(item)}}}", item
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
    elif isinstance(value, types.FunctionType):
        yield from _parts_of_function(value)
    elif type(value).__name__ == "partial" and hasattr(value, "func"):
        yield ".func", value.func
        yield ".args", value.args
        yield ".keywords", value.keywords
    elif not isinstance(value, type):
        yield from _attributes(value)


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f".<closure {name}>", cell.cell_contents
        except ValueError:
            continue
    for index, default in enumerate(function.__defaults__ or ()):
        yield f".__defaults__[{index}]", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f".__kwdefaults__[{name!r}]", default
    names = {name for each in _codes(code) for name in each.co_names}
    for name in sorted(names & function.__globals__.keys()):
        yield f".<global {name}>", function.__globals__[name]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    state = getattr(value, "__dict__", None)
    for name, item in list(state.items() if isinstance(state, dict) else ()):
        yield f".{name}", item
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"}:
                try:
                    yield f".{name}", getattr(value, name)
                except AttributeError:
                    continue
    if isinstance(value, BaseException):
        yield ".args", value.args


def _shortened(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a broken repr must not hide the error that is told
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
