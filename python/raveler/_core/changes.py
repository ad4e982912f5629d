"""What a function that travels by value refers to, so that a change of it is noticed at the next submit."""

from __future__ import annotations

import types

from raveler._core import plain
from raveler._core.importable import found_by_name
from raveler._core.task import TaskFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Checks = tuple[
        tuple[tuple[object, str, object], ...],
        tuple[tuple[Mapping[str, Any], str, object], ...],
        tuple[tuple[types.CellType, object], ...],
        tuple[tuple[object, ...], bytes] | None,
    ]


class _Missing:
    """The class of `MISSING`."""

    def __repr__(self) -> str:
        """Return the name of the value."""
        return "MISSING"


MISSING: Any = _Missing()
"""Stands for a global name or an attribute that has no value."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented))
_NAMED = (types.ModuleType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
_FIXED = {
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("logging", "Logger"),
    ("numpy", "ufunc"),
    ("pathlib", "PosixPath"),
    ("re", "Pattern"),
    ("uuid", "UUID"),
    ("_contextvars", "ContextVar"),
}
_CODE_ATTRIBUTES = ("__code__", "__defaults__", "__kwdefaults__")


def watch(function: object) -> Checks | None:
    """Return what to compare before ``function`` is sent again, or None if nothing about it can change.

    ``function`` itself appears as None, so that the checks don't keep it alive.
    """
    collector = _Collector(function)
    collector.add(function)
    return collector.checks()


def still_same(checks: Checks, function: object) -> bool:
    """Tell whether ``function`` is still what was sent when ``checks`` were made."""
    attributes, items, cells, mutable = checks
    for owner, name, expected in attributes:
        if getattr(function if owner is None else owner, name, MISSING) is not expected:
            return False
    for mapping, key, expected in items:
        if mapping.get(key, MISSING) is not expected:
            return False
    for cell, expected in cells:
        if _contents(cell) is not expected:
            return False
    return mutable is None or _pickled(tuple(function if part is None else part for part in mutable[0])) == mutable[1]


class _Collector:
    """Walks from a function to all that travels with it."""

    def __init__(self, root: object) -> None:
        """Start with nothing seen."""
        self.root = root
        self.seen: set[int] = set()
        self.attributes: list[tuple[object, str, object]] = []
        self.items: list[tuple[Mapping[str, Any], str, object]] = []
        self.cells: list[tuple[types.CellType, object]] = []
        self.mutable: list[object] = []

    def checks(self) -> Checks | None:
        """Return what was found, flat."""
        if not (self.attributes or self.items or self.cells or self.mutable):
            return None
        pickled = None
        if self.mutable:
            parts = tuple(None if part is self.root else part for part in self.mutable)
            pickled = (parts, _pickled(tuple(self.mutable)))
        return tuple(self.attributes), tuple(self.items), tuple(self.cells), pickled

    def add(self, value: Any) -> None:  # noqa: C901 - one line for each kind of value
        """Take in one value that travels with the function."""
        if value is MISSING or isinstance(value, (*_ATOMS, *_NAMED)) or id(value) in self.seen:
            return
        self.seen.add(id(value))
        if isinstance(value, (types.FunctionType, type)) and found_by_name(value):
            return
        if isinstance(value, TaskFunction):
            self.add(value.__wrapped__)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif type(value) in (tuple, frozenset):
            for part in value:
                self.add(part)
        elif type(value) in (staticmethod, classmethod):
            self.add(value.__func__)
        elif isinstance(value, property):
            for accessor in (value.fget, value.fset, value.fdel):
                self.add(accessor)
        elif not _is_fixed(value):
            self.mutable.append(value)

    def _add_function(self, function: types.FunctionType) -> None:
        owner = None if function is self.root else function
        for name in _CODE_ATTRIBUTES:
            self.attributes.append((owner, name, getattr(function, name)))
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.add(default)
        for cell in function.__closure__ or ():
            contents = _contents(cell)
            if contents is not self.root:
                self.cells.append((cell, contents))
            self.add(contents)
        for name in dict.fromkeys(plain.global_names(function.__code__)):
            value = function.__globals__.get(name, MISSING)
            self.items.append((function.__globals__, name, value))
            self.add(value)

    def _add_class(self, cls: type) -> None:
        for name, value in list(cls.__dict__.items()):
            if not isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)) and (
                name not in {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "_abc_impl"}
            ):
                self.items.append((cls.__dict__, name, value))
                self.add(value)
        for base in cls.__bases__:
            self.add(base)


def _contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _is_fixed(value: object) -> bool:
    cls = type(value)
    return (cls.__module__, cls.__name__) in _FIXED or hasattr(cls, "_member_map_")


def _pickled(values: tuple[object, ...]) -> bytes:
    try:
        return plain.dumps(values)
    except Exception:  # noqa: BLE001 - the other way may do
        from raveler._core import byvalue

        return byvalue.dumps(values)
