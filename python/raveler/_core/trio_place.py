"""The running trio loop as the place of coroutine calls: each one a child of a nursery."""

from __future__ import annotations

import threading
from collections import deque

import trio

from raveler._core import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler import _raveler


class TrioPlace:
    """Runs coroutine calls in the trio run that it was opened in."""

    def __init__(self) -> None:
        """Belong to the running trio loop."""
        self.thread_id = threading.get_ident()
        self._run_token = trio.lowlevel.current_trio_token()
        self._manager = trio.open_nursery()
        self._nursery: trio.Nursery | None = None
        self._inbox: deque[_raveler.Call] = deque()
        self._awake = False
        self._scopes: dict[_raveler.Call, trio.CancelScope] = {}
        self._asked: set[_raveler.Call] = set()

    async def open(self) -> None:
        """Open the nursery."""
        self._nursery = await self._manager.__aenter__()

    async def finish(self) -> None:
        """Cancel what still runs and close the nursery."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
            await self._manager.__aexit__(None, None, None)
            self._nursery = None

    def start(self, call: _raveler.Call) -> None:
        """Run a call in the nursery; may be called from any thread."""
        self._inbox.append(call)
        if not self._awake:
            self._awake = True
            self._soon(self._begin_all)

    def cancel(self, call: _raveler.Call) -> None:
        """Cancel the coroutine of a call; the call is told when it has ended."""
        self._asked.add(call)
        self._soon(self._cancel_asked)

    def close(self) -> None:
        """Cancel what still runs; the nursery itself is closed by `finish`."""

    def _soon(self, function: Any) -> None:
        try:
            self._run_token.run_sync_soon(function)
        except trio.RunFinishedError:
            while self._inbox:
                self._inbox.popleft().cancelled()

    def _begin_all(self) -> None:
        self._awake = False
        while self._inbox:
            call = self._inbox.popleft()
            if self._nursery is None or call in self._asked:
                self._asked.discard(call)
                call.cancelled()
            else:
                self._scopes[call] = trio.CancelScope()
                calls.context_of(call).run(self._start, self._nursery, call)

    def _start(self, nursery: trio.Nursery, call: _raveler.Call) -> None:
        nursery.start_soon(self._run, call, name=call.name)

    def _cancel_asked(self) -> None:
        for call in list(self._asked):
            scope = self._scopes.get(call)
            if scope is not None:
                self._asked.discard(call)
                scope.cancel()

    async def _run(self, call: _raveler.Call) -> None:
        finished = False
        try:
            with self._scopes[call]:
                if call.begin():
                    value: Any = call.fn(*call.args, **call.kwargs)
                    if hasattr(value, "__await__"):
                        value = await value
                    call.value(value)
                finished = True
        except Exception as error:  # noqa: BLE001 - told to the one who waits
            finished = True
            call.error(error)
        finally:
            if not finished:
                call.cancelled()
            self._scopes.pop(call, None)
            self._asked.discard(call)
