"""Rules of how ``map`` consumes its input: lazily, bounded, by the thread that asks."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from tests.conformance.engines import EngineUnderTest


def test_nothing_is_pulled_before_the_first_next(rt: rv.Runtime) -> None:
    source = Source(10)
    results = rt.map(work.double, source.items())
    assert source.pulled == 0
    assert results.list() == [2 * index for index in range(10)]


@pytest.mark.parametrize("window", [1, 4, 64])
@pytest.mark.parametrize("chunk", [1, "auto"])
def test_items_in_flight_are_bounded_by_the_window(rt: rv.Runtime, window: int, chunk: Any) -> None:
    source = Source()
    results = rt.map(work.double, source.items(), window=window, chunk=chunk)
    for yielded in range(1, 200):
        assert next(results) == 2 * (yielded - 1)
        assert source.pulled - yielded <= window
    results.close()


def test_window_bounds_an_unordered_map_too(rt: rv.Runtime) -> None:
    source = Source()
    results = rt.map(work.double, source.items(), window=8, ordered=False)
    for yielded in range(1, 100):
        next(results)
        assert source.pulled - yielded <= 8
    results.close()


def test_default_window_is_bounded(rt: rv.Runtime) -> None:
    source = Source()
    results = rt.map(work.double, source.items())
    assert next(results) == 0
    assert source.pulled <= 100_000
    results.close()


def test_bytes_in_flight_are_bounded(rt: rv.Runtime) -> None:
    source = Source()
    megabyte = 1 << 20
    results = rt.map(len, (bytes(16 * megabyte) for _ in source.items()))
    assert next(results) == 16 * megabyte
    assert source.pulled <= 64
    results.close()


def test_endless_source_works(rt: rv.Runtime) -> None:
    results = rt.map(work.double, itertools.count())
    assert list(itertools.islice(results, 1000)) == [2 * index for index in range(1000)]
    results.close()


def test_source_is_pulled_only_by_the_thread_that_asks(rt: rv.Runtime) -> None:
    source = Source(300)
    assert len(rt.map(work.double, source.items(), window=10).list()) == 300
    assert source.threads == {threading.get_ident()}


def test_source_is_pulled_by_another_thread_when_that_one_asks(rt: rv.Runtime) -> None:
    source = Source(100)
    results = rt.map(work.double, source.items())
    thread = threading.Thread(target=results.list)
    thread.start()
    thread.join()
    assert source.threads == {thread.ident}


def test_closing_the_results_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    results = rt.map(work.double, source.items())
    next(results)
    results.close()
    assert source.closed
    with pytest.raises(StopIteration):
        next(results)


def test_error_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    with pytest.raises(ValueError, match="refused 5"):
        rt.map(lambda value: work.fail_at(5, value), source.items()).list()
    assert source.closed


def test_source_that_ended_is_closed(rt: rv.Runtime) -> None:
    source = Source(5)
    rt.map(work.double, source.items()).list()
    assert source.closed


def leave_unconsumed(engine: EngineUnderTest, sources: list[Source], consumed: int) -> list[rv.Results[int]]:
    """Leave a block with results of which only so many were consumed."""
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        kept = [rt.map(work.double, source.items()) for source in sources]
        for results in kept:
            for _ in range(consumed):
                next(results)
    return kept


@pytest.mark.parametrize("consumed", [0, 1, 20])
def test_results_unconsumed_at_the_end_of_the_block_are_closed_with_one_warning(
    engine: EngineUnderTest, consumed: int
) -> None:
    source = Source()
    with pytest.warns(Warning, match="(?i)consumed") as caught:
        kept = leave_unconsumed(engine, [source], consumed)
    assert len(caught) == 1
    assert source.closed or consumed == 0
    with pytest.raises((StopIteration, rv.RavelerError)):
        next(kept[0])


def test_two_unconsumed_results_give_a_warning_each(engine: EngineUnderTest) -> None:
    with pytest.warns(Warning, match="(?i)consumed") as caught:
        leave_unconsumed(engine, [Source(), Source()], 1)
    assert len(caught) == 2


def test_consumed_results_give_no_warning(engine: EngineUnderTest) -> None:
    with rv.Runtime(workers=1, engine=engine.name) as rt:
        assert rt.map(work.double, range(5)).list() == [0, 2, 4, 6, 8]
        closed = rt.map(work.double, range(5))
        next(closed)
        closed.close()
