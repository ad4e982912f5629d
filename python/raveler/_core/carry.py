"""Context variables that travel with process tasks: found by name, since a variable can't be pickled."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
from contextvars import ContextVar, copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_stand_ins: dict[tuple[str, str], ContextVar[Any]] = {}
_places: dict[ContextVar[Any], tuple[str, str]] = {}


def checked(variables: Iterable[ContextVar[Any]]) -> tuple[ContextVar[Any], ...]:
    """Return the variables if each of them has a name that a worker can find it by.

    Raises:
        TypeError: If one is not a context variable.
        ValueError: If one is not an attribute of a module.
    """
    if isinstance(variables, ContextVar) or not hasattr(variables, "__iter__"):
        message = f"carry must be a list of module-level ContextVars, not {variables!r}"
        raise TypeError(message)
    result = tuple(variables)
    for variable in result:
        if not isinstance(variable, ContextVar):
            message = f"carry takes module-level ContextVars, not {variable!r}"
            raise TypeError(message)
        if _place_of(variable) is None:
            message = f"carry takes ContextVars that are attributes of a module; {variable.name!r} is not"
            raise ValueError(message)
    return result


def values(variables: tuple[ContextVar[Any], ...]) -> tuple[tuple[str, str, Any], ...]:
    """Return where each variable stands and the value that it has here; one without a value is left out."""
    missing: Any = object()
    result: list[tuple[str, str, Any]] = []
    for variable in variables:
        value, place = variable.get(missing), _place_of(variable)
        if value is not missing and place is not None:
            result.append((*place, value))
    return tuple(result)


def call(carried: tuple[tuple[str, str, Any], ...], function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function in a worker with the carried values set; they are gone after it."""

    def within() -> Any:
        for module, name, value in carried:
            variable(module, name).set(value)
        return function(*args, **kwargs)

    return copy_context().run(within)


def variable(module: str, name: str) -> ContextVar[Any]:
    """Return the variable of that name; one of a module that can't be imported here gets a stand-in."""
    found: Any
    if module == "__main__":
        found = getattr(sys.modules.get(module), name, None)
    else:
        from raveler._core.importable import look_up

        found = look_up(module, name)
    return found if isinstance(found, ContextVar) else _stand_ins.setdefault((module, name), ContextVar(name))


def reduced(subject: ContextVar[Any]) -> Any:
    """Return how a function that travels by value finds the variable that it refers to."""
    place = _place_of(subject)
    return NotImplemented if place is None else (variable, place)


def _place_of(subject: ContextVar[Any]) -> tuple[str, str] | None:
    known = _places.get(subject)
    if known is None:
        known = _search(subject)
        if known is not None:
            _places[subject] = known
    return known


def _search(subject: ContextVar[Any]) -> tuple[str, str] | None:
    for module in (sys.modules.get("__main__"), *list(sys.modules.values())):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is subject:
                return str(getattr(module, "__name__", "__main__")), name
    for place, value in _stand_ins.items():
        if value is subject:
            return place
    return None
