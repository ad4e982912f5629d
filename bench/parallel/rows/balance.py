"""Rows about the use of the cores: the speed-up on work with large results, and the makespan of uneven tasks."""

from __future__ import annotations

import time
from contextlib import contextmanager
from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

from bench.parallel.pools import POOLS, Pool, warm
from bench.parallel.work import count_words, spin
from bench.row import Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNKS = 64
VOCABULARY = 5_000
UNEVEN = 200
STRIDE = 61  # shares no factor with UNEVEN: walks over all durations in a mixed order


def texts(setting: Setting) -> list[str]:
    """Return chunks of text, each of which holds every word of the vocabulary."""
    words = [f"word{number:x}" for number in range(VOCABULARY)]
    length = setting.pick(100_000, 20_000)
    return [" ".join(words[(7919 * index + chunk) % VOCABULARY] for index in range(length)) for chunk in range(CHUNKS)]


def counting(run: Callable[[list[str]], list[dict[str, int]]], chunks: list[str]) -> Sample:
    """Return the time to count the words of all chunks."""

    def sample() -> float:
        started = time.perf_counter()
        counts = run(chunks)
        elapsed = time.perf_counter() - started
        if [len(words) for words in counts] != [VOCABULARY] * CHUNKS:
            raise RuntimeError("some words were not counted")
        return elapsed

    return sample


def counting_in_pool(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant that counts with `map`, defaults."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with warm(make, setting.workers) as pool:
            sample = counting(lambda chunks: pool.map(count_words, chunks), texts(setting))
            sample()
            yield sample

    return contest


@contextmanager
def counting_plainly(setting: Setting) -> Iterator[Sample]:
    """Give the time of a plain loop."""
    yield counting(lambda chunks: [count_words(chunk) for chunk in chunks], texts(setting))


def durations(setting: Setting) -> list[float]:
    """Return the seconds of each uneven task: log-normal, the longest some 8 times the mean, in a mixed order."""
    normal = NormalDist(sigma=0.9)
    raw = [exp(normal.inv_cdf((index * STRIDE % UNEVEN + 0.5) / UNEVEN)) for index in range(UNEVEN)]
    total = setting.pick(1.2, 0.3)
    return [total * value / sum(raw) for value in raw]


def balancing(make: Callable[[int], Pool]) -> Contestant:
    """Return the contestant that maps the uneven tasks, defaults; the figure is makespan / ideal."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        tasks = durations(setting)
        ideal = max(sum(tasks) / setting.workers, *tasks)

        with warm(make, setting.workers) as pool:

            def sample() -> float:
                started = time.perf_counter()
                pool.map(spin, tasks)
                return (time.perf_counter() - started) / ideal

            sample()
            yield sample

    return contest


BALANCE_ROWS = (
    Row(
        name="speed-up",
        work="64 chunks of text, each result a dict of 5,000 words",
        unit=Unit.TIME,
        goal=Goal("≥ 1.85 times plain Python", Comparison.FASTER, 1.85, than="plain Python"),
        contestants={name: counting_in_pool(make) for name, make in POOLS.items()} | {"plain Python": counting_plainly},
        references=("plain Python",),
    ),
    Row(
        name="uneven",
        work="200 uneven tasks, makespan / ideal, defaults",
        unit=Unit.SHARE,
        goal=Goal("≤ 1.03", Comparison.ABSOLUTE, 1.03),
        contestants={name: balancing(make) for name, make in POOLS.items()},
    ),
)
