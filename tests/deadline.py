"""Waiting with a deadline: polls, guards against hangs, and the end of processes."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

SLACK = float(os.environ.get("RAVELER_TEST_SLACK", "10"))
"""How many times its goal a thing may take before a test calls it hung."""

_POLL_S = 0.005


def guard(goal_s: float) -> float:
    """Return the seconds after which something with this goal counts as hung."""
    return goal_s * SLACK


def let_pass(seconds: float) -> None:
    """Let time go by where time itself is what a test measures."""
    select.select([], [], [], seconds)


def eventually(predicate: Callable[[], T], goal_s: float = 1.0, what: str = "the condition") -> T:
    """Return the first true value of ``predicate``; fail when its guard has passed."""
    deadline = time.monotonic() + guard(goal_s)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            message = f"{what} did not come true within {guard(goal_s):.1f} s"
            raise AssertionError(message)
        let_pass(_POLL_S)


def readable(descriptor: int, goal_s: float = 1.0) -> bool:
    """Say whether ``descriptor`` has something to read before its guard has passed."""
    ready, _, _ = select.select([descriptor], [], [], guard(goal_s))
    return bool(ready)


def still_alive_after(pids: Iterable[int], goal_s: float) -> list[int]:
    """Return those of ``pids`` that still run when the guard has passed, without ever polling."""
    deadline = time.monotonic() + guard(goal_s)
    survivors = []
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([descriptor], [], [], left)[0]:
                survivors.append(pid)
        finally:
            os.close(descriptor)
    return survivors
