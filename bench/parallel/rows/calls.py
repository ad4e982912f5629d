"""Rows about the cost of a call: tasks a second by `submit` and by `map`, and the time of one round trip."""

from __future__ import annotations

import os
import pickle
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.parallel.pools import POOLS, Pool, warm
from bench.parallel.work import noop
from bench.row import Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SUBMITTED = 200_000
MAPPED = 2_000_000


def rate_of(run: Callable[[Sequence[int]], list[Any]], limit: int, setting: Setting) -> Sample:
    """Return a measurement of tasks a second.

    The peers differ a thousandfold, so each gets as many tasks as it does in a fifth of a second, and no more than a
    limit: the number grows until the time is reached, which warms everything as well.
    """
    enough = setting.pick(0.2, 0.05)

    def measure(count: int) -> float:
        items = range(count)
        started = time.perf_counter()
        results = run(items)
        elapsed = time.perf_counter() - started
        if results != list(items):
            raise RuntimeError(f"{count} tasks returned something else than their arguments in order")
        return elapsed

    count = 1000
    while (elapsed := measure(count)) < enough and count < limit:
        count = min(limit, count * max(2, min(8, int(enough / elapsed))))
    return lambda: count / measure(count)


def by_submit(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant that submits one task for each item."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(make, setting.workers) as pool:
            yield rate_of(lambda items: pool.submit_all(noop, items), SUBMITTED, setting)

    return contest


def by_map(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant that maps with everything at its default."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(make, setting.workers) as pool:
            yield rate_of(lambda items: pool.map(noop, items), MAPPED, setting)

    return contest


def by_round_trip(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant that waits for each task before it submits the next."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(make, setting.workers) as pool:
            count = setting.pick(1000, 200)

            def sample() -> float:
                times: list[float] = []
                for item in range(count):
                    started = time.perf_counter()
                    result = pool.call(noop, item)
                    times.append(time.perf_counter() - started)
                    if result != item:
                        raise RuntimeError(f"task {item} returned {result!r}")
                return median(times)

            sample()
            yield sample

    return contest


@contextmanager
def pickled_one_by_one(setting: Setting) -> Iterator[Sample]:
    """Give the limit of pickling each call and each result, in one process and with nothing in between."""

    def run(items: Sequence[int]) -> list[Any]:
        results: list[Any] = []
        for item in items:
            fn, args = pickle.loads(pickle.dumps((noop, (item,)), 5))
            results.append(pickle.loads(pickle.dumps(fn(*args), 5)))
        return results

    yield rate_of(run, SUBMITTED, setting)


@contextmanager
def pickled_in_chunks(setting: Setting) -> Iterator[Sample]:
    """Give the limit of pickling chunks of a thousand arguments and results, in one process."""

    def run(items: Sequence[int]) -> list[Any]:
        results: list[Any] = []
        for low in range(0, len(items), 1000):
            fn, chunk = pickle.loads(pickle.dumps((noop, list(items[low : low + 1000])), 5))
            results += pickle.loads(pickle.dumps(list(map(fn, chunk)), 5))
        return results

    yield rate_of(run, MAPPED, setting)


@contextmanager
def pipe_ping_pong(setting: Setting) -> Iterator[Sample]:
    """Give the time for one byte to another process and back, by two pipes."""
    there_out, there_in = os.pipe()
    back_out, back_in = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there_in)
        while byte := os.read(there_out, 1):
            os.write(back_in, byte)
        os._exit(0)

    def once() -> float:
        started = time.perf_counter()
        os.write(there_in, b".")
        os.read(back_out, 1)
        return time.perf_counter() - started

    try:
        yield lambda: median(once() for _ in range(setting.pick(1000, 200)))
    finally:
        os.close(there_in)
        os.waitpid(child, 0)


NO_SUBMIT = {"joblib": "has no submit"}

CALL_ROWS = (
    Row(
        name="submit",
        work="no-op, one task per submit, all gathered",
        unit=Unit.RATE,
        goal=Goal("≥ 20 times the best peer", Comparison.FASTER, 20),
        contestants={name: by_submit(make) for name, make in POOLS.items() if name not in NO_SUBMIT}
        | {"one process, pickled": pickled_one_by_one},
        references=("one process, pickled",),
        absent=NO_SUBMIT,
    ),
    Row(
        name="map",
        work="map of a no-op, defaults",
        unit=Unit.RATE,
        goal=Goal("≥ 2 times mp.Pool", Comparison.FASTER, 2, than="mp.Pool"),
        contestants={name: by_map(make) for name, make in POOLS.items()} | {"one process, pickled": pickled_in_chunks},
        references=("one process, pickled",),
    ),
    Row(
        name="round-trip",
        work="submit → result, one after another, median",
        unit=Unit.TIME,
        goal=Goal("≤ 1/4 of the best peer", Comparison.WITHIN, 1 / 4),
        contestants={name: by_round_trip(make) for name, make in POOLS.items() if name not in NO_SUBMIT}
        | {"two pipes": pipe_ping_pong},
        references=("two pipes",),
        absent=NO_SUBMIT,
    ),
)
