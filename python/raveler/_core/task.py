"""The ``@task`` decorator: a function together with the options that its tasks run with."""

from __future__ import annotations

from raveler._core import options as _options
from raveler._core.generic import Generic, P, R

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Unpack, overload

    from raveler._core.typed import TaskOptions


class TaskFunction(Generic[P, R]):
    """A function with fixed task options; calling it calls the function, here and now.

    Attributes:
        options: The options, as they were checked when the function was decorated.
    """

    options: dict[str, Any]
    __wrapped__: Callable[P, R]

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        """Join a function and its checked options."""
        self.__wrapped__ = function
        self.options = options
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__qualname__ = getattr(function, "__qualname__", self.__name__)
        self.__module__ = getattr(function, "__module__", None) or __name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly."""
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> TaskFunction[..., R]:
        """Return the method of ``instance`` with the same options."""
        method: Any = self.__wrapped__
        if instance is None or not hasattr(method, "__get__"):
            return self
        return TaskFunction(method.__get__(instance, owner), self.options)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel by name where the name leads back here, else as the function and its options."""
        from raveler._core.importable import found_by_name

        if found_by_name(self):
            return _named, (self.__module__, self.__qualname__)
        return type(self), (self.__wrapped__, self.options)

    def __repr__(self) -> str:
        """Return the function's name and the options."""
        given = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"rv.task({self.__qualname__}{given})"


def _named(module: str, qualname: str) -> object:
    from raveler._core.importable import look_up

    return look_up(module, qualname)


if TYPE_CHECKING:

    @overload
    def task(function: Callable[P, R], /, **options: Unpack[TaskOptions]) -> TaskFunction[P, R]: ...
    @overload
    def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...


def task(
    function: Callable[..., Any] | None = None, /, **options: Any
) -> TaskFunction[..., Any] | Callable[[Callable[..., Any]], TaskFunction[..., Any]]:
    """Fix the options that a function's tasks run with.

    Takes ``on``, ``retries``, ``retry_on``, ``backoff`` (first pause in seconds, or first, factor and longest),
    ``timeout`` (seconds per attempt), ``limit`` (names of the runtime's limits), ``memory``, ``gpu``, ``writable``,
    ``key`` and ``name``. Options given nearer to the call win.

    Raises:
        TypeError: If there is no such option, or what is decorated can't be called.
        ValueError: If the value of an option is out of range.

    Example:
        >>> @task(retries=2, timeout=5.0)
        ... def double(x):
        ...     return 2 * x
        >>> double(4)
        8
        >>> double.options["retries"]
        2
    """
    given = _options.checked(options)

    def decorate(function: Callable[..., Any]) -> TaskFunction[..., Any]:
        if isinstance(function, TaskFunction):
            return TaskFunction(function.__wrapped__, {**function.options, **given})
        kind: Any = type(function)
        if kind in (staticmethod, classmethod):
            message = f"@rv.task goes below @{kind.__name__}: decorate the function first"
            raise TypeError(message)
        if not callable(function):
            message = f"rv.task needs a callable, not {function!r}; options go by keyword, e.g. @rv.task(retries=2)"
            raise TypeError(message)
        return TaskFunction(function, given)

    return decorate if function is None else decorate(function)
