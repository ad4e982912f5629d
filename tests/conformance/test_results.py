"""Rules of ``Results``: an iterator, an async iterator, and its collectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.conftest import RunLoop


def test_map_returns_results(rt: rv.Runtime) -> None:
    results = rt.map(work.double, range(3))
    assert isinstance(results, rv.Results)
    assert isinstance(results, Iterator)
    assert isinstance(results, AsyncIterator)
    assert iter(results) is results
    assert results.list() == [0, 2, 4]


def test_list_collects_what_is_left(rt: rv.Runtime) -> None:
    results = rt.map(work.double, range(5))
    assert next(results) == 0
    assert results.list() == [2, 4, 6, 8]
    assert results.list() == []


def test_for_each_calls_the_function_in_order_in_this_process(rt: rv.Runtime) -> None:
    seen: list[int] = []
    rt.map(work.double, range(20)).for_each(seen.append)
    assert seen == [2 * index for index in range(20)]


def test_error_of_the_function_of_for_each_stops_it(rt: rv.Runtime) -> None:
    results = rt.map(work.double, range(20))
    with pytest.raises(ValueError, match="refused 0"):
        results.for_each(work.fail)
    results.close()


def test_close_twice_is_harmless(rt: rv.Runtime) -> None:
    results = rt.map(work.double, range(5))
    results.close()
    results.close()


def test_async_iteration_yields_in_order(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> list[int]:
        return [value async for value in rt.map(work.double, range(50))]

    assert run_loop(main) == [2 * index for index in range(50)]


def test_await_collects(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> list[int]:
        return await rt.map(work.double, range(50))

    assert run_loop(main) == [2 * index for index in range(50)]


def test_await_raises_the_error_of_the_lowest_index(rt: rv.Runtime, run_loop: RunLoop) -> None:
    async def main() -> None:
        await rt.map(work.fail_if_odd, range(50), chunk=1)

    with pytest.raises(ValueError, match=r"refused 1$"):
        run_loop(main)


def test_async_iteration_raises_after_the_items_below_the_error(rt: rv.Runtime, run_loop: RunLoop) -> None:
    seen: list[int] = []

    async def main() -> None:
        async for value in rt.map(work.fail_at, [3] * 9, range(9)):
            seen.append(value)  # noqa: PERF401 - keeps what came before the error

    with pytest.raises(ValueError, match="refused 3"):
        run_loop(main)
    assert seen == [0, 1, 2]


@pytest.mark.needs("parallel")
def test_loop_goes_on_during_async_iteration(rt: rv.Runtime) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def main() -> list[int]:
        ticker = asyncio.create_task(tick())
        values = [value async for value in rt.map(work.sleep_for, [0.02] * 6, range(6), chunk=1)]
        ticker.cancel()
        return values

    assert asyncio.run(main()) == list(range(6))
    assert ticks > 6


def test_two_async_iterations_run_side_by_side(rt: rv.Runtime) -> None:
    async def main() -> list[list[int]]:
        async def consume(count: int) -> list[int]:
            return [value async for value in rt.map(work.double, range(count))]

        return list(await asyncio.gather(consume(20), consume(30)))

    assert asyncio.run(main()) == [[2 * index for index in range(count)] for count in (20, 30)]


def test_async_iteration_pulls_lazily(rt: rv.Runtime, run_loop: RunLoop) -> None:
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for index in range(10_000):
            pulled.append(index)
            yield index

    async def main() -> None:
        results = rt.map(work.double, source(), window=5)
        assert await anext(results) == 0
        assert len(pulled) <= 6
        results.close()

    run_loop(main)


def test_coroutines_mapped_on_the_callers_loop_can_be_awaited(engine: Any) -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    async def main() -> list[int]:
        async with rv.Runtime(workers=1, engine=engine.name) as runtime:
            return await runtime.map(later, range(20))

    assert asyncio.run(main()) == list(range(1, 21))
