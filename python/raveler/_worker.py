"""The Python side of a worker process: how its zygote starts, and how what it prints and logs reaches the parent."""

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import
import sys

from raveler import _raveler
from raveler._core import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any, TextIO

    from raveler._core.lines import LineWriter

_LOG, _WARNING = 3, 4

_log_levels: dict[str, Any] = {}
_writers: list[LineWriter] = []


def zygote_main() -> None:
    """Be the zygote: serve the parent at the other end of standard input; be a worker in each fork."""
    import os
    import signal

    # The parent decides what Ctrl-C means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGURG, _raveler._interrupt)  # noqa: SLF001 - the core and its extension are one unit
    process.is_worker = True
    zygote, parent = os.getpid(), os.getppid()
    try:
        seat = _raveler._zygote()  # noqa: SLF001 - the core and its extension are one unit
    except OSError:
        # Whoever asked for this process may have ended meanwhile: that is nobody's error.
        if os.getppid() == (parent if os.getpid() == zygote else zygote):
            raise
        os._exit(0)
    if seat is not None:
        prepare(seat.index, seat.fault_fd)
        # Nothing of the zygote's is to be run again at the end of its forks.
        os._exit(seat.run())


def configuration(preload: tuple[str, ...]) -> bytes:
    """Return, in the parent, what its workers have to know about it."""
    import os

    return pickle.dumps(
        {
            "path": [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)],  # noqa: PTH100 - pathlib is slow to import
            "argv": sys.argv,
            "preload": preload,
            "by_value": "cloudpickle" in sys.modules,
            "log": _levels(),
            "warnings": _filters(),
            "authkey": _authkey(),
        },
        5,
    )


def configure(data: bytes) -> None:
    """Become, in the zygote, what the parent's configuration says; imports what is to be preloaded.

    Raises:
        ImportError: If a module of ``preload=`` can't be imported; it names the module.
    """
    from raveler._core.imports import when_imported

    process.is_worker = True
    given = pickle.loads(data)
    sys.path[:] = given["path"]
    sys.argv[:] = given["argv"]
    _log_levels.update(given["log"])
    _set_filters(given["warnings"])
    when_imported("random", _follow_tasks)
    if given["authkey"] is not None:
        when_imported("multiprocessing.process", lambda: _share_authkey(given["authkey"]))
    if given["by_value"]:
        from importlib import import_module

        import_module("raveler._core.byvalue")
    for name in given["preload"]:
        try:
            __import__(name)
        except Exception as error:
            message = f"preload: module {name!r} can't be imported in the workers: {error}"
            raise ImportError(message) from error


def prepare(index: int, fault_fd: int | None = None) -> None:
    """Finish, in a worker that was just forked, what each has to do for itself."""
    from raveler._core.imports import when_imported
    from raveler._core.lines import LineWriter

    process.index = index
    _writers[:] = [LineWriter(1, sys.__stdout__), LineWriter(2, sys.__stderr__)]
    sys.stdout, sys.stderr = _as_streams(_writers)
    sys.stdin = open("/dev/null", encoding="utf-8")  # noqa: PTH123, SIM115 - pathlib is slow to import
    when_imported("logging", _forward_logging)
    when_imported("warnings", _forward_warnings)
    if fault_fd is not None:
        import faulthandler

        faulthandler.enable(file=fault_fd, all_threads=False)


def after_task() -> None:
    """Send the lines that a task left unfinished."""
    for writer in _writers:
        writer.finish_line()


def _as_streams(writers: list[Any]) -> tuple[TextIO, TextIO]:
    return writers[0], writers[1]


def _follow_tasks() -> None:
    # It installs itself in a worker at its end, as it may be the one that imports `random`, and be half done by now.
    from importlib import import_module

    import_module("raveler._core.global_random")


def _authkey() -> bytes | None:
    """Return the key that the managers of `multiprocessing` ask their clients for, if this process has one."""
    module = sys.modules.get("multiprocessing.process")
    return None if module is None else bytes(module.current_process().authkey)


def _share_authkey(key: bytes) -> None:
    sys.modules["multiprocessing.process"].current_process().authkey = key


def _levels() -> dict[str, Any]:
    module = sys.modules.get("logging")
    if module is None:
        return {}
    loggers = module.root.manager.loggerDict
    named = {name: getattr(logger, "level", 0) for name, logger in list(loggers.items())}
    return {
        "root": module.root.level,
        "named": {name: level for name, level in named.items() if level},
        "disable": module.root.manager.disable,
    }


def _forward_logging() -> None:
    """Send what reaches the root logger to the parent, whose handlers decide."""
    import logging

    class Forward(logging.Handler):
        """Sends each record to the parent."""

        def emit(self, record: logging.LogRecord) -> None:
            """Send one record, its message and its traceback made into text."""
            try:
                _raveler._send(_LOG, _portable(record))  # noqa: SLF001 - the core and its extension are one unit
            except Exception:  # noqa: BLE001 - whatever a user's record holds
                self.handleError(record)

    logging.root.handlers[:] = [Forward()]
    if _log_levels:
        logging.root.setLevel(_log_levels["root"])
        logging.disable(_log_levels["disable"])
        for name, level in _log_levels["named"].items():
            logging.getLogger(name).setLevel(level)


def _portable(record: logging.LogRecord) -> bytes:
    import logging

    fields = dict(record.__dict__)
    fields["msg"], fields["args"] = record.getMessage(), None
    if record.exc_info and not record.exc_text:
        fields["exc_text"] = logging.Formatter().formatException(record.exc_info)
    fields["exc_info"] = None
    try:
        return pickle.dumps(fields, 5)
    except Exception:  # noqa: BLE001 - whatever a user's record holds
        plain = (bool, int, float, str, bytes, type(None))
        return pickle.dumps({key: each if isinstance(each, plain) else repr(each) for key, each in fields.items()}, 5)


def _filters() -> list[tuple[str, str, str, str, str, int]]:
    """Return the filters for warnings with their patterns and categories as text."""
    import warnings

    known: list[Any] = list(warnings.filters)
    return [
        (action, _pattern(message), category.__module__, category.__qualname__, _pattern(module), line)
        for action, message, category, module, line in known
    ]


def _pattern(pattern: Any) -> str:
    return "" if pattern is None else pattern if isinstance(pattern, str) else pattern.pattern


def _set_filters(filters: list[tuple[str, str, str, str, str, int]]) -> None:
    import warnings

    warnings.resetwarnings()
    for action, message, home, qualname, module, line in reversed(filters):
        category = getattr(sys.modules.get(home), qualname, None)
        if isinstance(category, type) and issubclass(category, Warning):
            known: Any = action
            warnings.filterwarnings(known, message, category, module, line)


def _forward_warnings() -> None:
    """Send what the filters let through to the parent."""
    import warnings

    def show(  # noqa: PLR0917 - the order is part of the signature
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is None:
            fields = (str(message), category.__module__, category.__qualname__, filename, lineno)
            _raveler._send(_WARNING, pickle.dumps(fields, 5))  # noqa: SLF001 - the core and its extension are one unit
        else:
            file.write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = show
