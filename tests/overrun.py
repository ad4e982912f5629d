"""Tasks that overrun their timeout, each in its own way; the module is quick to import."""

from __future__ import annotations

import os
import time
from pathlib import Path

import raveler as rv
from tests import work


def hang_and_tidy(path: str) -> None:
    """Hang in a ``try`` whose ``finally`` leaves a trace."""
    try:
        work.hang_in_python()
    finally:
        Path(path).write_text(f"tidied by {os.getpid()}", encoding="utf-8")


def hang_in_sleep_and_tidy(path: str) -> None:
    """Sleep for ever in a ``try`` whose ``finally`` leaves a trace."""
    try:
        time.sleep(3600)
    finally:
        Path(path).write_text("tidied", encoding="utf-8")


def hang_and_catch_exceptions(path: str) -> None:
    """Hang, and note every `Exception` that comes by."""
    try:
        work.hang_in_python()
    except Exception:  # noqa: BLE001 - what is tested
        Path(path).write_text("caught", encoding="utf-8")


def hang_and_return() -> str:
    """Hang, and return a value when interrupted."""
    try:
        work.hang_in_python()
    except BaseException:  # noqa: BLE001, S110 - what is tested
        pass
    return "a value"


def hang_and_tidy_for_ever(path: str) -> None:
    """Hang in a ``try`` whose ``finally`` never ends."""
    try:
        work.hang_in_python()
    finally:
        Path(path).write_text("began", encoding="utf-8")
        work.hang_in_python()


def hang_in_inner_task(path: str) -> None:
    """Hang in a task of a runtime inside the worker."""
    with rv.Runtime() as rt:
        rt.submit(hang_and_tidy, path).result()


def hang_once(path: str) -> str:
    """Hang at the first attempt."""
    if work.append(path, "attempt") == 1:
        work.hang_in_python()
    return "done"


def spin(seconds: float) -> float:
    """Compute for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


def signal_itself(number: int) -> int:
    """Send a signal to the own process and go on."""
    os.kill(os.getpid(), number)
    return sum(range(1000))
