"""Reports as flows would make them, for tests of what is shown."""

from __future__ import annotations

from typing import Any

from raveler._core.flow_report import FlowReport, StageReport


def stage(name: str = "map work", place: str = "process", items: int = 100, **measured: Any) -> StageReport:
    """Return a stage that every item went through, with what else was measured; nothing else was."""
    nothing: dict[str, Any] = {
        "items_in": items, "items_out": items, "in_flight": 0, "running": 0, "errors": 0, "skipped": 0, "capacity": 1,
        "busy": 0.0, "input": 0.0, "room": 0.0, "limit": 0.0, "occupied": 0.0, "bytes": 0,
    }  # fmt: skip
    return StageReport(name=name, place=place, **(nothing | measured))


def loaded(name: str, place: str, capacity: int, load: float, *, seconds: float = 10.0, **measured: Any) -> StageReport:
    """Return a stage that used that share of its capacity."""
    used: dict[str, Any] = {"capacity": capacity, "occupied": load * capacity * seconds, "busy": load * seconds}
    return stage(name, place, **(used | measured))


def flow(
    *stages: StageReport,
    seconds: float = 10.0,
    total: int | None = 100,
    away: float = 0.0,
    pulling: float = 0.0,
    cores: int = 2,
) -> FlowReport:
    """Return the report of a flow."""
    return FlowReport(seconds, stages, total, away, pulling, cores)


def index_of(done: int, seconds: float, total: int | None = 1600) -> FlowReport:
    """Return the report of a flow that makes an index, while it runs: fetch, parse, rows, batches, a table."""
    batches = done // 10
    return flow(
        loaded(
            "fetch", "native", 64, 0.15,
            seconds=seconds, items=done + 140, items_out=done + 76, in_flight=64, running=10, room=seconds * 0.8,
            bytes=done * 20_000,
        ),
        loaded(
            "flat_map parse", "process", 2, 0.97,
            seconds=seconds, items=done + 76, items_out=done - 2, in_flight=76, running=2, errors=2, skipped=2,
        ),
        loaded("to table words", "thread", 1, 0.12, seconds=seconds, items=batches, input=seconds * 0.88),
        seconds=seconds, total=total,
    )  # fmt: skip
