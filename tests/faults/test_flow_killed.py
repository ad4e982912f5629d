"""The process of a flow is killed at random moments and started again: the sink ends as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import flow_runs

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 10
IN_FLIGHT = 4 * flow_runs.WINDOW + flow_runs.BATCH + 32


@pytest.mark.parametrize("seed", range(5))
def test_flow_into_a_table_goes_on_after_ten_kills(tmp_path: Path, seed: int) -> None:
    flow_runs.disturbed("table", tmp_path, KILLS, seed)
    assert flow_runs.TableSink(tmp_path).content() == flow_runs.expected()


@pytest.mark.parametrize("seed", range(2))
def test_flow_into_a_file_goes_on_after_ten_kills(tmp_path: Path, seed: int) -> None:
    flow_runs.disturbed("file", tmp_path, KILLS, seed)
    assert flow_runs.FileSink(tmp_path).content() == flow_runs.expected()


@pytest.mark.parametrize("kind", flow_runs.SINKS)
def test_kill_costs_at_most_the_items_in_flight(tmp_path: Path, kind: str) -> None:
    kills = 4
    flow_runs.disturbed(kind, tmp_path, kills, seed=9)
    computed = flow_runs.computed(tmp_path)
    assert set(computed) == set(range(flow_runs.ITEMS))
    assert len(computed) <= flow_runs.ITEMS + kills * IN_FLIGHT


@pytest.mark.parametrize("kind", flow_runs.SINKS)
def test_flow_that_had_ended_does_nothing_again(tmp_path: Path, kind: str) -> None:
    for _ in range(2):
        assert flow_runs.once(kind, tmp_path, flow_runs.LAST, 0.0) == 0
    assert flow_runs.SINKS[kind](tmp_path).content() == flow_runs.expected()
    assert sorted(flow_runs.computed(tmp_path)) == list(range(flow_runs.ITEMS))
