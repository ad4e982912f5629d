"""Awaiting tasks: one hub per event loop, which wakes its loop once for all tasks that settled together."""

from __future__ import annotations

import sys
import weakref

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator
    from typing import Any, Protocol

    class Subscribable(Protocol):
        """Something that a hub can be told about."""

        def _subscribe(self, hub: _raveler.Hub, token: object, /) -> None: ...


_hubs: dict[int, tuple[weakref.ref[Any], _raveler.Hub]] = {}


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
    future = loop.create_future()
    subject._subscribe(hub_of(loop), future)  # noqa: SLF001 - the core and its extension are one unit
    yield from future


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the asyncio loop that runs in this thread, without importing asyncio for it."""
    module = sys.modules.get("asyncio.events")
    return None if module is None else module._get_running_loop()  # noqa: SLF001 - there is no public name for it


def in_trio() -> bool:
    """Tell whether the caller is a trio task."""
    module = sys.modules.get("trio.lowlevel")
    return module is not None and module.in_trio_task()


def hub_of(loop: asyncio.AbstractEventLoop) -> _raveler.Hub:
    """Return the hub of an asyncio loop; its tokens are futures of this loop."""
    entry = _hubs.get(id(loop))
    if entry is None:
        key = id(loop)
        reference = weakref.ref(loop, lambda _: _hubs.pop(key, None))
        entry = (reference, _hub_for(reference))
        _hubs[key] = entry
    return entry[1]


def _hub_for(reference: weakref.ref[asyncio.AbstractEventLoop]) -> _raveler.Hub:
    def flush() -> None:
        for future in hub.take():
            if not future.done():
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
