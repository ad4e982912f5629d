"""Workers are killed at random moments while tasks run: nothing is lost, nothing comes twice, nothing is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import census
from tests.faults.massacre import massacre
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

SHORT_KILLS = 200


@pytest.mark.timeout(120)
def test_two_hundred_kills_lose_nothing() -> None:
    report = massacre(kills=SHORT_KILLS, items=20_000, seed=int(os.environ.get("RAVELER_TEST_SEED", "1")))
    assert report.kills >= SHORT_KILLS
    assert report.wrong == []
    assert report.yielded == report.items


def test_kills_without_retries_cost_only_the_tasks_that_were_hit() -> None:
    report = massacre(kills=30, items=5_000, seed=2, retries=0)
    assert report.wrong == []
    assert report.yielded == report.items
    assert report.failed <= report.kills


def test_kills_leave_no_memory_behind(tmp_path: Path) -> None:
    source = """
        from tests import census
        from tests.faults.massacre import massacre
        import os
        massacre(kills=20, items=2000, seed=3)
        before = census.resident_bytes(os.getpid())
        massacre(kills=100, items=10_000, seed=4)
        print("grown", census.resident_bytes(os.getpid()) - before)
    """
    with running(source, folder=tmp_path) as script:
        grown = int(script.end(goal_s=5).check().out.split()[-1])
    assert grown < 16 << 20
    assert census.marked(script.mark) == {}
