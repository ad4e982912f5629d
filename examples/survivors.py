"""Lose a worker in the middle of the work and go on: a task that kills its process costs itself, nothing else.

Run it with `python examples/survivors.py`.
"""

from __future__ import annotations

import os
import signal

import raveler as rv

UNLUCKY = 13


def invert(number: int) -> float:
    """Return the inverse of a number; die of the unlucky one, fail on 0."""
    if number == UNLUCKY:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1 / number


with rv.Runtime() as rt:
    outcomes = rt.map(invert, range(20), errors="return").list()

for number, outcome in enumerate(outcomes):
    if isinstance(outcome, Exception):
        print(f"{number:2}: {type(outcome).__name__}")
print(f"{sum(isinstance(outcome, float) for outcome in outcomes)} of {len(outcomes)} tasks have their result")
