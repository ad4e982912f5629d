"""The event loops under which a task can be awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run ``main`` under the standard loop."""

    async def start() -> Any:
        return await main()

    return asyncio.run(start())


def run_uvloop(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run ``main`` under uvloop."""
    uvloop = pytest.importorskip("uvloop")

    async def start() -> Any:
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(start())


def run_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run ``main`` under trio."""
    return pytest.importorskip("trio").run(main)


LOOPS = {"asyncio": run_asyncio, "uvloop": run_uvloop, "trio": run_trio}
ASYNCIO_LOOPS = ("asyncio", "uvloop")
