"""Markers, the leak check and the fixtures that every part of the suite shares."""

from __future__ import annotations

import functools
import gc
import os
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from tests import census
from tests.census import Census
from tests.deadline import eventually
from tests.gate import Gatekeeper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers, let workers import this suite, and mark this process so that orphans of its tests are found."""
    sys.path.insert(0, str(config.rootpath))
    config.addinivalue_line("markers", "needs(*capabilities): skip engines that lack one of them")
    config.addinivalue_line("markers", "soak: runs for minutes; only with -m soak")
    os.environ[census.MARK] = uuid.uuid4().hex


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave soak tests out unless they are asked for."""
    if "soak" in str(config.getoption("markexpr")):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in soak]
    if soak:
        config.hook.pytest_deselected(items=soak)


SETTLED: list[Census] = []
"""What the runtimes that outlive a test hold when all their workers are there."""


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, a descriptor or a name in shared memory behind.

    The end of a test may come while a worker is being replaced; what a runtime held when it was warm is no leak.
    """
    before = functools.reduce(Census.joined, SETTLED, Census.take())
    yield
    request.node.funcargs.clear()  # or the test itself would keep alive what it was given
    if not Census.take().excess(before):
        return
    gc.collect()
    try:
        eventually(lambda: not Census.take().excess(before), goal_s=0.5)
    except AssertionError:
        pytest.fail("left behind: " + "; ".join(Census.take().excess(before)))


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Gatekeeper]:
    """Give a gate that holds tasks until the test lets them pass."""
    gatekeeper = Gatekeeper(tmp_path / "gate")
    yield gatekeeper
    gatekeeper.close()


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Give the path of a log that tasks of any process may append to."""
    return str(tmp_path / "log")
