"""Pickling of functions and classes that a worker can't import: they travel by value."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import pickle
import random
import sys
import types
from contextvars import ContextVar
from importlib import import_module
from weakref import WeakSet

from raveler._core import arrays, carry, plain, process
from raveler._core.importable import importable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_cloudpickle: Any = import_module("cloudpickle.cloudpickle")
_made_here: WeakSet[type] = WeakSet()


def dumps(value: object, buffers: list[pickle.PickleBuffer] | None = None, *, here: bool = False) -> bytes:
    """Return ``value`` pickled, by value where need be; buffers go out of band if a list for them is given.

    With ``here`` the bytes are for this same process: functions still go by value, classes stay what they are.
    """
    file = io.BytesIO()
    Pickler(file, None if buffers is None else buffers.append, here=here).dump(value)
    return file.getvalue()


class Pickler(_cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle that knows which modules a worker can import and what is one of a kind in a process."""

    def __init__(
        self, file: io.BytesIO, buffer_callback: Callable[[pickle.PickleBuffer], object] | None, *, here: bool
    ) -> None:
        """Pickle into ``file``; buffers go to the callback, or in band if it is None."""
        # The C pickler looks for the table while it is initialised, not later.
        self.dispatch_table = arrays.with_arrays(_dispatch_table(), in_band=buffer_callback is None)
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self.here = here

    def reducer_override(self, obj: Any) -> Any:
        """Return how to rebuild ``obj``, or NotImplemented to leave it to its own class."""
        if isinstance(obj, type):
            return self._reduce_class(obj)
        if isinstance(obj, types.FunctionType):
            return self._dynamic_function_reduce(obj) if _hidden(obj) else super().reducer_override(obj)
        if isinstance(obj, ContextVar):
            return carry.reduced(obj)
        if isinstance(obj, io.TextIOBase) and not isinstance(obj, io.StringIO):
            return plain.reduced_stream(obj)
        if isinstance(obj, (types.BuiltinMethodType, types.MethodType, random.Random)):
            return plain.one_of_a_kind(obj)
        return super().reducer_override(obj)

    def _reduce_class(self, cls: type) -> Any:
        by_value = cls.__module__ == "__main__" or _hidden(cls)
        if self.here and by_value:
            return tracked_class, (_cloudpickle._get_or_create_tracker_id(cls),)  # noqa: SLF001 - there is no public name for it
        if process.is_worker and cls not in _made_here:
            # What the parent sent it also has: its own class comes back, never a copy that would overwrite it.
            tracker = _cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS.get(cls)  # noqa: SLF001 - there is no public name for it
            if tracker is not None:
                return tracked_class, (tracker,)
            if by_value:
                _made_here.add(cls)
        if _hidden(cls):
            return _cloudpickle._dynamic_class_reduce(cls)  # noqa: SLF001 - there is no public name for it
        return super().reducer_override(cls)


def tracked_class(tracker: str) -> type:
    """Return the class that this process once sent under that id."""
    found = _cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.get(tracker)  # noqa: SLF001 - there is no public name for it
    if found is None:
        message = "a class came back by reference that this process no longer has"
        raise pickle.UnpicklingError(message)
    return found  # type: ignore[no-any-return]


def _hidden(thing: Any) -> bool:
    """Tell whether a function or class belongs to a module that is loaded here but that a worker can't import."""
    name = getattr(thing, "__module__", None)
    module = sys.modules.get(name) if isinstance(name, str) else None
    return isinstance(module, types.ModuleType) and name != "__main__" and not importable(module.__name__, module)


def _dispatch_table() -> dict[type, Any]:
    table = dict(_cloudpickle.Pickler.dispatch_table)
    # It would send an open file as its content.
    table.pop(io.TextIOWrapper, None)
    table[types.CodeType] = plain.reduced_code
    return table
