"""Process tasks that need something around their function: carried context variables, watched globals."""

from __future__ import annotations

from raveler._core import functions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar
    from typing import Any


class Wrapping:
    """Knows what goes around the functions of one runtime."""

    def __init__(self, carry: tuple[ContextVar[Any], ...], *, watch_globals: bool) -> None:
        """Remember which variables travel and whether globals are watched."""
        self.carry = carry
        self.watch_globals = watch_globals

    def around(
        self, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return the function to submit, the arguments that it takes, and the options that it keeps."""
        inner, leading, options = functions.resolve(function)
        if options["on"] != "process":
            return function, args, {}
        options = {"name": getattr(inner, "__name__", type(inner).__name__), **options}
        args = (*leading, *args)
        if self.watch_globals:
            from raveler._core import watch

            inner, args = watch.call, (inner, *args)
        if self.carry:
            from raveler._core import carry

            inner, args = carry.call, (carry.values(self.carry), inner, *args)
        return inner, args, options

    def around_items(self, function: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return the function that a map applies to each item, and the options that it keeps."""
        inner, args, options = self.around(function, ())
        if not args:
            return inner, options
        from functools import partial

        return partial(inner, *args), options
