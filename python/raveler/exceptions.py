"""All exceptions of raveler, defined once: Rust raises these too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import concurrent.futures
    from typing import Self

__all__ = [
    "DatabaseError",
    "EngineUnavailable",
    "GpuUnavailable",
    "HttpError",
    "JournalError",
    "JournalMismatch",
    "NotSerializable",
    "OrderDependent",
    "RavelerError",
    "RemoteError",
    "RuntimeClosed",
    "TaskCancelled",
    "TaskTimeout",
    "TransferError",
    "WorkerDied",
]


class RavelerError(Exception):
    """The base of every error that raveler itself raises."""


class RuntimeClosed(RavelerError, RuntimeError):
    """The runtime was used after its block had ended."""


class TaskTimeout(RavelerError, TimeoutError):
    """An attempt ran longer than the ``timeout`` of its task."""


class WorkerDied(RavelerError):
    """A worker process ended while it ran the task, and no retry was left.

    Attributes:
        task: The name of the task that was running.
        pid: The process id that the worker had.
        signal: The number of the signal that ended it, or None.
        exit_code: The exit code it ended with, or None.
        cause: The cause in words.
        peak_rss: The largest resident memory of the worker, in bytes.
        arguments: A summary of the arguments of the task.
        stack: The Python stack at the fault, where there is one.
        log: The last lines that the worker logged or printed.
    """

    task: str | None = None
    pid: int | None = None
    signal: int | None = None
    exit_code: int | None = None
    cause: str | None = None
    peak_rss: int | None = None
    arguments: str | None = None
    stack: str | None = None
    log: tuple[str, ...] = ()

    @classmethod
    def describe(
        cls,
        *,
        task: str | None = None,
        pid: int | None = None,
        signal: int | None = None,
        exit_code: int | None = None,
        cause: str | None = None,
        peak_rss: int | None = None,
        arguments: str | None = None,
        stack: str | None = None,
        log: tuple[str, ...] = (),
    ) -> Self:
        """Return an error whose message says in words everything that is known about the death."""
        worker = "the worker" if pid is None else f"worker {pid}"
        call = "a task" if task is None else f"task {task}" if arguments is None else f"task {task}({arguments})"
        message = f"{worker} died while it ran {call}: {cause or _ending(signal, exit_code)}"
        if peak_rss is not None:
            message += f" (peak memory {peak_rss / 2**20:,.0f} MiB)"
        if stack:
            message += f"\nPython stack at the fault:\n{stack.rstrip()}"
        if log:
            message += "\nlast lines of the worker:\n" + "\n".join(f"  {line}" for line in log)
        error = cls(message)
        error.task, error.pid, error.signal, error.exit_code = task, pid, signal, exit_code
        error.cause, error.peak_rss, error.arguments = cause, peak_rss, arguments
        error.stack, error.log = stack, tuple(log)
        return error


def _ending(signal: int | None, exit_code: int | None) -> str:
    if signal is not None:
        from signal import Signals

        try:
            name = Signals(signal).name
        except ValueError:
            name = "unknown"
        return f"killed by signal {signal} ({name})"
    if exit_code is not None:
        return f"it exited with code {exit_code}"
    return "no cause is known"


class NotSerializable(RavelerError, TypeError):
    """A value could not travel between processes.

    Attributes:
        path: Where in the value the part is that can't travel, e.g. ``args[0].conn.lock``.
    """

    path: str | None = None


class RemoteError(RavelerError):
    """Stands for an exception of a task that could not travel itself.

    Attributes:
        type_name: The qualified name of the original exception's class.
        original: The text of the original exception.
    """

    type_name: str | None = None
    original: str | None = None


class EngineUnavailable(RavelerError, ImportError):
    """The engine that was asked for can't be used here; the message says what is missing."""


class GpuUnavailable(RavelerError, RuntimeError):
    """A GPU was asked for by name and there is none that can be used."""


class HttpError(RavelerError, OSError):
    """An HTTP request failed or was answered with an error status.

    Attributes:
        status: The status, or None if there was no answer.
        url: The address, without credentials.
    """

    status: int | None = None
    url: str | None = None


class DatabaseError(RavelerError):
    """A database refused a statement or could not be reached."""


class TransferError(RavelerError, OSError):
    """A download or an upload failed.

    Attributes:
        status: The status that a web server answered with, or None.
    """

    status: int | None = None


class JournalError(RavelerError):
    """A journal can't be used: another process has it, there is no room for it, or it is none."""


class JournalMismatch(JournalError, ValueError):
    """The call is not the one that the journal belongs to.

    Attributes:
        changes: What changed, each in words.
    """

    changes: tuple[str, ...] = ()


class OrderDependent(RavelerError, AssertionError):
    """A result depends on the order in which tasks ran."""


if TYPE_CHECKING:

    class TaskCancelled(RavelerError, concurrent.futures.CancelledError):
        """The task was cancelled before it had a result."""

else:

    def __getattr__(name: str) -> type[RavelerError]:
        """Define ``TaskCancelled`` at its first use: its base lives in a package that is slow to import."""
        if name != "TaskCancelled":
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from concurrent.futures import CancelledError

        class TaskCancelled(RavelerError, CancelledError):
            """The task was cancelled before it had a result."""

        TaskCancelled.__module__ = __name__
        TaskCancelled.__qualname__ = "TaskCancelled"
        # Another thread may have been first: one class, whoever wins.
        return globals().setdefault("TaskCancelled", TaskCancelled)
