"""Runs a map while workers are killed at random moments, and counts what came of it."""

from __future__ import annotations

import os
import random
import signal
import threading
from dataclasses import dataclass, field

import raveler as rv
from tests import census, work
from tests.deadline import let_pass


@dataclass
class Report:
    """What came of one run."""

    items: int
    kills: int = 0
    yielded: int = 0
    failed: int = 0
    wrong: list[object] = field(default_factory=list)


def massacre(*, kills: int, items: int, seed: int, retries: int = 1000) -> Report:
    """Map over ``items`` again and again until ``kills`` workers have been killed; count every result.

    The killer waits between two kills for a random fraction of a few milliseconds, so that deaths fall into every
    part of the protocol: while a task is taken, run, published, and while a new worker starts.
    """
    report = Report(items=0)
    over = threading.Event()
    generator = random.Random(seed)
    with rv.Runtime(workers=2, seed=seed) as rt:

        def kill() -> None:
            while report.kills < kills and not over.is_set():
                victims = census.workers_of()
                if victims:
                    try:
                        os.kill(generator.choice(victims), signal.SIGKILL)
                        report.kills += 1
                    except ProcessLookupError:
                        continue
                let_pass(generator.random() * 0.01)

        rt.map(work.double, range(100)).list()
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            while report.kills < kills:
                _one_map(rt, items, retries, report)
        finally:
            over.set()
            killer.join()
        _one_map(rt, items, retries, report)
    return report


def _one_map(rt: rv.Runtime, items: int, retries: int, report: Report) -> None:
    results = rt.map(work.double, range(items), errors="return", retries=retries)
    for index, value in enumerate(results):
        if isinstance(value, rv.WorkerDied) and retries == 0:
            report.failed += 1
        elif value != 2 * index:
            report.wrong.append((index, value))
        report.yielded += 1
    report.items += items
