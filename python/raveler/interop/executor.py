"""A `concurrent.futures.Executor` over a runtime, for code that was written for one."""

from __future__ import annotations

import atexit
import pickle
import threading
import uuid
import weakref
from concurrent.futures import Executor as _Executor
from concurrent.futures import Future
from concurrent.futures import wait as _wait
from concurrent.futures._base import CANCELLED
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from raveler import _raveler  # noqa: TC001 - the class statement needs it
from raveler._core import promise
from raveler._core.runtime import Runtime
from raveler.exceptions import NotSerializable, WorkerDied
from raveler.interop import initializer as _initializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

_executors: weakref.WeakSet[Executor] = weakref.WeakSet()
_exiting = False
_mixed: dict[str, Any] = {}


class Executor(_Executor):
    """Runs calls in worker processes and returns real `concurrent.futures.Future` objects.

    Unlike a `ProcessPoolExecutor` it goes on when a worker dies: only the future of that call fails, with an error that
    is a `WorkerDied` and a `BrokenProcessPool`. Functions of ``__main__``, lambdas and closures work.

    Args:
        max_workers: The number of worker processes; by default the cores that this process may use.
        runtime: A runtime to use, which stays open when the executor is shut down; not together with ``max_workers``.
        initializer: Called once in each worker, before the executor's first call there.
        initargs: The arguments of the initializer.

    Raises:
        TypeError: If the initializer can't be called.
        ValueError: If ``max_workers`` is less than 1.

    Example:
        >>> import raveler as rv
        >>> with rv.Executor(max_workers=1) as executor:
        ...     executor.submit(pow, 2, 8).result()
        256
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        runtime: Runtime | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        """Start nothing before the first call."""
        if max_workers is not None and max_workers <= 0:
            message = f"max_workers must be greater than 0, not {max_workers!r}"
            raise ValueError(message)
        if runtime is not None and max_workers is not None:
            message = "give max_workers or a runtime, not both: the runtime has its own number of workers"
            raise ValueError(message)
        if initializer is not None and not callable(initializer):
            message = f"initializer must be a callable, not {initializer!r}"
            raise TypeError(message)
        self._owns = runtime is None
        self._runtime = Runtime(workers=max_workers) if runtime is None else runtime
        self._max_workers = self._runtime.workers
        self._initializer = initializer
        self._initargs = initargs
        self._key = uuid.uuid4().hex
        self._lock = threading.Lock()
        # A dict, because it keeps the order of submission.
        self._pending: dict[_TaskFuture[Any], None] = {}
        self._closed = False
        self._broken: str | None = None
        _executors.add(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit a call and return its future.

        Raises:
            RuntimeError: If the executor was shut down.
            BrokenProcessPool: If the initializer has failed.
        """
        future: _TaskFuture[T] = _TaskFuture()
        with self._lock:
            if self._broken is not None:
                raise _broken_pool(self._broken)
            if self._closed or _exiting:
                message = f"cannot schedule new futures after {'interpreter ' if _exiting else ''}shutdown"
                raise RuntimeError(message)
            self._pending[future] = None
        # Without the lock: when the runtime is full this waits for calls to end, and their end takes the lock.
        try:
            task = self._start(fn, args, kwargs)
        except BaseException as error:  # noqa: BLE001 - told by the future, as any error of a call
            future.set_running_or_notify_cancel()
            future.set_exception(_as_stdlib(error))
            self._forget(future, None)
            return future
        future.task = task
        # A weak reference: an executor that nobody holds any more is shut down, and its calls still end.
        executor: weakref.ref[Executor] = weakref.ref(self)
        task.add_done_callback(lambda task: _settle(executor, future, task))
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """Submit ``fn`` for all items at once and return an iterator over the results, in order.

        Args:
            fn: What to apply.
            iterables: The items; with several, ``fn`` gets one of each, up to the shortest.
            timeout: The longest time in seconds from this call to the last result.
            chunksize: How many items go to a worker as one call.

        Raises:
            ValueError: If ``chunksize`` is less than 1.
            TimeoutError: From the iterator, when the time is over.
        """
        if chunksize < 1:
            message = f"chunksize must be >= 1, not {chunksize!r}"
            raise ValueError(message)
        deadline = None if timeout is None else monotonic() + timeout
        chunks = _chunks(zip(*iterables, strict=False), chunksize)
        futures = [self.submit(_apply, fn, chunk) for chunk in chunks]
        futures.reverse()
        return _results(futures, deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - part of the public signature
        """Take no more calls; wait for those that were submitted.

        Args:
            wait: Return only when all is done; otherwise it goes on in the background.
            cancel_futures: Cancel the calls that have not begun.
        """
        with self._lock:
            first = not self._closed
            self._closed = True
            pending = list(self._pending)
        if cancel_futures:
            # As in the standard library, what the workers are about to take counts as begun.
            for future in pending[self._max_workers :]:
                future.cancel()
        if wait:
            _wait(pending)
            self._close_runtime()
        elif first and self._owns:
            threading.Thread(target=self._runtime.close, name="raveler-executor-shutdown").start()

    def __del__(self) -> None:
        """Shut down in the background."""
        if not getattr(self, "_closed", True) and not _exiting:
            self.shutdown(wait=False)

    def _start(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _raveler.Task[Any]:
        if self._initializer is None:
            return self._runtime.submit(fn, *args, **kwargs)
        return self._runtime.submit(
            _initializer.call, self._key, self._initializer, self._initargs, fn, *args, **kwargs
        )

    def _close_runtime(self) -> None:
        if self._owns:
            self._runtime.close()

    def _forget(self, future: _TaskFuture[Any], error: BaseException | None) -> None:
        with self._lock:
            self._pending.pop(future, None)
            if isinstance(error, _initializer.InitializerFailed):
                self._broken = str(error)


class _TaskFuture(Future[T]):
    """A future whose call is a task."""

    task: _raveler.Task[T] | None = None

    def cancel(self) -> bool:
        """Cancel the call if it has not begun."""
        task = self.task
        if self.done() or task is None:
            return self.cancelled()
        if not task._cancel_pending():  # noqa: SLF001 - the core and its extension are one unit
            return self.cancelled()
        self.be_cancelled()
        return True

    def running(self) -> bool:
        """Tell whether the call has begun and not ended."""
        task = self.task
        return not self.done() and task is not None and task.running()

    def be_cancelled(self) -> None:
        """Take the state of a cancelled future, once."""
        super().cancel()
        with self._condition:
            if self._state == CANCELLED:
                self.set_running_or_notify_cancel()


def _settle(executor: weakref.ref[Executor], future: _TaskFuture[Any], task: _raveler.Task[Any]) -> None:
    error = promise.error_of(task)
    owner = executor()
    if task.cancelled():
        future.be_cancelled()
    else:
        future.set_running_or_notify_cancel()
        if error is None:
            future.set_result(task.result())
        else:
            future.set_exception(_as_stdlib(error))
    future.task = None
    if owner is not None:
        owner._forget(future, error)  # noqa: SLF001 - the core and its extension are one unit


def _as_stdlib(error: BaseException) -> BaseException:
    """Make an error be also what the standard library's executor would raise."""
    if isinstance(error, _initializer.InitializerFailed):
        return _broken_pool(str(error))
    mixed: Any = None
    if type(error) is WorkerDied:
        mixed = _also(WorkerDied, _broken_process_pool())
    elif type(error) is NotSerializable:
        mixed = _also(NotSerializable, pickle.PicklingError)
    if mixed is not None:
        error.__class__ = mixed
    return error


def _also(ours: Any, theirs: Any) -> Any:
    name = f"{ours.__name__} and {theirs.__name__}"
    return _mixed.setdefault(name, type(ours.__name__, (ours, theirs), {"__doc__": ours.__doc__}))


def _broken_pool(message: str) -> BaseException:
    return _broken_process_pool()(message)


def _broken_process_pool() -> type[BaseException]:
    from concurrent.futures.process import BrokenProcessPool

    return BrokenProcessPool


def _chunks(items: Iterable[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    chunk: list[tuple[Any, ...]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _apply(fn: Callable[..., T], chunk: list[tuple[Any, ...]]) -> list[T]:
    return [fn(*args) for args in chunk]


def _results(futures: list[Future[list[T]]], deadline: float | None) -> Iterator[T]:
    try:
        while futures:
            # No name here holds on to what was yielded: the caller alone decides how long it lives.
            chunk = _result_of(futures.pop(), deadline)
            chunk.reverse()
            while chunk:
                yield chunk.pop()
    finally:
        for future in futures:
            future.cancel()


def _result_of(future: Future[T], deadline: float | None) -> T:
    try:
        return future.result(None if deadline is None else deadline - monotonic())
    except TimeoutError:
        future.cancel()
        raise
    finally:
        del future


@atexit.register
def _shut_down_all() -> None:
    """Finish what was submitted before the interpreter goes."""
    global _exiting  # noqa: PLW0603 - one for the process
    _exiting = True
    for executor in list(_executors):
        executor.shutdown(wait=True)
