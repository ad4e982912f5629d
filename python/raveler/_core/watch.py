"""Notices module globals that a task changed in its worker, where the parent never sees the change."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_SETTLED = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)
_SIZED = (list, dict, set, bytearray)
# Bounds what a comparison costs: of larger collections only the length is compared.
_MOST = 1000


def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function in a worker and warn about each global of a user's module that it changed."""
    namespaces = list(_namespaces(function))
    before = [_snapshot(namespace) for _, namespace in namespaces]
    try:
        return function(*args, **kwargs)
    finally:
        for (module, namespace), old in zip(namespaces, before, strict=True):
            _compare(module, old, _snapshot(namespace))


def _namespaces(function: Callable[..., Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    own = getattr(function, "__globals__", None)
    if own is not None:
        yield str(own.get("__name__", "__main__")), own
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        namespace = getattr(module, "__dict__", None)
        if namespace is None or namespace is own or not isinstance(file, str) or name.startswith("raveler"):
            continue
        if "site-packages" not in file and not file.startswith((sys.base_prefix, sys.prefix)):
            yield name, namespace


def _snapshot(namespace: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    return {
        name: (value, _shape(value))
        for name, value in list(namespace.items())
        if not name.startswith("__") and not isinstance(value, type(sys))
    }


def _shape(value: Any) -> object:
    """Return something that differs if the value was changed in place; exact for what is small and plain."""
    if isinstance(value, _SETTLED) or not isinstance(value, _SIZED):
        return None
    return repr(value) if len(value) <= _MOST else len(value)


def _compare(module: str, old: Mapping[str, tuple[object, object]], new: Mapping[str, tuple[object, object]]) -> None:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None and was[0] is now[0] and was[1] == now[1]:
            continue
        message = (
            f"a task changed the global {module}.{name} in its worker; the parent and the other workers don't see it: "
            f"return the value instead"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
