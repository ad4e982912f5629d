"""Runtimes that put something around the functions of process tasks."""

from __future__ import annotations

from raveler import _raveler
from raveler._core.runtime import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class WrappedRuntime(Runtime):
    """A runtime that puts something around the functions of process tasks."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _raveler.Task[Any]:
        """Submit a function with what goes around it."""
        wrapping = self._state.wrapping
        if wrapping is None or self._options.get("on", "process") != "process":
            return super().submit(function, *args, **kwargs)
        function, args, options = wrapping.around(function, args)
        view = self._view({**options, **self._options})
        return _raveler.Runtime.submit(view, function, *args, **kwargs)


def class_for(cls: type[Runtime]) -> type[Any]:
    """Return the class of runtimes of class ``cls`` that put something around their functions."""
    return WrappedRuntime if cls is Runtime else type(cls.__name__, (WrappedRuntime, cls), {})
