"""Structured lifetime: the tasks of a block end before the block does."""

from __future__ import annotations

from raveler._core import default, promise, together
from raveler._core.hub import in_trio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, Unpack

    from raveler import _raveler
    from raveler._core.runtime import Runtime
    from raveler._core.typed import Submit, TaskOptions


def scope(runtime: Runtime | None = None) -> Scope:
    """Return a block whose tasks end before it does, for ``with`` and ``async with``.

    If a child fails, the others are cancelled and the block raises the child's error; if several fail, it raises an
    `ExceptionGroup` of their errors in the order of spawning. If the block itself raises, all children are cancelled;
    the errors of children that had failed by then leave the block together with its own, in an `ExceptionGroup`.

    Args:
        runtime: Where the children run; the default runtime if it is not given.

    Example:
        >>> import raveler as rv
        >>> with rv.scope() as s:
        ...     left, right = s.spawn(pow, 2, 3), s.spawn(pow, 2, 4)
        >>> left.result() + right.result()
        24
    """
    return Scope(default.runtime() if runtime is None else runtime)


class Scope:
    """A block of tasks; see `scope`."""

    def __init__(self, runtime: Runtime) -> None:
        """Have no children yet."""
        self._runtime = runtime
        self._children: list[_raveler.Task[Any]] = []
        self._has_failed = False
        self._ended = False

    if TYPE_CHECKING:
        spawn: Submit
        submit: Submit
    else:

        def spawn(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _raveler.Task[Any]:
            """Submit a child; `submit` is the same.

            Raises:
                RuntimeError: If the block has ended.
            """
            return self._add(self._runtime, function, args, kwargs)

        submit = spawn

    def options(self, **options: Unpack[TaskOptions]) -> _Spawner:
        """Return what spawns children of this scope with these options."""
        return _Spawner(self, self._runtime.options(**options))

    def cancel(self) -> None:
        """Cancel all children."""
        for child in list(self._children):
            child.cancel()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Wait for all children; raise the first error in the order of spawning."""
        self._ended = True
        if kind is not None:
            self.cancel()
        try:
            together.wait(self._children)
        except BaseException:
            self.cancel()
            together.wait(self._children)
            raise
        self._raise_errors(error)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Wait for all children while the event loop goes on."""
        self._ended = True
        if kind is not None:
            self.cancel()
        try:
            await together.gather(*self._children, return_exceptions=True)
        except BaseException:
            self.cancel()
            if not in_trio():
                await together.gather(*self._children, return_exceptions=True)
            raise
        self._raise_errors(error)

    def _add(
        self, runtime: Runtime, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _raveler.Task[Any]:
        if self._ended:
            message = "this scope has ended; a task can only be spawned inside its block"
            raise RuntimeError(message)
        child = runtime.submit(function, *args, **kwargs)
        self._children.append(child)
        child.add_done_callback(self._settled)
        if self._has_failed:
            child.cancel()
        return child

    def _settled(self, child: _raveler.Task[Any]) -> None:
        if not self._has_failed and not child.cancelled() and promise.error_of(child) is not None:
            self._has_failed = True
            self.cancel()

    def _raise_errors(self, of_the_block: BaseException | None) -> None:
        """Raise what went wrong: one error as itself, several as a group, in the order of spawning."""
        errors = [] if of_the_block is None else [of_the_block]
        for child in self._children:
            error = None if child.cancelled() else promise.error_of(child)
            # A task whose dependency failed has the very error of that one.
            if error is not None and all(error is not known for known in errors):
                errors.append(error)
        if len(errors) == 1 and of_the_block is None:
            raise errors[0]
        several = [error for error in errors if isinstance(error, Exception)]
        if len(errors) > 1 and len(several) == len(errors):
            message = "several tasks of the scope failed" if of_the_block is None else "the block and its tasks failed"
            raise ExceptionGroup(message, several) from None
        if errors and of_the_block is None:
            message = "several tasks of the scope failed"
            raise BaseExceptionGroup(message, errors) from None


class _Spawner:
    """Spawns children of a scope with options of their own."""

    def __init__(self, scope: Scope, view: Runtime) -> None:
        """Join a scope and a view of its runtime."""
        self._scope = scope
        self._view = view

    if TYPE_CHECKING:
        spawn: Submit
        submit: Submit
    else:

        def spawn(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _raveler.Task[Any]:
            """Submit a child with the options."""
            return self._scope._add(self._view, function, args, kwargs)  # noqa: SLF001 - the core and its extension are one unit

        submit = spawn
