"""A function as a sink: called with each item, or with each batch."""

from __future__ import annotations

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from raveler._core.database import Database
    from raveler._core.sinks.sink import Commit, State


class FunctionSink:
    """Calls a function with each item, or with each batch, one call after the other.

    What a call that fails has done stays done: whether a batch is whole is up to the function. A task that it returns
    is waited for, so that its error is the error of the call.
    """

    database: Database | None = None

    def __init__(self, function: Callable[[Any], object], size: int | None, *, wants_batches: bool) -> None:
        """Take the function.

        Raises:
            TypeError: If a call of it does nothing yet, as that of a coroutine function or a generator.
        """
        what: str = getattr(function, "__qualname__", type(function).__name__)
        import inspect

        for is_lazy in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            if is_lazy(function):
                message = f"a flow can't end in {what!r}, whose calls do nothing by themselves; give a plain function"
                raise TypeError(message)
        self.name = f"function {what}"
        # An item alone should not wait until others make a batch with it.
        self.size = size if size is not None else 1000 if wants_batches else 1
        self._function = function
        self._wants_batches = wants_batches
        self._is_given_up = False

    def open(self, state: State | None) -> None:
        """Allow calls; there is nothing to go on with."""
        del state
        self._is_given_up = False

    def write(self, batch: list[Any], commit: Commit | None) -> None:
        """Call the function.

        Raises:
            TaskCancelled: If the flow has failed meanwhile.
            TypeError: If it returns something that must be awaited.
        """
        del commit
        for argument in ([batch] if batch else []) if self._wants_batches else batch:
            if self._is_given_up:
                from raveler.exceptions import TaskCancelled

                message = f"{self.name} is called no more: the flow has failed"
                raise TaskCancelled(message)
            wait_for(self._function(argument))

    def state(self) -> State:
        """Return nothing: what was done is not known here."""
        return {}

    def close(self, *, failed: bool) -> None:
        """Make no further call after a failure; the one that is under way ends by itself."""
        self._is_given_up = failed


def wait_for(outcome: object) -> None:
    """Wait for the task that a call returned, if it did.

    Raises:
        TypeError: If it returned something that must be awaited.
    """
    if isinstance(outcome, _raveler.Task):
        outcome.result()
    elif hasattr(outcome, "__await__"):
        close = getattr(outcome, "close", None)
        if callable(close):
            close()
        message = f"a sink returned a {type(outcome).__name__}, which nobody awaits; await it in a stage before, by map"
        raise TypeError(message)
