"""Rules of where a flow can run: in tasks of every place, in its own stages, on threads, in fresh runtimes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime
    from tests.conformance.engines import EngineUnderTest

pytestmark = pytest.mark.usefixtures("default_runtime")


def inner(count: int) -> list[list[int]]:
    """Run a flow on the default runtime, wherever this is called."""
    return rv.flow(range(count)).map(work.double).filter(bool, on="thread").map(work.identity).batch(3).list()


async def inner_later(count: int) -> list[list[int]]:
    """Run a flow on the default runtime and await it."""
    return await rv.flow(range(count)).map(work.double).filter(bool).map(work.identity).batch(3)


EXPECTED = [[2, 4, 6], [8, 10, 12], [14]]


def test_flow_in_a_process_task(rt: rv.Runtime) -> None:
    assert rt.submit(inner, 8).result() == EXPECTED
    assert rt.map(inner, [8] * 6, chunk=1).list() == [EXPECTED] * 6


def test_flow_in_a_thread_task(rt: rv.Runtime) -> None:
    assert rt.options(on="thread").submit(inner, 8).result() == EXPECTED


def test_flow_in_a_thread_task_on_the_same_runtime(rt: rv.Runtime) -> None:
    def same() -> list[int]:
        return rt.flow(range(20)).map(work.double).map(work.identity, on="thread").list()

    tasks = [rt.options(on="thread").submit(same) for _ in range(4)]
    assert [task.result() for task in tasks] == [[2 * index for index in range(20)]] * 4


def test_flow_in_a_coroutine_task(rt: rv.Runtime) -> None:
    assert rt.submit(inner_later, 8).result() == EXPECTED


@pytest.mark.parametrize("place", ["process", "thread"])
def test_flow_in_a_stage_of_a_flow(rt: rv.Runtime, place: Any) -> None:
    flow = rt.flow([8] * 5).map(work.identity).flat_map(inner, on=place).map(len)
    assert flow.list() == [3, 3, 1] * 5


def test_flow_in_a_coroutine_stage_of_a_flow(rt: rv.Runtime) -> None:
    assert rt.flow([8] * 5).flat_map(inner_later).map(len).list() == [3, 3, 1] * 5


def test_flow_as_the_source_of_a_flow(rt: rv.Runtime) -> None:
    source = Source(30)
    first = rt.flow(source.items()).map(work.double, window=4)
    assert rt.flow(first).map(work.double, window=4).list() == [4 * index for index in range(30)]
    assert source.closed


def test_leaving_a_flow_closes_the_flow_that_is_its_source(rt: rv.Runtime) -> None:
    source = Source()
    first = rt.flow(source.items()).map(work.double, window=4)
    for value in rt.flow(first).map(work.double, window=4):
        if value == 40:
            break
    assert source.closed


def test_flow_inside_a_task_that_fails_gives_its_error(rt: rv.Runtime) -> None:
    def broken(_: int) -> list[int]:
        return rv.flow(range(8)).map(work.identity).map(lambda value: work.fail_at(5, value)).list()

    with pytest.raises(ValueError, match="refused 5"):
        rt.submit(broken, 1).result()


def test_flows_on_several_threads_do_not_mix(rt: rv.Runtime) -> None:
    found: dict[int, list[int]] = {}

    def consume(number: int) -> None:
        flow = rt.flow(range(60)).map(work.identity).map(lambda value: value * number, on="thread").map(work.double)
        found[number] = flow.list()

    threads = [threading.Thread(target=consume, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [2 * number * value for value in range(60)] for number in range(1, 5)}


def test_results_can_go_from_one_thread_to_another(rt: rv.Runtime) -> None:
    results = rt.flow(range(40)).map(work.double).map(work.identity, on="thread").results()
    first = [next(results) for _ in range(10)]
    rest: list[int] = []
    thread = threading.Thread(target=lambda: rest.extend(results))
    thread.start()
    thread.join()
    assert first + rest == [2 * index for index in range(40)]


def test_map_and_flow_can_be_consumed_side_by_side(rt: rv.Runtime) -> None:
    flow = rt.flow(range(80)).map(work.double).map(work.identity, on="thread")
    pairs = zip(flow, rt.map(work.identity, range(80)), strict=True)
    assert list(pairs) == [(2 * index, index) for index in range(80)]


def test_async_runtime_runs_flows(engine: EngineUnderTest) -> None:
    async def main() -> list[list[int]]:
        async with rv.Runtime(workers=2, engine=engine.name) as runtime:
            flows = [runtime.flow(range(30)).map(work.double).map(work.identity, on="thread") for _ in range(3)]
            return list(await asyncio.gather(*(asyncio.ensure_future(collect(flow)) for flow in flows)))

    async def collect(flow: Any) -> list[int]:
        return [value async for value in flow]

    assert asyncio.run(main()) == [[2 * index for index in range(30)]] * 3


def test_flow_of_a_closed_runtime_is_refused(new_runtime: NewRuntime) -> None:
    rt = new_runtime()
    flow = rt.flow(range(3)).map(work.double)
    rt.close()
    with pytest.raises(rv.RuntimeClosed):
        flow.list()
