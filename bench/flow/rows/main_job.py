"""The rows about the main job: the index of the standard library, beside the version by hand and beside its limit."""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import sysconfig
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit
from examples.index_library import Library, digest, library, limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Figure: TypeAlias = Callable[[Callable[[str, Path], object], Library, Path], float]

SHARED = "RAVELER_BENCH_FLOW"
PATIENCE_S = 120.0


def check(database: Path, name: str) -> None:
    """Refuse a database that holds something else than that of the contestant which came first."""
    known = Path(os.environ[SHARED], name)
    _, found = digest(database)
    if not known.exists():
        known.write_text(found, encoding="ascii")
    elif known.read_text(encoding="ascii") != found:
        raise RuntimeError("the index holds something else than that of another contestant")


def seconds(index: Callable[[str, Path], object], server: Library, database: Path) -> float:
    """Return what the clock shows."""
    started = time.perf_counter()
    index(server.address, database)
    return time.perf_counter() - started


def least_seconds(index: Callable[[str, Path], object], server: Library, database: Path) -> float:
    """Return what the cores and the latency allow at best, from what the parts compute alone."""
    before = time.process_time() + server.computed()
    index(server.address, database)
    return limit(time.process_time() + server.computed() - before, server.files, len(os.sched_getaffinity(0))).seconds


def indexing(module: str, figure: Figure = seconds) -> Contestant:
    """Return the contestant that builds the index with the `index` of a module."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        index = import_module(module).index
        stdlib = Path(sysconfig.get_path("stdlib"))
        folder = setting.pick(stdlib, stdlib / "asyncio")
        with library(folder) as server, TemporaryDirectory(prefix="raveler-bench-") as place:

            def sample() -> float:
                database = Path(place, f"{time.monotonic_ns()}.sqlite")
                found = figure(index, server, database)
                check(database, folder.name)
                return found

            yield sample

    return contest


MAIN_JOB_ROWS = (
    Row(
        name="main-job",
        work="fetch, parse and index the standard library",
        unit=Unit.TIME,
        goal=Goal("≥ 1.5 times by hand", Comparison.FASTER, 1.5, than="by hand"),
        contestants={RAVELER: indexing("examples.index_library"), "by hand": indexing("bench.flow.by_hand")},
        sample_s=PATIENCE_S,
    ),
    Row(
        name="main-job-limit",
        work="the same beside what two cores allow",
        unit=Unit.TIME,
        goal=Goal("≥ 0.9 times the limit", Comparison.FASTER, 0.9, than="limit"),
        contestants={
            RAVELER: indexing("examples.index_library"),
            "limit": indexing("bench.flow.least", least_seconds),
        },
        references=("limit",),
        sample_s=PATIENCE_S,
    ),
)
