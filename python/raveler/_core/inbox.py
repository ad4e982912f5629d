"""What workers print, log and warn, on its way to the parent's own streams and handlers."""

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import
import sys
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STDOUT, STDERR, LOG, WARNING = 1, 2, 3, 4

_registry: dict[Any, Any] = {}
_LAST_LINES = 8
_last: dict[int, deque[str]] = {}


def deliver(kind: int, worker: int, task_name: str | None, task_id: int | None, payload: bytes) -> None:
    """Give one message of a worker to where the parent's own would go; never fails.

    A log record gets the attributes ``task``, ``task_id`` and ``worker``.
    """
    try:
        if kind in {STDOUT, STDERR}:
            _remember(worker, payload.decode("utf-8", "backslashreplace"))
            _write(sys.stdout if kind == STDOUT else sys.stderr, payload)
        elif kind == LOG:
            _log(payload, worker, task_name, task_id)
        elif kind == WARNING:
            _warn(payload)
    except Exception as error:  # noqa: BLE001 - a broken handler must not stop the tasks
        sys.excepthook(type(error), error, error.__traceback__)


def last_lines(worker: int) -> tuple[str, ...]:
    """Return the last lines that a worker printed or logged, for the report of its death; they are forgotten."""
    return tuple(_last.pop(worker, ()))


def _remember(worker: int, text: str) -> None:
    _last.setdefault(worker, deque(maxlen=_LAST_LINES)).extend(text.splitlines()[-_LAST_LINES:])


def _write(stream: Any, payload: bytes) -> None:
    if stream is None:
        return
    text = payload.decode("utf-8", "surrogateescape")
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    except ValueError:
        # The stream is closed.
        return
    if not payload.endswith(b"\n") or stream is sys.stdout:
        stream.flush()


def _log(payload: bytes, worker: int, task_name: str | None, task_id: int | None) -> None:
    import logging

    record = logging.makeLogRecord(pickle.loads(payload))
    record.task, record.task_id, record.worker = task_name, task_id, worker
    logger = logging.getLogger(record.name)
    _remember(worker, f"{record.levelname}:{record.name}:{record.getMessage()}")
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _warn(payload: bytes) -> None:
    import warnings

    text, module, qualname, filename, line = pickle.loads(payload)
    category: Any = sys.modules.get(module)
    for part in qualname.split("."):
        category = getattr(category, part, None)
    if not (isinstance(category, type) and issubclass(category, Warning)):
        category = UserWarning
    try:
        warnings.warn_explicit(text, category, filename, line, registry=_registry)
    except Warning:
        # A filter made it an error since the worker started: there it was shown, here no task can raise it.
        warnings.showwarning(text, category, filename, line)
