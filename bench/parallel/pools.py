"""The pools under comparison behind one face, each used as its own documentation says.

Peers are imported when they are made, by name, so that one that isn't installed is left out instead of failing.
"""

# ruff: noqa: D102 - what the methods do stands once, at the face that all pools share

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from bench.parallel.work import nap_and_tell
from bench.row import RAVELER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


P = TypeVar("P", bound="Pool")


class Pool(ABC):
    """Worker processes that run functions."""

    @abstractmethod
    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Submit one task for each item, then gather all results."""

    @abstractmethod
    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Map with everything left at its default, and collect the results."""

    @abstractmethod
    def close(self) -> None:
        """End the workers."""

    def call(self, fn: Callable[[Any], Any], item: object) -> object:
        """Run one task and wait for it."""
        return self.submit_all(fn, [item])[0]


class Raveler(Pool):
    """A raveler runtime."""

    def __init__(self, workers: int) -> None:
        self.runtime = import_module(RAVELER).Runtime(workers=workers)

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        submit = self.runtime.submit
        tasks = [submit(fn, item) for item in items]
        return [task.result() for task in tasks]

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        results: list[Any] = self.runtime.map(fn, items).list()
        return results

    def close(self) -> None:
        with self.runtime:
            pass


class StandardPool(Pool):
    """`multiprocessing.Pool`."""

    def __init__(self, workers: int, start_method: str | None = None) -> None:
        self.pool = multiprocessing.get_context(start_method).Pool(workers)

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        submit = self.pool.apply_async
        tasks = [submit(fn, (item,)) for item in items]
        return [task.get() for task in tasks]

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return self.pool.map(fn, items)

    def close(self) -> None:
        self.pool.terminate()
        self.pool.join()


class FuturesPool(Pool):
    """An executor with the interface of `concurrent.futures`: the standard library's or loky's."""

    def __init__(self, workers: int, module: str) -> None:
        self.executor = import_module(module).ProcessPoolExecutor(max_workers=workers)

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        submit = self.executor.submit
        tasks = [submit(fn, item) for item in items]
        return [task.result() for task in tasks]

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(self.executor.map(fn, items))

    def close(self) -> None:
        self.executor.shutdown()


class Joblib(Pool):
    """A `joblib.Parallel` whose workers stay between calls; it has no way to submit one task."""

    def __init__(self, workers: int) -> None:
        joblib = import_module("joblib")
        self.delayed = joblib.delayed
        self.parallel = joblib.Parallel(n_jobs=workers)
        self.parallel.__enter__()

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return self.map(fn, items)

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        call = self.delayed(fn)
        return list(self.parallel(call(item) for item in items))

    def close(self) -> None:
        self.parallel.__exit__(None, None, None)
        import_module("joblib.externals.loky").get_reusable_executor().shutdown(kill_workers=True)


class Mpire(Pool):
    """An `mpire.WorkerPool` whose workers stay between calls."""

    def __init__(self, workers: int) -> None:
        self.pool = import_module("mpire").WorkerPool(n_jobs=workers, keep_alive=True)

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        submit = self.pool.apply_async
        tasks = [submit(fn, args=(item,)) for item in items]
        return [task.get() for task in tasks]

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        # By default it would join arrays into one.
        return list(self.pool.map(fn, items, concatenate_numpy_output=False))

    def close(self) -> None:
        self.pool.terminate()


class Pebble(Pool):
    """A `pebble.ProcessPool`."""

    def __init__(self, workers: int) -> None:
        self.pool = import_module("pebble").ProcessPool(max_workers=workers)

    def submit_all(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        submit = self.pool.schedule
        tasks = [submit(fn, args=(item,)) for item in items]
        return [task.result() for task in tasks]

    def map(self, fn: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(self.pool.map(fn, items).result())

    def close(self) -> None:
        self.pool.stop()
        self.pool.join()


POOLS: Mapping[str, Callable[[int], Pool]] = {
    RAVELER: Raveler,
    "mp.Pool": StandardPool,
    "ProcessPoolExecutor": lambda workers: FuturesPool(workers, "concurrent.futures"),
    "loky": lambda workers: FuturesPool(workers, "loky"),
    "joblib": Joblib,
    "mpire": Mpire,
    "pebble": Pebble,
}


def everywhere(pool: Pool, workers: int, fn: Callable[[float], int] = nap_and_tell) -> set[int]:
    """Run a function in every worker and return their process ids.

    Raises:
        RuntimeError: If some worker took no task in all rounds.
    """
    found = set[int]()
    for _ in range(20):
        found.update(pool.submit_all(fn, [0.01] * (4 * workers)))
        if len(found) >= workers:
            return found
    raise RuntimeError(f"only {len(found)} of {workers} workers take tasks")


@contextmanager
def warm(make: Callable[[int], P], workers: int, fn: Callable[[float], int] = nap_and_tell) -> Iterator[P]:
    """Give a pool whose workers have all run something; end it afterwards."""
    pool = make(workers)
    try:
        everywhere(pool, workers, fn)
        yield pool
    finally:
        pool.close()
