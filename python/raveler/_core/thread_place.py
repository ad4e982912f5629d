"""The threads of this process that run blocking calls: made when needed, up to a limit."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from raveler._core import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raveler import _raveler


class ThreadPlace:
    """Runs calls on threads, in the order in which they were started."""

    def __init__(self, limit: int = 64) -> None:
        """Allow ``limit`` calls at once; no thread is made yet."""
        self._limit = limit
        self._queue: SimpleQueue[_raveler.Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._free = 0
        self._made = 0
        self._running: dict[_raveler.Call, int] = {}
        self._abandoned: dict[_raveler.Call, str] = {}
        self._closed = False

    def start(self, call: _raveler.Call) -> None:
        """Run a call as soon as a thread is free."""
        with self._lock:
            if self._closed:
                call.cancelled()
                return
            self._free -= 1
            if self._free < 0 and len(self._threads) - len(self._abandoned) < self._limit:
                self._add_thread()
        self._queue.put(call)

    def abandon(self, call: _raveler.Call) -> bool:
        """Raise an exception in the thread that runs ``call``; tell whether there was one.

        Python delivers it at the next bytecode: a call that is inside C code ends when it comes back.
        """
        import ctypes

        from raveler import exceptions

        # The thread may wait for a task that is cancelled next. The class of that error is made by Python code at its
        # first use, and there the exception would be delivered where nobody expects it.
        _ = exceptions.TaskCancelled
        with self._lock:
            thread = self._running.get(call)
            if thread is None or call in self._abandoned:
                return False
            self._abandoned[call] = call.name
            _interrupt(ctypes, thread, calls.Abandoned)
        return True

    @property
    def abandoned(self) -> list[str]:
        """The names of the tasks that were given up and still run."""
        with self._lock:
            return list(self._abandoned.values())

    def close(self) -> None:
        """Let the idle threads end and wait for them; one that still runs an abandoned call is left behind."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, []
            stuck = list(self._running.values()) if self._abandoned else []
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            if thread.ident not in stuck and thread is not threading.current_thread():
                thread.join()
        left = self.abandoned
        if left:
            import warnings

            message = (
                f"{len(left)} abandoned thread task(s) still run: {', '.join(left)}; a thread can't be stopped, "
                f'give such work a timeout of its own or run it on="process"'
            )
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    def _add_thread(self) -> None:
        self._made += 1
        thread = threading.Thread(target=self._work, name=f"raveler-thread-{self._made}", daemon=True)
        self._threads.append(thread)
        self._free += 1
        thread.start()

    def _work(self) -> None:
        while True:
            call = self._queue.get()
            if call is None:
                return
            with self._lock:
                self._running[call] = threading.get_ident()
            try:
                calls.run(call)
            except calls.Abandoned:
                call.cancelled()
            self._leave(call)
            del call

    def _leave(self, call: _raveler.Call) -> None:
        """Forget a call; an interrupt that was meant for it must not reach the next one.

        One that is still on its way is received here: to call it off would leave the interpreter looking for it for
        ever, at every step of every thread, and CPython 3.11 hangs then in a thread that is traced.
        """
        while True:
            try:
                with self._lock:
                    thread = self._running.pop(call, None)
                    if thread is not None:
                        self._free += 1
                    is_abandoned = self._abandoned.pop(call, None) is not None and thread is not None
                if is_abandoned and thread is not None:
                    import ctypes

                    _interrupt(ctypes, thread, calls.Abandoned)
                    while True:
                        pass
            except calls.Abandoned:
                continue
            return


def _interrupt(ctypes: object, thread: int, error: type[BaseException]) -> None:
    exception = ctypes.py_object(error)  # type: ignore[attr-defined]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)  # type: ignore[attr-defined]
