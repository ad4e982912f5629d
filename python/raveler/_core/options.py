"""The options of a task: checked where the user wrote them, in the one form that Rust takes."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PLACES = ("process", "thread", "loop", "native")

_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", start=1):
    _UNITS[_letter] = _UNITS[_letter + "ib"] = 1024**_power
    _UNITS[_letter + "b"] = 1000**_power


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in the form that Rust takes; an option of None is left out.

    Raises:
        TypeError: If there is no such option, or its value has the wrong type.
        ValueError: If a value is out of range.
    """
    result: dict[str, Any] = {}
    for name, value in options.items():
        check = _CHECKS.get(name)
        if check is None:
            message = f"{name!r} is not an option of a task; the options are {', '.join(_CHECKS)}"
            raise TypeError(message)
        if value is not None:
            result[name] = check(name, value)
    return result


def number_of_bytes(name: str, value: object) -> int:
    """Return a size given as a number of bytes or as text like ``"2GiB"`` in bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value >= 1:
            return value
    elif isinstance(value, str):
        text = value.strip().lower().replace("_", "")
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        unit = _UNITS.get(text[len(digits) :].strip())
        try:
            size = float(digits) * unit if unit else 0
        except ValueError:
            size = 0
        if 1 <= size < float("inf"):
            return int(size)
    message = f'{name} must be a positive size like "2GiB", "500MB" or a number of bytes, not {value!r}'
    raise ValueError(message)


def count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number that is at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        message = f"{name} must be a whole number of at least {least}, not {value!r}"
        raise TypeError(message)
    number = value.__index__()
    if number < least:
        message = f"{name} must be at least {least}, not {value!r}"
        raise ValueError(message)
    return int(number)


def _place(name: str, value: object) -> str:
    if isinstance(value, str) and value in PLACES:
        return value
    message = f'{name}={value!r} is not a place: it must be "process", "thread", "loop" or "native"'
    raise ValueError(message)


def _retries(name: str, value: object) -> int:
    return count(name, value, least=0)


def _seconds(name: str, value: object) -> float:
    message = f"{name} must be a positive number of seconds, not {value!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(message)
    if not 0 < value < float("inf"):
        raise ValueError(message)
    return float(value)


def _retry_on(name: str, value: Any) -> tuple[type[BaseException], ...]:
    kinds: Any = value if isinstance(value, (tuple, list)) else (value,)
    if kinds and all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        return tuple(kinds)
    message = f"{name} must be an exception class or several in a tuple, not {value!r}"
    raise TypeError(message)


def _backoff(name: str, value: Any) -> tuple[float, float, float]:
    parts: Any = value if isinstance(value, tuple) else (value,)
    if all(isinstance(part, (int, float)) and not isinstance(part, bool) and part >= 0 for part in parts):
        numbers = [float(part) for part in parts]
        numbers += [2.0, 60.0][len(numbers) - 1 :]
        if len(numbers) == len(("first", "factor", "longest")) and numbers[1] >= 1 and numbers[2] < float("inf"):
            return numbers[0], numbers[1], max(numbers[0], numbers[2])
    message = (
        f"{name} must be the first pause in seconds, or (first, factor, longest) with a factor of at least 1, "
        f"not {value!r}"
    )
    raise ValueError(message)


def _limit(name: str, value: Any) -> tuple[str, ...]:
    names: Any = (value,) if isinstance(value, str) else value
    if isinstance(names, (tuple, list)) and names and all(isinstance(each, str) for each in names):
        return tuple(dict.fromkeys(names))
    message = f"{name} must be the name of a limit of the runtime, or several in a tuple, not {value!r}"
    raise TypeError(message)


def _gpu(name: str, value: object) -> float:
    if isinstance(value, (int, float)) and 0 <= value < float("inf"):
        return float(value)
    message = f"{name} must be a number of GPUs, e.g. 1 or 0.5, not {value!r}"
    raise ValueError(message)


def _switch(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    message = f"{name} must be True or False, not {value!r}"
    raise TypeError(message)


def _key(name: str, value: object) -> str | int:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    message = f"{name} must be a string or a whole number that names this call, not {value!r}"
    raise TypeError(message)


def _name(name: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    message = f"{name} must be a non-empty string, not {value!r}"
    raise TypeError(message)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "on": _place,
    "retries": _retries,
    "retry_on": _retry_on,
    "backoff": _backoff,
    "timeout": _seconds,
    "limit": _limit,
    "memory": number_of_bytes,
    "gpu": _gpu,
    "writable": _switch,
    "key": _key,
    "name": _name,
}
