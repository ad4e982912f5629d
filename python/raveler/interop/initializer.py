"""Runs the initializer of an executor once in each worker, before the first of its tasks there."""

from __future__ import annotations

from raveler.exceptions import RavelerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_outcome: dict[str, BaseException | None] = {}


class InitializerFailed(RavelerError):
    """The initializer of an executor raised an exception in a worker."""


def call(
    key: str,
    initializer: Callable[..., object],
    initargs: tuple[Any, ...],
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Run the initializer if this worker has not done so for the executor ``key``, then the function."""
    if key not in _outcome:
        try:
            initializer(*initargs)
        except BaseException as error:
            import logging

            logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=True)
            _outcome[key] = error
        else:
            _outcome[key] = None
    failure = _outcome[key]
    if failure is not None:
        message = f"the initializer raised {type(failure).__name__}: {failure}"
        raise InitializerFailed(message)
    return function(*args, **kwargs)
