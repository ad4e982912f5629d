"""Awaiting tasks in trio: one hub per trio run."""

from __future__ import annotations

import weakref

import trio

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from raveler._core.hub import Subscribable

_hubs: weakref.WeakKeyDictionary[Any, _raveler.Hub] = weakref.WeakKeyDictionary()


async def pause(subject: Subscribable) -> None:
    """Suspend the running trio task until ``subject`` reports."""
    # A list, so that a token which comes after the wait was given up wakes nobody.
    token: list[trio.lowlevel.Task | None] = [trio.lowlevel.current_task()]

    def give_up(_raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        token[0] = None
        return trio.lowlevel.Abort.SUCCEEDED

    subject._subscribe(_hub(), token)  # noqa: SLF001 - the core and its extension are one unit
    await trio.lowlevel.wait_task_rescheduled(give_up)


def _hub() -> _raveler.Hub:
    run = trio.lowlevel.current_trio_token()
    hub = _hubs.get(run)
    if hub is None:
        hub = _hubs[run] = _hub_for(weakref.ref(run))
    return hub


def _hub_for(reference: weakref.ref[trio.lowlevel.TrioToken]) -> _raveler.Hub:
    def flush() -> None:
        for token in hub.take():
            waiting, token[0] = token[0], None
            if waiting is not None:
                trio.lowlevel.reschedule(waiting)

    def wake() -> None:
        run = reference()
        try:
            if run is not None:
                run.run_sync_soon(flush)
                return
        except trio.RunFinishedError:
            pass
        hub.take()

    hub = _raveler.Hub(wake)
    return hub
