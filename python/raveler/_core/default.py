"""The default runtime, made at first use and closed at exit."""

from __future__ import annotations

import atexit
import os
import sys

from raveler import _raveler
from raveler._core import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler._core.runtime import Runtime

_made: tuple[int, Runtime] | None = None
_inside: Runtime | None = None


def runtime() -> Runtime:
    """Return the default runtime of this process; a forked child makes its own.

    Inside a task of the serial engine it is a serial one: what runs inline starts no processes either.
    """
    global _made, _inside  # noqa: PLW0603 - one for the process
    if _raveler.task_token() and not process.is_worker:
        if _inside is None or _inside.closed:
            from raveler._core.runtime import Runtime

            _inside = Runtime(engine="serial")
        return _inside
    if _made is None or _made[0] != os.getpid() or _made[1].closed:
        from raveler._core.runtime import Runtime

        made = Runtime()
        if _made is None:
            atexit.register(_close)
        _made = (os.getpid(), made)
    return _made[1]


def default_seed() -> int:
    """Return the seed of the default runtime, without making one."""
    return 0 if _made is None else _made[1].seed


def forward(name: str) -> Any:
    """Return a function that calls the method ``name`` of the default runtime."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(runtime(), name)(*args, **kwargs)

    from raveler._core.runtime import Runtime

    method = getattr(Runtime, name)
    call.__name__ = call.__qualname__ = name
    call.__module__ = "raveler"
    call.__doc__ = f"{method.__doc__}\n\nThis is the method of the default runtime, made at first use."
    return call


def _close() -> None:
    """Wait for what was submitted; cancel it if an error ends the program.

    Ctrl-C while it waits ends the program as it would anywhere else.
    """
    if _made is None or _made[0] != os.getpid() or _made[1].closed:
        return
    try:
        _made[1].close(cancel=getattr(sys, "last_value", None) is not None)
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
