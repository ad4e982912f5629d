"""Samples from work that is done once: seconds of the clock and of this process's cores, with the result checked."""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from bench.row import Contestant, Sample, Setting

T = TypeVar("T")


def cpu_seconds() -> float:
    """Return what this process and its threads have computed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Load:
    """So much work, whose result counts to ``total`` when it is right."""

    count: int
    total: int

    def check(self, found: int) -> None:
        """Refuse a wrong result."""
        if found != self.total:
            raise RuntimeError(f"the result counts to {found}, not to {self.total}")


def rate(work: Callable[[], int], load: Load) -> Sample:
    """Return the sample that gives pieces of work a second."""

    def sample() -> float:
        started = time.perf_counter()
        found = work()
        elapsed = time.perf_counter() - started
        load.check(found)
        return load.count / elapsed

    return sample


def cpu_time(work: Callable[[], int], load: Load) -> Sample:
    """Return the sample that gives the CPU seconds of one piece."""

    def sample() -> float:
        before = cpu_seconds()
        load.check(work())
        return (cpu_seconds() - before) / load.count

    return sample


def in_loop(
    open_worker: Callable[[Setting], AbstractAsyncContextManager[Callable[[], Awaitable[int]]]],
    load_of: Callable[[Setting], Load],
    *,
    on_uvloop: bool = False,
) -> Contestant:
    """Return the contestant that works inside an event loop which outlives its samples."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        factory = None
        if on_uvloop:
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            opened = open_worker(setting)
            work = runner.run(opened.__aenter__())
            runner.run(_wait(work))
            try:
                yield rate(lambda: runner.run(_wait(work)), load_of(setting))
            finally:
                runner.run(_leave(opened))

    return contest


async def _wait(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _leave(opened: AbstractAsyncContextManager[object]) -> None:
    await opened.__aexit__(None, None, None)


async def spread(count: int, width: int, one: Callable[[int], Awaitable[int]]) -> int:
    """Await ``one`` for each number below ``count`` in ``width`` coroutines, and return the sum."""
    numbers = iter(range(count))

    async def line() -> int:
        total = 0
        for number in numbers:
            total += await one(number)
        return total

    return sum(await asyncio.gather(*(line() for _ in range(width))))
