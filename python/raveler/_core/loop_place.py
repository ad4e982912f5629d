"""The asyncio loop that runs coroutine calls: one of the runtime's own, on a thread, or the user's running one."""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from raveler._core import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler import _raveler


class LoopPlace:
    """Runs coroutine calls on one event loop; all that are started together wake it once."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Adopt the running ``loop`` of this thread, or start one on a thread of its own."""
        self._inbox: deque[_raveler.Call] = deque()
        self._awake = False
        self._tasks: dict[_raveler.Call, asyncio.Task[None]] = {}
        self._closed = False
        self._thread: threading.Thread | None = None
        if loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, name="raveler-loop", daemon=True)
            self._thread.start()
            self.thread_id: int = self._thread.ident or 0
        else:
            self._loop = loop
            self.thread_id = threading.get_ident()

    def start(self, call: _raveler.Call) -> None:
        """Run a call on the loop; may be called from any thread."""
        self._inbox.append(call)
        if not self._awake:
            self._awake = True
            try:
                self._loop.call_soon_threadsafe(self._begin_all)
            except RuntimeError:
                # The loop is closed, by its owner or by us.
                self._refuse_all()

    def cancel(self, call: _raveler.Call) -> None:
        """Cancel the coroutine of a call; the call is told when it has ended."""
        try:
            self._loop.call_soon_threadsafe(self._cancel, call)
        except RuntimeError:
            call.cancelled()

    def close(self) -> None:
        """Cancel what still runs; a loop of our own is closed, and its thread has ended on return."""
        self._closed = True
        if self._thread is None:
            try:
                self._loop.call_soon_threadsafe(self._cancel_all)
            except RuntimeError:
                self._refuse_all()
        elif self._thread is not threading.current_thread():
            try:
                self._loop.call_soon_threadsafe(self._loop.stop)
            except RuntimeError:
                return
            self._thread.join()

    def _begin_all(self) -> None:
        self._awake = False
        while self._inbox:
            call = self._inbox.popleft()
            context = calls.context_of(call)
            task = self._loop.create_task(self._run(call), name=call.name, context=context)
            self._tasks[call] = task

    async def _run(self, call: _raveler.Call) -> None:
        try:
            if not call.begin():
                return
            value: Any = call.fn(*call.args, **call.kwargs)
            if hasattr(value, "__await__"):
                value = await value
        except asyncio.CancelledError:
            call.cancelled()
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            call.error(error)
        else:
            call.value(value)
        finally:
            self._tasks.pop(call, None)

    def _cancel(self, call: _raveler.Call) -> None:
        task = self._tasks.get(call)
        if task is not None:
            task.cancel()
        elif call in self._inbox:
            self._inbox.remove(call)
            call.cancelled()

    def _cancel_all(self) -> None:
        self._refuse_all()
        for task in list(self._tasks.values()):
            task.cancel()

    def _refuse_all(self) -> None:
        self._awake = False
        while self._inbox:
            self._inbox.popleft().cancelled()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._finish())
            self._loop.close()

    async def _finish(self) -> None:
        self._cancel_all()
        own = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not own]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()
