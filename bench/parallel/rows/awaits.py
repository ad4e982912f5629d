"""The row about asyncio: ten thousand tasks awaited at once.

The usual way is `run_in_executor`. A callback of `multiprocessing.Pool` that settles a future of the loop is less known
and faster, so it is measured as well.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.parallel.pools import FuturesPool, P, Pebble, Raveler, StandardPool, warm
from bench.parallel.work import noop
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


def raveler_task(pool: Raveler, item: int) -> Awaitable[Any]:
    """Submit to raveler, whose tasks are awaitable."""
    task: Awaitable[Any] = pool.runtime.submit(noop, item)
    return task


def in_executor(pool: FuturesPool, item: int) -> Awaitable[Any]:
    """Submit through `run_in_executor`."""
    return asyncio.get_running_loop().run_in_executor(pool.executor, noop, item)


def wrapped_future(pool: Pebble, item: int) -> Awaitable[Any]:
    """Submit to pebble and wrap its future."""
    return asyncio.wrap_future(pool.pool.schedule(noop, args=(item,)))


def by_callback(pool: StandardPool, item: int) -> Awaitable[Any]:
    """Submit to `multiprocessing.Pool` with a callback that settles a future of the loop."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    pool.pool.apply_async(noop, (item,), callback=lambda value: loop.call_soon_threadsafe(future.set_result, value))
    return future


def awaiting(make: Callable[[int], P], submit: Callable[[P, int], Awaitable[Any]]) -> Contestant:
    """Return the contestant whose tasks are awaited all at once."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        count = setting.pick(10_000, 1_000)

        async def gather(pool: P) -> list[Any]:
            return await asyncio.gather(*(submit(pool, item) for item in range(count)))

        with warm(make, setting.workers) as pool, asyncio.Runner() as runner:

            def sample() -> float:
                started = time.perf_counter()
                results = runner.run(gather(pool))
                elapsed = time.perf_counter() - started
                if results != list(range(count)):
                    raise RuntimeError("awaited tasks returned something else than their arguments in order")
                return elapsed / count

            sample()
            yield sample

    return contest


AWAIT_ROWS = (
    Row(
        name="await",
        work="await 10,000 tasks with asyncio.gather, each",
        unit=Unit.TIME,
        goal=Goal("≤ 1/10 of run_in_executor", Comparison.WITHIN, 1 / 10, than="ProcessPoolExecutor"),
        contestants={
            RAVELER: awaiting(Raveler, raveler_task),
            "mp.Pool": awaiting(StandardPool, by_callback),
            "ProcessPoolExecutor": awaiting(lambda workers: FuturesPool(workers, "concurrent.futures"), in_executor),
            "loky": awaiting(lambda workers: FuturesPool(workers, "loky"), in_executor),
            "pebble": awaiting(Pebble, wrapped_future),
        },
        absent={"joblib": "has nothing to await", "mpire": "has nothing to await"},
    ),
)
