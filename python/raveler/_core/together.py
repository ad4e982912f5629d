"""Several tasks at once: ``gather``, ``wait``, ``as_completed`` and ``race``."""

from __future__ import annotations

from time import monotonic

from raveler import _raveler
from raveler._core import promise
from raveler._core.completions import Completions
from raveler._core.generic import T  # noqa: TC001 - the class statement needs it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal, NamedTuple, overload

    class Waited(NamedTuple):
        """The tasks that are done and those that are not."""

        done: set[_raveler.Task[Any]]
        not_done: set[_raveler.Task[Any]]

else:
    from collections import namedtuple

    Waited = namedtuple("Waited", ["done", "not_done"])  # noqa: PYI024 - typing is slow to import


if TYPE_CHECKING:

    @overload
    def gather(*tasks: _raveler.Task[T], return_exceptions: Literal[False] = False) -> _raveler.Task[list[T]]: ...
    @overload
    def gather(
        *tasks: _raveler.Task[T], return_exceptions: Literal[True]
    ) -> _raveler.Task[list[T | BaseException]]: ...


def gather(*tasks: _raveler.Task[Any], return_exceptions: bool = False) -> _raveler.Task[list[Any]]:
    """Return one task for the list of all their values, in the order of the arguments.

    If some fail, it fails with the error of the first of them in that order, whichever failed first on the clock; the
    others go on. Cancelling it cancels all of them.

    Args:
        tasks: The tasks, in any state.
        return_exceptions: Put errors into the list in the place of values.

    Example:
        >>> import raveler as rv
        >>> with rv.Runtime() as rt:
        ...     rv.gather(rt.submit(pow, 2, 3), rt.submit(pow, 2, 4)).result()
        [8, 16]
    """
    _need_tasks("gather", tasks)

    def cancel_all() -> None:
        for task in tasks:
            task.cancel()

    gathered, settler = _raveler.pending("gather", cancel_all, tasks[0]._runtime if tasks else None)  # noqa: SLF001 - the core and its extension are one unit
    _Gathering(tasks, settler, return_exceptions=return_exceptions).go_on()
    return gathered


class _Gathering:
    """Walks over the tasks in order, and waits at each that is not done."""

    def __init__(
        self, tasks: tuple[_raveler.Task[Any], ...], settler: _raveler.Settler, *, return_exceptions: bool
    ) -> None:
        """Stand before the first task."""
        self._tasks = iter(tasks)
        self._values: list[Any] = []
        self._settler = settler
        self._return_exceptions = return_exceptions

    def go_on(self, task: _raveler.Task[Any] | None = None) -> None:
        """Take the outcome of ``task`` and of all done ones behind it."""
        if task is not None and not self._take(task):
            return
        for each in self._tasks:
            if not each.done():
                each.add_done_callback(self.go_on)
                return
            if not self._take(each):
                return
        self._settler.value(self._values)

    def _take(self, task: _raveler.Task[Any]) -> bool:
        error = promise.error_of(task)
        if error is None:
            self._values.append(task.result())
        elif self._return_exceptions:
            self._values.append(error)
        else:
            promise.settle_as(task, self._settler)
            return False
        return True


def wait(
    tasks: Iterable[_raveler.Task[Any]], timeout: float | None = None, return_when: str = "ALL_COMPLETED"
) -> Waited:
    """Wait until tasks are done, and return the sets of those that are and those that are not.

    Args:
        tasks: The tasks; one that is given twice counts once.
        timeout: The longest wait in seconds; running out of it is no error.
        return_when: ``"ALL_COMPLETED"``, ``"FIRST_COMPLETED"`` or ``"FIRST_EXCEPTION"``.

    Raises:
        ValueError: If there is no such ``return_when``.
    """
    known = tuple(dict.fromkeys(tasks))
    _need_tasks("wait", known)
    if return_when not in {"ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"}:
        message = f'return_when must be "ALL_COMPLETED", "FIRST_COMPLETED" or "FIRST_EXCEPTION", not {return_when!r}'
        raise ValueError(message)
    if return_when == "ALL_COMPLETED":
        _wait_for_all(known, timeout)
    else:
        _wait_for_one(known, timeout, only_errors=return_when == "FIRST_EXCEPTION")
    done = {task for task in known if task.done()}
    return Waited(done, set(known) - done)


def as_completed(tasks: Iterable[_raveler.Task[T]], timeout: float | None = None) -> Completions[T]:
    """Return an iterator, also an asynchronous one, over the tasks in the order in which they are done.

    This order depends on time: that is what this function is for.

    Args:
        tasks: The tasks; one that is given twice comes once.
        timeout: The longest time in seconds from this call to the last task.

    Raises:
        TimeoutError: From the iterator, if tasks are left when the time is over.
    """
    known = tuple(dict.fromkeys(tasks))
    _need_tasks("as_completed", known)
    return Completions(known, timeout)


def race(*tasks: _raveler.Task[T]) -> _raveler.Task[T]:
    """Return a task that ends as the first of them that ends, with its value or its error; the others are cancelled.

    Raises:
        ValueError: If there are no tasks: nobody would ever win.
    """
    _need_tasks("race", tasks)
    if not tasks:
        message = "race needs at least one task"
        raise ValueError(message)

    def cancel_all(winner: _raveler.Task[T] | None = None) -> None:
        for task in tasks:
            if task is not winner:
                task.cancel()

    first, settler = _raveler.pending("race", cancel_all, tasks[0]._runtime)  # noqa: SLF001 - the core and its extension are one unit
    decided = False

    def settled(task: _raveler.Task[T]) -> None:
        nonlocal decided
        if not decided:
            decided = True
            promise.settle_as(task, settler)
            cancel_all(task)

    for task in tasks:
        task.add_done_callback(settled)
    return first


def _wait_for_all(tasks: tuple[_raveler.Task[Any], ...], timeout: float | None) -> None:
    deadline = None if timeout is None else monotonic() + timeout
    for task in tasks:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        if not task.done() and not _is_done_within(task, left):
            return


def _is_done_within(task: _raveler.Task[Any], timeout: float | None) -> bool:
    try:
        task.exception(timeout)
    except Exception:  # noqa: BLE001 - a wait that ran out, or a cancelled task
        return task.done()
    return True


def _wait_for_one(tasks: tuple[_raveler.Task[Any], ...], timeout: float | None, *, only_errors: bool) -> None:
    if not only_errors and any(task.done() for task in tasks):
        return
    try:
        for task in Completions(tasks, timeout):
            if not only_errors or (not task.cancelled() and task.exception() is not None):
                return
    except TimeoutError:
        return


def _need_tasks(name: str, tasks: tuple[object, ...]) -> None:
    for task in tasks:
        if not isinstance(task, _raveler.Task):
            hint = f"{name}(*tasks)" if name in {"gather", "race"} else f"{name}(tasks)"
            message = f"{hint} takes tasks that submit returned, not {task!r}"
            raise TypeError(message)
