"""The promise face of a task: ``then``, ``catch`` and ``finally_``, each a new task."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from raveler._core.runtime import Runtime


def then(
    task: _raveler.Task[Any], function: Callable[[Any], Any], options: Mapping[str, Any] | None = None
) -> _raveler.Task[Any]:
    """Return a task for ``function(value)``, which runs when ``task`` has a value.

    An error of ``task`` passes through. If ``function`` returns a task, its outcome is taken.
    """
    _need_callable("then", function)
    inner = _with_options(task, function, options).submit(function, task)
    child, settler = _raveler.pending(f"{task.name}.then", inner.cancel, task._runtime)  # noqa: SLF001 - the core and its extension are one unit
    follow(inner, settler)
    return child


def catch(
    task: _raveler.Task[Any], function: Callable[[BaseException], Any], options: Mapping[str, Any] | None = None
) -> _raveler.Task[Any]:
    """Return a task that has the value of ``task``, or ``function(error)`` if it has none."""
    _need_callable("catch", function)
    call, submit = _reserved(task, function, options)
    chain = _Chain(task)
    child, settler = _raveler.pending(f"{task.name}.catch", chain.cancel, task._runtime)  # noqa: SLF001 - the core and its extension are one unit

    def settled(task: _raveler.Task[Any]) -> None:
        error = error_of(task)
        if error is None:
            settler.value(task.result())
        elif not child.done():
            chain.running = submit(call, 0, function, (error,))
            follow(chain.running, settler)

    task.add_done_callback(settled)
    return child


def finally_(
    task: _raveler.Task[Any], function: Callable[[], Any], options: Mapping[str, Any] | None = None
) -> _raveler.Task[Any]:
    """Return a task that ends as ``task`` did, after ``function()`` was called; an error of ``function`` wins."""
    _need_callable("finally_", function)
    call, submit = _reserved(task, function, options)
    child, settler = _raveler.pending(f"{task.name}.finally_", task.cancel, task._runtime)  # noqa: SLF001 - the core and its extension are one unit

    def settled(task: _raveler.Task[Any]) -> None:
        after = submit(call, 0, function, ())
        after.add_done_callback(lambda after: settle_as(task if error_of(after) is None else after, settler))

    task.add_done_callback(settled)
    return child


def follow(task: _raveler.Task[Any], settler: _raveler.Settler) -> None:
    """Settle as ``task`` does; as the task that it returns, if it returns one."""

    def settled(task: _raveler.Task[Any]) -> None:
        value: Any = task.result() if error_of(task) is None else None
        if type(value) is _raveler.Task:
            follow(value, settler)
        else:
            settle_as(task, settler)

    task.add_done_callback(settled)


def settle_as(task: _raveler.Task[Any], settler: _raveler.Settler) -> None:
    """Give the outcome of a settled task to another one."""
    error = error_of(task)
    if error is None:
        settler.value(task.result())
    elif task.cancelled():
        settler.cancelled()
    else:
        settler.error(error)


def error_of(task: _raveler.Task[Any]) -> BaseException | None:
    """Return the error of a settled task, which is a TaskCancelled for a cancelled one; None if it has a value.

    A value that fails to unpickle here is an error too, and shows when it is asked for.
    """
    error = None if task.cancelled() else task.exception()
    if error is not None:
        return error
    try:
        task.result()
    except BaseException as failure:  # noqa: BLE001 - whatever the value's class does, or a TaskCancelled
        return failure
    return None


class _Chain:
    """What a cancelled ``catch`` has to cancel: the task it waits for, later the call of its function."""

    def __init__(self, task: _raveler.Task[Any]) -> None:
        """Start with the task."""
        self.running = task

    def cancel(self) -> bool:
        """Cancel whatever is running now."""
        return self.running.cancel()


def _runtime(task: _raveler.Task[Any]) -> Runtime:
    from raveler._core import default

    runtime = task._runtime  # noqa: SLF001 - the core and its extension are one unit
    return default.runtime() if runtime is None else runtime  # type: ignore[return-value]


def _reserved(
    task: _raveler.Task[Any], function: Callable[..., Any], options: Mapping[str, Any] | None
) -> tuple[int, Callable[[int, int, Callable[..., Any], tuple[Any, ...]], _raveler.Task[Any]]]:
    """Take a place in the order of calls now: the function itself is submitted whenever the task ends."""
    view = _with_options(task, function, options)
    return view._reserve_call(), view._submit_item  # noqa: SLF001 - the core and its extension are one unit


def _with_options(task: _raveler.Task[Any], function: Callable[..., Any], options: Mapping[str, Any] | None) -> Runtime:
    given: Any = {"on": _on(function), **(options or {})}
    return _runtime(task).options(**given)


def _on(function: Callable[..., Any]) -> str:
    from raveler._core.functions import resolve

    on = resolve(function)[2]["on"]
    return "thread" if on == "process" else str(on)


def _need_callable(name: str, function: object) -> None:
    if not callable(function):
        message = f"{name} needs a callable, not {function!r}"
        raise TypeError(message)
