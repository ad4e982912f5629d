"""Rows about one large array for many tasks: shared by name, and passed plainly."""

from __future__ import annotations

import time
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from multiprocessing import shared_memory
from typing import TYPE_CHECKING, Any

from bench.parallel.pools import Joblib, Raveler, StandardPool, warm
from bench.parallel.rows.arrays import ray_session, shared_pages
from bench.parallel.work import ends, import_numpy
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TASKS = 64


def array_for(setting: Setting, turn: int) -> Any:
    """Return a new array, unlike those of other turns, its pages in memory."""
    return import_module("numpy").full(setting.pick(200_000_000, 40_000_000) // 8, 1.5 + turn)


def ends_by_name(name_and_size: tuple[str, int]) -> float:
    """Attach to shared memory by its name and return the sum of the ends of the array in it."""
    name, size = name_and_size
    memory = shared_memory.SharedMemory(name)
    found = ends(import_module("numpy").frombuffer(memory.buf, dtype="f8", count=size))
    memory.close()
    return found


def measured(run: Callable[[Any], list[float]], setting: Setting) -> Sample:
    """Return the time in which all tasks get an array, a new one for each sample."""
    turns = count()

    def sample() -> float:
        array = array_for(setting, next(turns))
        expected = [ends(array)] * TASKS
        started = time.perf_counter()
        found = run(array)
        elapsed = time.perf_counter() - started
        if found != expected:
            raise RuntimeError("the array did not reach every task")
        return elapsed

    return sample


def share_and_map(pool: Raveler, array: Any) -> list[float]:
    """Share the array and give the handle to every task."""
    shared = pool.runtime.share(array)
    found: list[float] = pool.runtime.map(ends, [shared] * TASKS).list()
    return found


def map_plainly(pool: Raveler, array: Any) -> list[float]:
    """Give the array itself to every task of one map."""
    return pool.map(ends, [array] * TASKS)


def by_raveler(run: Callable[[Raveler, Any], list[float]]) -> Contestant:
    """Return raveler, its pages warm."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(Raveler, setting.workers) as pool:
            sample = measured(lambda array: run(pool, array), setting)
            sample()
            yield sample

    return contest


@contextmanager
def by_fresh_raveler(setting: Setting) -> Iterator[Sample]:
    """Give the time in a runtime that has no warm pages; its workers have NumPy, as those of the peers do."""

    def sample() -> float:
        with warm(Raveler, setting.workers, import_numpy) as pool:
            return measured(lambda array: share_and_map(pool, array), setting)()

    yield sample


@contextmanager
def by_joblib(setting: Setting) -> Iterator[Sample]:
    """Give the time of joblib, which writes a large argument into a memory map and notices when it comes again."""
    with warm(Joblib, setting.workers) as pool:
        sample = measured(lambda array: pool.map(ends, [array] * TASKS), setting)
        sample()
        yield sample


@contextmanager
def by_hand(setting: Setting) -> Iterator[Sample]:
    """Give the time of `multiprocessing.shared_memory` with a pool, written out by the user."""
    np = import_module("numpy")
    with warm(StandardPool, setting.workers) as pool:

        def run(array: Any) -> list[float]:
            memory = shared_memory.SharedMemory(create=True, size=array.nbytes)
            try:
                np.copyto(np.frombuffer(memory.buf, dtype="f8", count=array.size), array)
                return pool.map(ends_by_name, [(memory.name, array.size)] * TASKS)
            finally:
                memory.close()
                memory.unlink()

        sample = measured(run, setting)
        sample()
        yield sample


@contextmanager
def by_ray(setting: Setting) -> Iterator[Sample]:
    """Give the time of `ray.put`."""
    with ray_session(setting.workers) as ray:
        remote = ray.remote(ends)

        def run(array: Any) -> list[float]:
            handle = ray.put(array)
            found: list[float] = ray.get([remote.remote(handle) for _ in range(TASKS)])
            return found

        sample = measured(run, setting)
        sample()
        yield sample


def copying(*, into_warm: bool) -> Contestant:
    """Return the reference: one copy of the array into shared pages."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        np = import_module("numpy")
        kept = shared_pages(array_for(setting, 0).nbytes)
        kept[:] = 0.0

        def sample() -> float:
            array = array_for(setting, 1)
            target = kept if into_warm else shared_pages(array.nbytes)
            started = time.perf_counter()
            np.copyto(target, array)
            return time.perf_counter() - started

        yield sample

    return contest


PEERS: dict[str, Contestant] = {"joblib": by_joblib, "mp.Pool + shared_memory": by_hand, "ray": by_ray}
PIPES = ("ProcessPoolExecutor", "loky", "mpire", "pebble")
ABSENT: dict[str, str] = dict.fromkeys(PIPES, "would send the array once for each task")

SHARE_ROWS = (
    Row(
        name="share-warm",
        work="64 tasks share one 200 MB array, by share, warm",
        unit=Unit.TIME,
        goal=Goal("≤ 1.5 times one copy", Comparison.WITHIN, 1.5, than="copy"),
        contestants={RAVELER: by_raveler(share_and_map), **PEERS, "copy": copying(into_warm=True)},
        references=("copy",),
        absent=ABSENT,
    ),
    Row(
        name="share-cold",
        work="64 tasks share one 200 MB array, by share, cold",
        unit=Unit.TIME,
        goal=Goal("≤ 1.5 times one copy", Comparison.WITHIN, 1.5, than="copy"),
        contestants={RAVELER: by_fresh_raveler, **PEERS, "copy": copying(into_warm=False)},
        references=("copy",),
        absent=ABSENT,
    ),
    Row(
        name="share-plain",
        work="64 tasks get one 200 MB array, passed plainly",
        unit=Unit.TIME,
        goal=Goal("≤ 1.2 times the same by share", Comparison.WITHIN, 1.2, than="raveler by share"),
        contestants={RAVELER: by_raveler(map_plainly), "raveler by share": by_raveler(share_and_map), **PEERS},
        references=("raveler by share",),
        absent=ABSENT,
    ),
)
