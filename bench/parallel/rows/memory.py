"""The row about memory: what an idle worker has for itself."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from bench.parallel.pools import POOLS, Pool, StandardPool, everywhere, warm
from bench.row import Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def unique_bytes(pid: int) -> int:
    """Return the memory of a process that no other process shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def idling(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant whose workers have run a small task each and wait; the figure is their mean."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(make, setting.workers) as pool:
            workers = everywhere(pool, setting.workers)
            yield lambda: mean(unique_bytes(pid) for pid in workers)

    return contest


MEMORY_ROWS = (
    Row(
        name="memory",
        work="idle worker, unique memory",
        unit=Unit.BYTES,
        goal=Goal("≤ 4 MB", Comparison.ABSOLUTE, 4e6),
        contestants={name: idling(make) for name, make in POOLS.items()}
        | {"mp.Pool spawn": idling(lambda workers: StandardPool(workers, "spawn"))},
    ),
)
