"""Rules of how a flow is consumed: iterated, awaited, collected, run into a sink."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from tests.conformance.conftest import RunLoop
    from tests.conformance.engines import EngineUnderTest

EVENS = [2 * index for index in range(40)]


def test_flow_can_be_iterated(rt: rv.Runtime) -> None:
    assert list(rt.flow(range(40)).map(work.double)) == EVENS


def test_results_are_an_iterator_and_an_async_iterator(rt: rv.Runtime) -> None:
    results = rt.flow(range(40)).map(work.double).results()
    assert isinstance(results, rv.Results)
    assert isinstance(results, Iterator)
    assert isinstance(results, AsyncIterator)
    assert next(results) == 0
    assert results.list() == EVENS[1:]
    assert results.list() == []


def test_flow_can_be_iterated_by_a_loop(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> list[int]:
        return [value async for value in rt.flow(range(40)).map(work.double).filter(bool, on="thread")]

    assert run_loop(main) == EVENS[1:]


def test_await_collects(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> list[list[int]]:
        return await rt.flow(range(5)).map(work.double).batch(2)

    assert run_loop(main) == [[0, 2], [4, 6], [8]]


def test_await_raises_the_error_of_the_lowest_item(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> None:
        await rt.flow(range(50)).map(work.identity, on="thread").map(work.fail_if_odd)

    with pytest.raises(ValueError, match=r"(?m)refused 1$"):
        run_loop(main)


def test_async_iteration_raises_after_the_items_before_the_error(rt: rv.Runtime, run_loop: RunLoop) -> None:
    seen: list[int] = []

    async def main() -> None:
        flow = rt.flow(range(9)).map(work.identity).map(lambda value: work.fail_at(3, value), on="thread")
        async for value in flow:
            seen.append(value)  # noqa: PERF401 - keeps what came before the error

    with pytest.raises(ValueError, match="refused 3"):
        run_loop(main)
    assert seen == [0, 1, 2]


@pytest.mark.needs("parallel")
def test_loop_goes_on_during_async_iteration(rt: rv.Runtime) -> None:
    met = threading.Event()

    def wait(value: int) -> int:
        met.wait()
        return value

    async def main() -> list[int]:
        async def consume() -> list[int]:
            return [value async for value in rt.flow(range(3)).map(wait, on="thread").map(work.double)]

        consumer = asyncio.create_task(consume())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not consumer.done()
        met.set()
        return await consumer

    assert asyncio.run(main()) == [0, 2, 4]


def test_two_async_iterations_run_side_by_side(rt: rv.Runtime) -> None:
    async def main() -> list[list[int]]:
        async def consume(count: int) -> list[int]:
            return [value async for value in rt.flow(range(count)).map(work.double).map(work.identity, on="thread")]

        return list(await asyncio.gather(consume(20), consume(30)))

    assert asyncio.run(main()) == [EVENS[:20], EVENS[:30]]


@pytest.mark.needs("parallel")
def test_cancelling_the_awaiter_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    hang, here = threading.Event(), threading.Event()

    def wait(value: int) -> int:
        here.set()
        hang.wait()
        return value

    async def main() -> None:
        async def consume() -> list[int]:
            return await rt.flow(source.items()).map(wait, on="thread", window=4)

        consumer = asyncio.create_task(consume())
        await asyncio.to_thread(here.wait)
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer

    asyncio.run(main())
    hang.set()
    assert source.closed


def test_coroutine_stage_can_run_on_the_callers_loop(engine: EngineUnderTest) -> None:
    async def where(_: int) -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    async def main() -> set[int]:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            return set(await runtime.flow(range(5)).map(where))

    assert asyncio.run(main()) == {threading.get_ident()}


def test_sync_iteration_inside_a_loop_works_where_the_loop_is_not_needed(rt: rv.Runtime) -> None:
    async def main() -> list[int]:
        await asyncio.sleep(0)
        return rt.flow(range(40)).map(work.double).map(work.identity, on="thread").list()

    assert asyncio.run(main()) == EVENS


def test_flow_that_was_never_consumed_is_silent(rt: rv.Runtime) -> None:
    source = Source()
    rt.flow(source.items()).map(work.double)
    assert source.pulled == 0


def test_results_unconsumed_at_the_end_of_the_block_are_closed_with_one_warning(engine: EngineUnderTest) -> None:
    source = Source()

    def leave() -> Any:
        with rv.Runtime(workers=1, engine=engine.name) as runtime:
            results = iter(runtime.flow(source.items()).map(work.double, window=4).map(work.identity, on="thread"))
            next(results)
            return results

    with pytest.warns(Warning, match="(?i)consumed") as caught:
        kept = leave()
    assert len(caught) == 1
    assert source.closed
    with pytest.raises((StopIteration, rv.RavelerError)):
        next(kept)


@pytest.mark.usefixtures("default_runtime")
def test_flow_on_the_default_runtime() -> None:
    assert rv.flow(range(3)).map(work.double).list() == [0, 2, 4]


def test_sink_may_be_any_callable(rt: rv.Runtime) -> None:
    seen: list[int] = []
    rt.flow(range(40)).map(work.double).to(seen.append).run()
    assert seen == EVENS


def test_sink_after_a_batch_stage_gets_those_batches(rt: rv.Runtime) -> None:
    seen: list[list[int]] = []
    rt.flow(range(5)).map(work.double).batch(2).to(seen.append).run()
    assert seen == [[0, 2], [4, 6], [8]]


def test_sink_with_a_batch_size_gets_batches(rt: rv.Runtime) -> None:
    seen: list[list[int]] = []
    rt.flow(range(5)).map(work.double).to(seen.append, batch=3).run()
    assert [list(batch) for batch in seen] == [[0, 2, 4], [6, 8]]


def test_sink_object_is_closed_whatever_happens(rt: rv.Runtime) -> None:
    class Sink:
        closed = 0

        def __init__(self) -> None:
            self.seen: list[int] = []

        def write(self, batch: list[int]) -> None:
            self.seen.extend(batch)

        def close(self) -> None:
            self.closed += 1

    well, ill = Sink(), Sink()
    rt.flow(range(5)).map(work.double).to(well).run()
    assert (well.seen, well.closed) == ([0, 2, 4, 6, 8], 1)
    with pytest.raises(ValueError, match="refused 3"):
        rt.flow(range(5)).map(lambda value: work.fail_at(3, value)).batch(1).to(ill).run()
    assert ill.closed == 1


def test_sink_gets_what_stands_before_a_failing_item(rt: rv.Runtime) -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="refused 7"):
        rt.flow(range(20)).map(lambda value: work.fail_at(7, value)).to(seen.append).run()
    assert seen == list(range(7))


def test_error_of_the_sink_is_raised_and_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    seen: list[int] = []

    def write(value: int) -> None:
        seen.append(work.fail_at(5, value))

    with pytest.raises(ValueError, match="refused 5"):
        rt.flow(source.items()).map(work.identity, window=4).to(write).run()
    assert seen == list(range(5))
    assert source.closed


def test_sink_is_called_by_one_thread_at_a_time(rt: rv.Runtime) -> None:
    inside = threading.Lock()
    seen: list[int] = []

    def write(value: int) -> None:
        assert inside.acquire(blocking=False)
        seen.append(value)
        inside.release()

    rt.flow(range(200)).map(work.identity, on="thread").to(write).run()
    assert seen == list(range(200))


def test_stage_after_a_sink_is_refused(rt: rv.Runtime) -> None:
    flow: Any = rt.flow(range(3)).to(print)
    for verb in ("map", "filter", "flat_map"):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            getattr(flow, verb)(work.double)


def test_run_without_a_sink_drains(rt: rv.Runtime) -> None:
    source = Source(20)
    rt.flow(source.items()).map(work.double).run()
    assert source.pulled == 20
    assert source.closed


def test_run_returns_a_report_of_its_stages(rt: rv.Runtime) -> None:
    flow = rt.flow(range(40)).map(work.double).filter(lambda value: value % 4 == 0, on="thread")
    report = flow.map(work.fail_if_odd, errors="skip").batch(3).to(lambda _: None).run()
    assert report.seconds > 0
    assert isinstance(report.bottleneck, str)
    names = " | ".join(stage.name for stage in report.stages)
    assert "double" in names
    assert "fail_if_odd" in names
    assert str(report)


def test_report_counts_what_came_in_and_went_out(rt: rv.Runtime) -> None:
    flow = rt.flow(range(40)).map(work.identity).filter(lambda value: value < 30, on="thread")
    flow = flow.map(work.fail_if_odd, errors="skip").map(work.fail_if_odd, on="thread", errors="return")
    report = flow.to(lambda _: None).run()
    counts = [(stage.items_in, stage.items_out, stage.skipped) for stage in report.stages]
    for expected in [(40, 40, 0), (30, 15, 15), (15, 15, 0)]:
        assert expected in counts
    assert any((stage.items_in, stage.items_out) == (40, 30) for stage in report.stages)
