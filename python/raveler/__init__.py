"""A concurrency runtime: functions on all cores, coroutines and threads, with results that never depend on order."""

from __future__ import annotations

import sys

if not sys.platform.startswith("linux"):
    _message = f"raveler runs on Linux; {sys.platform!r} is not supported yet"
    raise ImportError(_message)

from raveler import _raveler
from raveler._raveler import Shared, Task
from raveler.exceptions import (
    DatabaseError,
    EngineUnavailable,
    GpuUnavailable,
    HttpError,
    JournalError,
    JournalMismatch,
    NotSerializable,
    OrderDependent,
    RavelerError,
    RemoteError,
    RuntimeClosed,
    TaskTimeout,
    TransferError,
    WorkerDied,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raveler import db, files, http, transfer
    from raveler._core.flow import Flow
    from raveler._core.flow_report import FlowReport, StageReport
    from raveler._core.limits import Rate
    from raveler._core.results import Results
    from raveler._core.rng import rng
    from raveler._core.runtime import Runtime
    from raveler._core.scope import Scope, scope
    from raveler._core.task import TaskFunction, task
    from raveler._core.together import as_completed, gather, race, wait
    from raveler.exceptions import TaskCancelled
    from raveler.interop.executor import Executor

    _default = Runtime()
    submit = _default.submit
    map = _default.map  # noqa: A001 - the public name
    starmap = _default.starmap
    imap_unordered = _default.imap_unordered
    reduce = _default.reduce
    flow = _default.flow
    share = _default.share
    options = _default.options
    stats = _default.stats
    report = _default.report

__version__: str = _raveler.version

__all__ = [
    "DatabaseError",
    "EngineUnavailable",
    "Executor",
    "Flow",
    "FlowReport",
    "GpuUnavailable",
    "HttpError",
    "JournalError",
    "JournalMismatch",
    "NotSerializable",
    "OrderDependent",
    "Rate",
    "RavelerError",
    "RemoteError",
    "Results",
    "Runtime",
    "RuntimeClosed",
    "Scope",
    "Shared",
    "StageReport",
    "Task",
    "TaskCancelled",
    "TaskFunction",
    "TaskTimeout",
    "TransferError",
    "WorkerDied",
    "__version__",
    "as_completed",
    "db",
    "files",
    "flow",
    "gather",
    "http",
    "imap_unordered",
    "map",
    "options",
    "race",
    "reduce",
    "report",
    "rng",
    "scope",
    "share",
    "starmap",
    "stats",
    "submit",
    "task",
    "transfer",
    "wait",
]

_HOMES = {
    "Executor": "raveler.interop.executor",
    "Flow": "raveler._core.flow",
    "FlowReport": "raveler._core.flow_report",
    "Rate": "raveler._core.limits",
    "Results": "raveler._core.results",
    "Runtime": "raveler._core.runtime",
    "Scope": "raveler._core.scope",
    "StageReport": "raveler._core.flow_report",
    "TaskCancelled": "raveler.exceptions",
    "TaskFunction": "raveler._core.task",
    "as_completed": "raveler._core.together",
    "gather": "raveler._core.together",
    "race": "raveler._core.together",
    "rng": "raveler._core.rng",
    "scope": "raveler._core.scope",
    "task": "raveler._core.task",
    "wait": "raveler._core.together",
}
_FACES = {"db", "files", "http", "transfer"}
_FORWARDED = {
    "flow",
    "imap_unordered",
    "map",
    "options",
    "reduce",
    "report",
    "share",
    "starmap",
    "stats",
    "submit",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first used: importing raveler alone costs next to nothing."""
    home = _HOMES.get(name)
    if home is not None:
        from importlib import import_module

        found = getattr(import_module(home), name)
    elif name in _FACES:
        from importlib import import_module

        found = import_module(f"raveler.{name}")
    elif name in _FORWARDED:
        from raveler._core.default import forward

        found = forward(name)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, those that are not imported yet too."""
    return sorted(__all__)
