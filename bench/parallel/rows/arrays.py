"""Rows about large arrays: 16 of 32 MB to the workers, and 16 of 32 MB back.

Pages that were touched before are *warm*; a first touch costs several times the copy. So each of the two ways is
measured against a copy into shared pages in the same state: raveler's warm runs reuse one runtime, its cold runs start
a fresh one for each sample. Peers that send through pipes know no such difference. Every sample sends new arrays:
joblib recognises an array that it has sent before, and would copy nothing.
"""

from __future__ import annotations

import mmap
import time
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.parallel.pools import POOLS, Pool, Raveler, warm
from bench.parallel.work import ARRAY_BYTES, ends, give_block, make_block
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


Run: TypeAlias = "Callable[[Callable[..., Any], Sequence[Any]], list[Any]]"
"""Maps a function over items."""

Exchange: TypeAlias = "Callable[[Run], None]"
"""What is timed: hands the work to a map and checks what comes back."""

Preparing: TypeAlias = "Callable[[Setting, int], Exchange]"
"""Makes the data of one sample, whose number it gets."""


def arrays_for(setting: Setting, turn: int) -> list[Any]:
    """Return new arrays, unlike those of other turns, whose pages are all in memory."""
    np = import_module("numpy")
    return [np.full(ARRAY_BYTES // 8, 100.0 * turn + index) for index in range(setting.pick(16, 4))]


def arguments(setting: Setting, turn: int) -> Exchange:
    """Return the exchange that sends arrays to the workers."""
    arrays = arrays_for(setting, turn)
    expected = [ends(array) for array in arrays]

    def exchange(run: Run) -> None:
        if run(ends, arrays) != expected:
            raise RuntimeError("arrays did not arrive as they were sent")

    return exchange


def results(setting: Setting, turn: int) -> Exchange:
    """Return the exchange that brings arrays back from the workers."""
    del turn
    number = setting.pick(16, 4)
    expected = ARRAY_BYTES // 8 - 1.0

    def exchange(run: Run) -> None:
        if [ends(array) for array in run(give_block, range(number))] != [expected] * number:
            raise RuntimeError("arrays did not come back as they were made")

    return exchange


def timed(action: Callable[[], None]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_warm_pool(make: Callable[[int], Pool], preparing: Preparing) -> Contestant:
    """Return the contestant whose pool has made the same exchange before, with other arrays."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        turns = count()
        with warm(make, setting.workers, make_block) as pool:

            def sample() -> float:
                exchange = preparing(setting, next(turns))
                return timed(lambda: exchange(pool.map))

            sample()
            yield sample

    return contest


def in_fresh_runtime(preparing: Preparing) -> Contestant:
    """Return the contestant that starts a runtime for each sample, warm but for the pages."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        turns = count()

        def sample() -> float:
            exchange = preparing(setting, next(turns))
            with warm(Raveler, setting.workers, make_block) as pool:
                return timed(lambda: exchange(pool.map))

        yield sample

    return contest


@contextmanager
def by_ray(preparing: Preparing, setting: Setting) -> Iterator[Sample]:
    """Give the exchange through ray's object store."""
    turns = count()
    with ray_session(setting.workers) as ray:
        remote = {fn: ray.remote(fn) for fn in (ends, give_block, make_block)}

        def run(fn: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
            found: list[Any] = ray.get([remote[fn].remote(item) for item in items])
            return found

        def sample() -> float:
            exchange = preparing(setting, next(turns))
            return timed(lambda: exchange(run))

        run(make_block, [0.05] * (4 * setting.workers))
        sample()
        yield sample


@contextmanager
def ray_session(workers: int) -> Iterator[Any]:
    """Give the module of ray, with a local cluster of its own."""
    ray = import_module("ray")
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        yield ray
    finally:
        ray.shutdown()


def through_ray(preparing: Preparing) -> Contestant:
    """Return ray as a contestant; it is measured where it is installed."""
    return lambda setting: by_ray(preparing, setting)


def shared_pages(size: int) -> Any:
    """Return fresh shared pages as an array."""
    return import_module("numpy").frombuffer(mmap.mmap(-1, size), dtype="f8")


def copying(*, into_warm: bool) -> Contestant:
    """Return the reference: a copy of the arrays, in one process, into shared pages."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        np = import_module("numpy")
        kept = [shared_pages(ARRAY_BYTES) for _ in arrays_for(setting, 0)]
        for target in kept:
            target[:] = 0.0

        def copy(targets: list[Any], arrays: list[Any]) -> None:
            for target, array in zip(targets, arrays, strict=True):
                np.copyto(target, array)

        def sample() -> float:
            arrays = arrays_for(setting, 1)
            targets = kept if into_warm else [shared_pages(ARRAY_BYTES) for _ in arrays]
            return timed(lambda: copy(targets, arrays))

        yield sample

    return contest


def warm_row(name: str, work: str, preparing: Preparing) -> Row:
    """Return the row of a warm exchange."""
    return Row(
        name=f"{name}-warm",
        work=f"16 arrays of 32 MB as {work}, warm",
        unit=Unit.TIME,
        goal=Goal("≤ 2 times a copy into warm pages", Comparison.WITHIN, 2, than="copy"),
        contestants={pool: in_warm_pool(make, preparing) for pool, make in POOLS.items()}
        | {"ray": through_ray(preparing), "copy": copying(into_warm=True)},
        references=("copy",),
    )


def cold_row(name: str, work: str, preparing: Preparing) -> Row:
    """Return the row of a cold exchange."""
    return Row(
        name=f"{name}-cold",
        work=f"16 arrays of 32 MB as {work}, cold",
        unit=Unit.TIME,
        goal=Goal("≤ 2 times a copy into cold pages", Comparison.WITHIN, 2, than="copy"),
        contestants={
            RAVELER: in_fresh_runtime(preparing),
            **{pool: in_warm_pool(make, preparing) for pool, make in POOLS.items() if pool in {"mp.Pool", "joblib"}},
            "copy": copying(into_warm=False),
        },
        references=("copy",),
        absent=dict.fromkeys(
            ("ProcessPoolExecutor", "loky", "mpire", "pebble", "ray"),
            "as in the warm row: pipes and stores stay as they are",
        ),
    )


ARRAY_ROWS = (
    warm_row("arguments", "arguments", arguments),
    cold_row("arguments", "arguments", arguments),
    warm_row("results", "results", results),
    cold_row("results", "results", results),
)
