"""Long, broken and abandoned sources: the first result at once, memory bounded, errors in their place."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import census, work
from tests.deadline import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEN_MILLION = 10_000_000


class Counted:
    """A generator that counts what was taken from it."""

    def __init__(self, stop: int, breaks_at: int = -1) -> None:
        """Count to ``stop``, or raise on the way."""
        self.pulled = 0
        self.closed = False
        self._stop = stop
        self._breaks_at = breaks_at

    def __iter__(self) -> Iterator[int]:
        try:
            for index in range(self._stop):
                if index == self._breaks_at:
                    raise RuntimeError("source broke")
                self.pulled += 1
                yield index
        finally:
            self.closed = True


def test_first_of_ten_million_comes_at_once(rt: rv.Runtime, record_property: Callable[[str, object], None]) -> None:
    rt.map(work.double, range(10)).list()
    source = Counted(TEN_MILLION)
    began = time.monotonic()
    results = rt.map(work.double, iter(source))
    assert next(results) == 0
    elapsed = time.monotonic() - began
    record_property("first_s", elapsed)
    assert elapsed < guard(0.1)
    assert source.pulled < TEN_MILLION / 10
    results.close()
    assert source.closed


def test_memory_is_bounded_by_the_window(rt: rv.Runtime) -> None:
    source = ("x" * 1000 + str(index) for index in range(300_000))
    results = rt.map(work.identity, source, window=1000)
    for _ in itertools.islice(results, 5000):
        pass
    before = census.resident_bytes(os.getpid())
    total = sum(len(text) for text in results)
    assert total > 290_000_000
    assert census.resident_bytes(os.getpid()) - before < 32 << 20


def test_slow_consumer_does_not_pile_up_results(rt: rv.Runtime) -> None:
    source = Counted(TEN_MILLION)
    results = rt.map(bytes, (100_000 for _ in source), window=20)
    next(results)
    before = census.resident_bytes(os.getpid())
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        pass
    assert source.pulled <= 21
    assert census.resident_bytes(os.getpid()) - before < 16 << 20
    results.close()


@pytest.mark.parametrize("breaks_at", [0, 1, 77, 5000])
def test_error_of_the_source_comes_in_its_place(rt: rv.Runtime, breaks_at: int) -> None:
    results = rt.map(work.double, iter(Counted(TEN_MILLION, breaks_at)))
    values = list(itertools.islice(results, breaks_at))
    assert values == [2 * index for index in range(breaks_at)]
    with pytest.raises(RuntimeError, match="source broke"):
        next(results)


def test_consumer_that_stops_early_closes_the_source_at_the_end_of_the_block() -> None:
    source = Counted(TEN_MILLION)

    def stop_early() -> None:
        with rv.Runtime(workers=2) as rt:
            results = rt.map(work.double, iter(source))
            assert list(itertools.islice(results, 3)) == [0, 2, 4]

    with pytest.warns(Warning, match="(?i)consumed"):
        stop_early()
    assert source.closed
    assert source.pulled < TEN_MILLION / 10


def test_error_of_the_consumer_closes_the_source() -> None:
    source = Counted(TEN_MILLION)

    def consume() -> None:
        with rv.Runtime(workers=2) as rt:
            for value in rt.map(work.double, iter(source)):
                work.fail(value)

    with pytest.raises(ValueError, match="refused 0"):
        consume()
    assert source.closed


def test_source_that_blocks_does_not_hold_up_what_is_done(rt: rv.Runtime) -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        yield 1
        yield 2
        taken.append(3)
        yield 3

    results = rt.map(work.double, source(), window=1)
    assert next(results) == 2
    assert results.list() == [4, 6]
    assert taken == [3]


def test_many_windows_of_large_results_give_their_memory_back(rt: rv.Runtime) -> None:
    def window() -> None:
        assert sum(len(data) for data in rt.map(bytes, [1_000_000] * 100)) == 100_000_000

    window()
    before = census.resident_bytes(os.getpid())
    for _ in range(5):
        window()
    assert census.resident_bytes(os.getpid()) - before < 64 << 20
