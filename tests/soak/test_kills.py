"""Ten thousand kills during a million tasks and more."""

from __future__ import annotations

import os

import pytest

from tests import census
from tests.faults.massacre import massacre

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800), pytest.mark.usefixtures("no_leaks")]

KILLS = int(os.environ.get("RAVELER_SOAK_KILLS", "10000"))


def test_ten_thousand_kills_lose_nothing() -> None:
    massacre(kills=100, items=10_000, seed=1)
    before = census.resident_bytes(os.getpid())
    report = massacre(kills=KILLS, items=1_000_000, seed=2)
    assert report.kills >= KILLS
    assert report.items >= 1_000_000
    assert report.wrong == []
    assert report.yielded == report.items
    assert census.resident_bytes(os.getpid()) - before < 64 << 20


def test_kills_without_retries_cost_only_the_tasks_that_were_hit() -> None:
    report = massacre(kills=KILLS // 10, items=200_000, seed=3, retries=0)
    assert report.wrong == []
    assert report.yielded == report.items
    assert report.failed <= report.kills
