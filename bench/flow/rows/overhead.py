"""The rows about what a flow adds to each item, in Rust and in worker processes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import raveler as rv
from bench.parallel.work import noop
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Work = Callable[[rv.Runtime, Sequence[int]], list[Any]]

READS = 16


def each(work: Work, full: int, quick: int) -> Contestant:
    """Return the contestant whose figure is the seconds of one item; all items must come back in order."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        items = range(setting.pick(full, quick))
        with rv.Runtime(workers=setting.workers) as rt:

            def sample() -> float:
                started = time.perf_counter()
                found = work(rt, items)
                elapsed = time.perf_counter() - started
                if found != list(items):
                    raise RuntimeError(f"{len(items)} items came back as something else, or in another order")
                return elapsed / len(items)

            sample()
            yield sample

    return contest


def through_rust(rt: rv.Runtime, items: Sequence[int]) -> list[Any]:
    """Send items through a stage that does nothing and never leaves Rust."""
    return [item for (item,) in rt.flow(items).batch(1)]


def through_processes(rt: rv.Runtime, items: Sequence[int]) -> list[Any]:
    """Send items through a stage of the worker processes."""
    return rt.flow(items).map(noop).list()


def by_map(rt: rv.Runtime, items: Sequence[int]) -> list[Any]:
    """Send items through a map."""
    return rt.map(noop, items).list()


def reading(work: Callable[[rv.Runtime, list[Path]], list[bytes]]) -> Contestant:
    """Return the contestant that reads one tiny file again and again; the figure is the seconds of one."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        count = setting.pick(100_000, 5_000)
        with rv.Runtime(workers=setting.workers) as rt, TemporaryDirectory(prefix="raveler-bench-") as folder:
            path = Path(folder, "tiny")
            path.write_bytes(b"tiny")
            paths = [path] * count

            def sample() -> float:
                started = time.perf_counter()
                found = work(rt, paths)
                elapsed = time.perf_counter() - started
                if found != [b"tiny"] * count:
                    raise RuntimeError(f"{count} reads gave something else than the file")
                return elapsed / count

            sample()
            yield sample

    return contest


OVERHEAD_ROWS = (
    Row(
        name="flow-rust",
        work="an item through a stage in Rust that does nothing",
        unit=Unit.TIME,
        goal=Goal("≤ 2 µs", Comparison.ABSOLUTE, 2e-6),
        contestants={RAVELER: each(through_rust, 1_000_000, 20_000)},
    ),
    Row(
        name="flow-read",
        work="a tiny file through a stage that reads",
        unit=Unit.TIME,
        goal=Goal("≤ 2 µs above read_many", Comparison.ABOVE, 2e-6, than="read_many"),
        contestants={
            RAVELER: reading(lambda rt, paths: rt.flow(paths).read(concurrency=READS).list()),
            "read_many": reading(lambda rt, paths: rv.files.read_many(paths, concurrency=READS, runtime=rt).list()),
        },
        references=("read_many",),
    ),
    Row(
        name="flow-process",
        work="an item through a stage in processes that does nothing",
        unit=Unit.TIME,
        goal=Goal("≤ 1.3 times map", Comparison.WITHIN, 1.3, than="rt.map"),
        contestants={
            RAVELER: each(through_processes, 2_000_000, 20_000),
            "rt.map": each(by_map, 2_000_000, 20_000),
        },
        references=("rt.map",),
    ),
)
