"""How far a transfer is, told ten times a second by a thread that ends with it."""

from __future__ import annotations

from raveler._core import progress as _progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from raveler import _raveler

_INTERVAL = 0.1


def show(
    told: bool | Callable[[int, int | None], object],  # noqa: FBT001 - part of the public signature
    name: str,
    counted: _raveler.TransferProgress,
    task: _raveler.Task[Any],
) -> None:
    """Show how far ``task`` is until it has ended.

    Raises:
        TypeError: If ``told`` is neither a truth value nor callable.
    """
    meter = _progress.meter(told, name, None, is_of_bytes=True)
    if meter is None:
        return
    from threading import Event, Thread

    done = Event()
    task.add_done_callback(lambda _: done.set())

    def watch() -> None:
        is_done = False
        while not is_done:
            is_done = done.wait(_INTERVAL)
            meter.total = counted.total
            meter.done = counted.done - 1
            meter.step()
        meter.finish()

    Thread(target=watch, name="raveler-progress", daemon=True).start()
