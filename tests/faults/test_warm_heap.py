"""The heap of a worker stays warm from one task to the next, and goes back to the system when there is none."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

import raveler as rv
from tests.deadline import eventually

OBJECTS = 150_000
"""Floats of one task: some 4 MB with the list that holds them, in several arenas."""


def make_and_drop(_: int) -> int:
    """Make many objects and drop them; return how many pages were mapped for them."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [index + 0.5 for index in range(OBJECTS)]
    del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def own_kib(pid: int) -> int:
    """Return the memory that a process has for itself."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def test_second_task_finds_the_pages_of_the_first() -> None:
    with rv.Runtime(workers=1) as rt:
        first, *_, last = rt.map(make_and_drop, range(4), chunk=1).list()
    assert first > 500
    assert last < first / 2


@pytest.mark.timeout(120)
def test_idle_worker_gives_its_heap_back() -> None:
    with rv.Runtime(workers=1) as rt:
        rt.submit(make_and_drop, 0).result()
        pids: list[int] = rt.stats()["workers"]
        busy = own_kib(pids[0])
        eventually(lambda: own_kib(pids[0]) < busy - 2000, goal_s=6.0, what="a smaller worker")
        assert rt.submit(make_and_drop, 0).result() > 500
        assert rt.stats()["workers"] == pids
