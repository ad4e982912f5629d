"""Rules of how a flow consumes its input: lazily, within its windows, by the thread that asks."""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    import raveler as rv
    from tests.conformance.conftest import RunLoop
    from tests.gate import Gatekeeper


def test_nothing_is_pulled_before_the_first_next(rt: rv.Runtime) -> None:
    source = Source(10)
    flow = rt.flow(source.items()).map(work.double).batch(2)
    assert source.pulled == 0
    results = iter(flow)
    assert source.pulled == 0
    assert next(results) == [0, 2]
    assert list(results) == [[4, 6], [8, 10], [12, 14], [16, 18]]


@pytest.mark.parametrize("window", [1, 4, 32])
@pytest.mark.parametrize("places", [["process"] * 3, ["thread"] * 3, ["process", "thread", "process"]])
def test_source_is_pulled_no_further_than_the_windows_allow(rt: rv.Runtime, window: int, places: list[Any]) -> None:
    source = Source()
    flow = rt.flow(source.items())
    for place in places:
        flow = flow.map(work.identity, on=place, window=window)
    for expected, value in zip(range(150), source.consumed(flow), strict=False):
        assert value == expected
    assert source.ahead <= len(places) * window


def test_dropped_items_make_room_for_others(rt: rv.Runtime) -> None:
    source = Source()
    flow = (
        rt.flow(source.items())
        .filter(lambda value: value % 100 == 99, window=4)
        .map(work.double, on="thread", window=4)
    )
    assert list(itertools.islice(flow, 3)) == [198, 398, 598]
    assert source.pulled <= 300 + 4 * 100 + 4


def test_batches_hold_no_more_than_the_windows_allow(rt: rv.Runtime) -> None:
    source = Source()
    flow = rt.flow(source.items()).map(work.identity, window=4).batch(5).map(sum, on="thread", window=3)
    for _ in itertools.islice(source.consumed(flow, weight=5), 40):
        pass
    assert source.ahead <= 4 + 5 + 3 * 5


@pytest.mark.parametrize("place", ["process", "thread"])
def test_parts_wait_in_the_flow_and_not_in_memory(rt: rv.Runtime, place: Any) -> None:
    source = Source()
    flow = rt.flow(source.items()).flat_map(lambda value: [value] * 100, on=place, window=2)
    results = iter(flow.map(work.identity, on="thread", window=4))
    assert [next(results) for _ in range(101)] == [0] * 100 + [1]
    assert source.pulled <= 2 + 2


def test_default_windows_are_bounded(rt: rv.Runtime) -> None:
    source = Source()
    results = iter(rt.flow(source.items()).map(work.double).filter(lambda _: True, on="thread").map(work.double))
    assert next(results) == 0
    assert source.pulled <= 3 * 100_000


def test_bytes_in_flight_are_bounded(rt: rv.Runtime) -> None:
    source = Source()
    megabyte = 1 << 20
    flow = rt.flow(bytes(megabyte) for _ in source.items()).map(work.identity, window_bytes=4 * megabyte)
    results = iter(flow.map(work.identity, window_bytes=4 * megabyte, on="thread"))
    assert [len(next(results)) for _ in range(20)] == [megabyte] * 20
    assert source.pulled - 20 <= 4 + 4 + 2


def test_default_bytes_in_flight_are_bounded(rt: rv.Runtime) -> None:
    source = Source()
    megabyte = 1 << 20
    results = iter(
        rt.flow(bytes(16 * megabyte) for _ in source.items()).map(len).map(work.identity, on="thread", window=4)
    )
    assert next(results) == 16 * megabyte
    assert source.pulled <= 64 + 4


@pytest.mark.needs("parallel")
def test_slow_stage_slows_the_source(rt: rv.Runtime, keeper: Gatekeeper) -> None:
    gate = keeper.gate
    source = Source(100)

    def slow(value: int) -> int:
        gate.pass_through()
        return value

    flow = rt.flow(source.items()).map(work.identity, window=8).map(slow, on="thread", window=2, concurrency=1)
    results = iter(flow)
    for index in range(20):
        thread = keeper.release_after(index + 1, 1)
        assert next(results) == index
        thread.join()
        assert source.pulled <= index + 1 + 8 + 2
    keeper.release(200)
    assert list(results) == list(range(20, 100))


@pytest.mark.needs("parallel")
def test_slow_sink_slows_the_source(rt: rv.Runtime) -> None:
    source = Source(300)

    def write(_: int) -> None:
        source.yielded += 1

    rt.flow(source.items()).map(work.double, window=8).to(write).run()
    assert source.yielded == 300
    assert source.ahead < 300


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("places", [("process", "thread"), ("thread", "process"), ("thread", "thread")])
def test_stages_run_at_the_same_time(rt: rv.Runtime, keeper: Gatekeeper, places: tuple[Any, Any]) -> None:
    gate = keeper.gate

    def first(value: int) -> int:
        if value == 1:
            gate.pass_through()
        return value

    def second(value: int) -> int:
        if value == 0:
            gate.pass_through()
        return value

    thread = keeper.release_after(2, 2)
    flow = rt.flow(range(2)).map(first, on=places[0]).map(second, on=places[1])
    assert flow.list() == [0, 1]
    thread.join()


def test_endless_source_works(rt: rv.Runtime) -> None:
    source = Source()
    flow = rt.flow(source.items()).map(work.double).map(work.identity, on="thread").batch(10)
    seen = []
    for batch in flow:
        seen.extend(batch)
        if len(seen) == 500:
            break
    assert seen == [2 * index for index in range(500)]


def test_leaving_the_loop_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    for value in rt.flow(source.items()).map(work.double, window=4).map(work.identity, on="thread", window=4):
        if value == 10:
            break
    assert source.closed


def test_leaving_an_async_loop_closes_the_source(rt: rv.Runtime, run_loop: RunLoop) -> None:
    source = Source()

    async def main() -> None:
        async for value in rt.flow(source.items()).map(work.double, window=4).map(work.identity, on="thread", window=4):
            if value == 10:
                break

    run_loop(main)
    assert source.closed


def test_closing_the_results_closes_the_source(rt: rv.Runtime) -> None:
    source = Source()
    results = rt.flow(source.items()).map(work.double, window=4).batch(3).results()
    assert next(results) == [0, 2, 4]
    results.close()
    results.close()
    assert source.closed
    with pytest.raises(StopIteration):
        next(results)


def test_results_can_be_closed_by_a_block(rt: rv.Runtime) -> None:
    source = Source()
    with rt.flow(source.items()).map(work.double, window=4).results() as results:
        assert next(results) == 0
    assert source.closed


@pytest.mark.parametrize("place", ["process", "thread"])
def test_error_closes_the_source(rt: rv.Runtime, place: Any) -> None:
    source = Source()
    with pytest.raises(ValueError, match="refused 5"):
        rt.flow(source.items()).map(work.identity, window=8).map(lambda value: work.fail_at(5, value), on=place).list()
    assert source.closed


def test_source_that_ended_is_closed(rt: rv.Runtime) -> None:
    source = Source(5)
    rt.flow(source.items()).map(work.double).list()
    assert source.closed


def test_source_is_pulled_only_by_the_thread_that_asks(rt: rv.Runtime) -> None:
    source = Source(200)
    flow = rt.flow(source.items()).map(work.double, window=10).map(work.identity, on="thread", window=10)
    assert len(flow.list()) == 200
    assert source.threads == {threading.get_ident()}


def test_source_of_an_awaited_flow_is_pulled_by_the_thread_of_the_loop(rt: rv.Runtime) -> None:
    source = Source(100)

    async def main() -> int:
        return len(await rt.flow(source.items()).map(work.double, window=10).map(work.identity, on="thread"))

    assert asyncio.run(main()) == 100
    assert source.threads == {threading.get_ident()}


def test_source_is_pulled_by_another_thread_when_that_one_asks(rt: rv.Runtime) -> None:
    source = Source(100)
    results = rt.flow(source.items()).map(work.double).map(work.identity, on="thread").results()
    thread = threading.Thread(target=results.list)
    thread.start()
    thread.join()
    assert source.threads == {thread.ident}


class Item:
    """Something whose life can be watched."""


def test_items_are_let_go_once_they_have_left(rt: rv.Runtime) -> None:
    alive: weakref.WeakSet[Item] = weakref.WeakSet()

    def source() -> Any:
        while True:
            item = Item()
            alive.add(item)
            yield item
            del item

    flow = (
        rt.flow(source())
        .map(work.identity, on="thread", window=4)
        .batch(2)
        .flat_map(work.identity, on="thread", window=4)
    )
    for item in itertools.islice(flow, 300):
        assert isinstance(item, Item)
        assert len(alive) <= 4 + 4 * 2 + 2 * 2 + 2
