"""The functions that tasks of the tests run; imports nothing heavy, because workers import it."""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import random
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gate import Gate


class Refused(ValueError):
    """An error of the user's own that carries more than a message."""

    def __init__(self, message: str, code: int) -> None:
        """Keep the message and a code."""
        super().__init__(message, code)
        self.code = code


def identity(value: Any) -> Any:
    """Return the argument."""
    return value


def double(value: int) -> int:
    """Return twice the argument."""
    return 2 * value


def add(left: Any, right: Any) -> Any:
    """Return the sum."""
    return left + right


def bracket(left: str, right: str) -> str:
    """Return a text that shows the shape of the tree."""
    return f"({left}+{right})"


def everything(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return all arguments as they came."""
    return args, kwargs


def fail(value: Any = None) -> Any:
    """Raise an error that names the argument."""
    message = f"refused {value}"
    raise ValueError(message)


def refuse(code: int) -> None:
    """Raise an error of the user's own, with a chain."""
    try:
        _ = {"outer": 1}["inner"]
    except KeyError as error:
        message = "outer"
        raise Refused(message, code) from error


def fail_at(bad: int, value: int) -> int:
    """Return ``value``, or raise if it is the bad one."""
    if value == bad:
        fail(value)
    return value


def fail_if_odd(value: int) -> int:
    """Return an even ``value``, refuse an odd one."""
    if value % 2:
        fail(value)
    return value


def process_id(_: Any = None) -> int:
    """Return the process that runs this task."""
    return os.getpid()


def thread_id() -> int:
    """Return the thread that runs this task."""
    return threading.get_ident()


def pass_gate(gate: Gate, value: Any = None) -> Any:
    """Announce, wait for the test, return ``value``."""
    gate.pass_through()
    return value


def fail_after_gate(gate: Gate, value: Any = None) -> Any:
    """Announce, wait for the test, then fail."""
    gate.pass_through()
    fail(value)


def announce_and_hang(gate: Gate) -> Any:
    """Announce the task and never end by itself."""
    gate.announce()
    while True:
        signal.pause() if threading.current_thread() is threading.main_thread() else threading.Event().wait()


def append(path: str, text: str) -> int:
    """Append one line to a log that tasks of any process share; return how many lines it has now."""
    with Path(path).open("ab", buffering=0) as log:
        log.write(text.encode() + b"\n")
    return len(Path(path).read_bytes().splitlines())


def succeed_on_attempt(path: str, wanted: int) -> int:
    """Fail until this is the ``wanted`` attempt."""
    attempt = append(path, "attempt")
    if attempt < wanted:
        fail(attempt)
    return attempt


def key_error_then_value_error(path: str) -> None:
    """Raise a KeyError at first, then a ValueError."""
    if append(path, "attempt") == 1:
        raise KeyError(path)
    fail(path)


def die_on_first_attempt(path: str) -> int:
    """Kill the own worker once, then succeed."""
    attempt = append(path, "attempt")
    if attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return attempt


def enter_and_leave(path: str, hold_s: float) -> None:
    """Log when the task begins and ends, with work between."""
    append(path, "+")
    time.sleep(hold_s)
    append(path, "-")


def stamp(path: str) -> None:
    """Log the time at which the task began."""
    append(path, repr(time.monotonic()))


def sleep_for(seconds: float, value: Any = None) -> Any:
    """Take this long, then return ``value``."""
    time.sleep(seconds)
    return value


def draw(_: Any = None) -> tuple[float, ...]:
    """Return three numbers of the task's own stream."""
    import raveler as rv

    generator = rv.rng()
    return tuple(generator.random() for _ in range(3))


def draw_numpy(_: Any = None) -> tuple[float, ...]:
    """Return three numbers of the task's own NumPy stream."""
    import raveler as rv

    return tuple(rv.rng("numpy").random(3).tolist())


def draw_global(_: Any = None) -> tuple[float, ...]:
    """Return three numbers of the global generator."""
    return tuple(random.random() for _ in range(3))


def draw_global_numpy(_: Any = None) -> tuple[float, ...]:
    """Return three numbers of NumPy's global generator."""
    import numpy as np

    return tuple(np.random.random(3).tolist())


def draw_nested(_: Any = None) -> list[tuple[float, ...]]:
    """Return what the children of this task draw."""
    import raveler as rv

    return rv.map(draw, range(3)).list()


def draw_around(draw_one: Callable[[], tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Draw before, between and after the children of this task, which draw too."""
    import raveler as rv

    drawn = [draw_one()]
    for _ in range(2):
        drawn.extend([rv.submit(draw_one).result(), draw_one()])
    return drawn


def draw_after_failing(path: str) -> tuple[float, ...]:
    """Draw, fail once, and return what the second attempt draws."""
    numbers = draw()
    if append(path, repr(numbers)) == 1:
        fail(path)
    return numbers


def is_writable(array: Any) -> bool:
    """Say whether the array that arrived can be written."""
    return bool(array.flags.writeable)


def write_first(array: Any) -> float:
    """Write into the array that arrived and return what is there."""
    array[0] = 99
    return float(array[0])


def total(array: Any) -> float:
    """Return the sum of the array."""
    return float(array.sum())


def append_to(items: list[int]) -> int:
    """Change the argument and return its new length."""
    items.append(1)
    return len(items)


def exit_hard(code: int = 3) -> None:
    """End the process without any farewell."""
    os._exit(code)


def segfault() -> None:
    """Read where nothing is mapped."""
    ctypes.string_at(8)


def abort() -> None:
    """Abort the process."""
    os.abort()


def kill_self() -> None:
    """Take the signal that nobody can catch."""
    os.kill(os.getpid(), signal.SIGKILL)


def exhaust_memory() -> int:
    """Take more than the limit of this process, which is set close."""
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), resource.RLIM_INFINITY))
    return len(bytearray(1 << 30))


def die_at(bad: int, value: int) -> int:
    """Return ``value``, or end the process if it is the bad one."""
    if value == bad:
        exit_hard()
    return value


def hang_in_python() -> None:
    """Loop for ever."""
    for _ in itertools.count():
        pass


def hang_deaf() -> None:
    """Loop for ever and swallow whatever is raised into it."""
    while True:
        try:
            hang_in_python()
        except BaseException:  # noqa: BLE001, S112 - being deaf is its task
            continue


def hang_in_c() -> None:
    """Sleep in C with the interpreter lock held."""
    ctypes.PyDLL(None).sleep(3600)


def hang_ignoring_signals() -> None:
    """Sleep in C with the interpreter lock held and every signal blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        ctypes.PyDLL(None).sleep(3600)


def announce_then(gate: Gate, name: str) -> None:
    """Announce the task and run another function of this module."""
    gate.announce()
    globals()[name]()


def log_and_warn(text: str) -> None:
    """Say something through each channel that reaches the parent."""
    logging.getLogger("tests.worker").warning("logged %s", text)
    warnings.warn(f"warned {text}", UserWarning, stacklevel=1)


def print_line(text: str, repeat: int) -> None:
    """Print one long line."""
    print("<" + text * repeat + ">", flush=True)


def keep_memory(megabytes: int) -> int:
    """Hold memory beyond the end of the task and return the worker's process."""
    KEPT.append(b"x" * (megabytes << 20))
    return os.getpid()


KEPT: list[bytes] = []
