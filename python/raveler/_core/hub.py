"""Awaiting tasks: one hub per event loop, which wakes its loop once for all tasks that settled together."""

from __future__ import annotations

import sys
import weakref
from itertools import count
from typing import NamedTuple

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator
    from typing import Any, Protocol

    class Subscribable(Protocol):
        """Something that a hub can be told about."""

        def _subscribe(self, hub: _raveler.Hub, token: object, /) -> None: ...


class _Entry(NamedTuple):
    """The hub of one loop. The futures hold the loop, so whoever gives up a wait takes its future out again."""

    loop: weakref.ref[Any]
    hub: _raveler.Hub
    waiting: dict[int, asyncio.Future[None]]


_hubs: dict[int, _Entry] = {}
_tokens = count()


def wait(task: _raveler.Task[Any]) -> Generator[Any, Any, Any]:
    """Wait for a task in a coroutine; this is what ``await task`` runs.

    Cancelling the coroutine cancels the task.
    """
    if not task.done():
        try:
            yield from pause(task)
        except Exception:
            raise
        except BaseException:
            task.cancel()
            raise
    return task.result()


def pause(subject: Subscribable) -> Generator[Any, Any, None]:
    """Suspend the running coroutine until ``subject`` reports to the hub of its loop."""
    if in_trio():
        from raveler._core import trio_hub

        yield from trio_hub.pause(subject).__await__()
        return
    loop = running_loop()
    if loop is None:
        message = "a raveler task can be awaited in asyncio and in trio; neither runs in this thread"
        raise RuntimeError(message)
    entry = _entry_of(loop)
    future, token = loop.create_future(), next(_tokens)
    entry.waiting[token] = future
    try:
        subject._subscribe(entry.hub, token)  # noqa: SLF001 - the core and its extension are one unit
        yield from future
    finally:
        entry.waiting.pop(token, None)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the asyncio loop that runs in this thread, without importing asyncio for it."""
    module = sys.modules.get("asyncio.events")
    return None if module is None else module._get_running_loop()  # noqa: SLF001 - there is no public name for it


def in_trio() -> bool:
    """Tell whether the caller is a trio task."""
    module = sys.modules.get("trio.lowlevel")
    return module is not None and module.in_trio_task()


def _entry_of(loop: asyncio.AbstractEventLoop) -> _Entry:
    entry = _hubs.get(id(loop))
    if entry is None:
        key, forget = id(loop), _hubs.pop
        reference = weakref.ref(loop, lambda _: forget(key, None))
        waiting: dict[int, asyncio.Future[None]] = {}
        entry = _hubs[key] = _Entry(reference, _hub_for(reference, waiting), waiting)
    return entry


def _hub_for(
    reference: weakref.ref[asyncio.AbstractEventLoop], waiting: dict[int, asyncio.Future[None]]
) -> _raveler.Hub:
    def flush() -> None:
        for token in hub.take():
            future = waiting.get(token)
            if future is not None and not future.done():
                future.set_result(None)

    loop = reference()
    hub = _raveler.Hub()
    try:
        if loop is not None:
            loop.add_reader(hub.fileno(), flush)
            return hub
    except NotImplementedError:
        # A loop that watches no descriptors is called instead.
        pass

    def wake() -> None:
        loop = reference()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(flush)
                return
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass
        hub.take()

    hub = _raveler.Hub(wake)
    return hub


def in_thread(function: Callable[[], Any]) -> Generator[Any, Any, Any]:
    """Run a blocking function on a thread of its own while the event loop goes on; for ``yield from``."""
    from threading import Thread

    done, settler = _raveler.pending("shutdown")

    def run() -> None:
        try:
            settler.value(function())
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            settler.error(error)

    Thread(target=run, name="raveler-shutdown").start()
    while not done.done():
        yield from pause(done)
    return done.result()
