"""How one call runs in this process: in its context, with its random stream, and settled whatever it does."""

from __future__ import annotations

from _thread import get_ident

from raveler._core import rng

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from raveler import _raveler


adopted: dict[int, Any] = {}
"""The place of the loop that a runtime adopted, by the thread that the loop runs on."""


class Abandoned(BaseException):
    """Raised inside a thread whose task was given up; not an error of any task."""


def run(call: _raveler.Call) -> None:
    """Run a call on this thread, unless it was cancelled before."""
    if not call.begin():
        return
    try:
        # A copy: an attempt that was given up may still run in the context when the next one starts.
        value = call.context.copy().run(_with_stream, call)
    except Abandoned:
        raise
    except BaseException as error:  # noqa: BLE001 - told to the one who waits
        call.error(error)
    else:
        call.value(value)


def run_inline(call: _raveler.Call) -> None:
    """Run a call of the serial engine on this thread, with the global random generators on its stream.

    A coroutine runs to its end on a loop of its own; if a loop runs on this thread already, it is begun there, and ends
    when that loop gets to it.
    """
    from raveler._core.functions import is_coroutine_function
    from raveler._core.global_random import InlineTask

    if is_coroutine_function(call.fn):
        _run_coroutine(call)
        return
    with InlineTask(seed_of(call)):
        run(call)


def seed_of(call: _raveler.Call) -> int:
    """Return the call's random seed as a number."""
    return int.from_bytes(call.seed, "little")


def context_of(call: _raveler.Call) -> Context:
    """Return a context for one attempt of a coroutine, with the call's random stream set."""
    context = call.context.copy()
    context.run(rng.current.set, rng.Stream(seed_of(call)))
    return context


def _with_stream(call: _raveler.Call) -> Any:
    rng.current.set(rng.Stream(seed_of(call)))
    return call.fn(*call.args, **call.kwargs)


def _run_coroutine(call: _raveler.Call) -> None:
    import asyncio

    from raveler._core.hub import running_loop

    place = adopted.get(get_ident())
    running = running_loop()
    if place is None and running is not None:
        from raveler._core.loop_place import LoopPlace

        place = LoopPlace(running)
    if place is not None:
        place.start(call)
        return
    if not call.begin():
        return
    try:
        with asyncio.Runner() as runner:
            value = runner.run(call.fn(*call.args, **call.kwargs), context=context_of(call))
    except asyncio.CancelledError:
        call.cancelled()
    except BaseException as error:  # noqa: BLE001 - told to the one who waits
        call.error(error)
    else:
        call.value(value)
