"""Rules of progress and report over flows that really run: what is measured leads to the right words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work
from tests.deadline import let_pass
from tests.flow.terminal import Emulated, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raveler._core.flow_report import FlowReport


def take_long(item: int) -> int:
    """Return the item after a time in which nothing is computed."""
    let_pass(0.02)
    return item


def slowly(items: int) -> Iterator[int]:
    """Give items with a time between them."""
    for item in range(items):
        let_pass(0.02)
        yield item


@pytest.fixture(name="rt")
def _rt() -> Iterator[rv.Runtime]:
    with rv.Runtime(workers=1, limits={"api": 2}) as rt:
        yield rt


def test_report_counts_what_went_through_each_stage(rt: rv.Runtime) -> None:
    def parse(item: int) -> int:
        return 12 // (item % 10)

    report = rt.flow(range(100)).map(parse, errors="skip").batch(7).map(len, on="thread").run()
    first, second = report.stages
    assert (report.items, report.total) == (100, 100)
    assert (first.items_in, first.items_out, first.errors, first.skipped, first.in_flight) == (100, 90, 10, 10, 0)
    assert (second.items_in, second.items_out) == (13, 13)
    assert (first.place, second.place) == ("process", "thread")
    assert report.seconds > 0


def test_slow_stage_of_threads_is_the_bottleneck(rt: rv.Runtime) -> None:
    flow = rt.flow(range(50)).map(work.double, on="thread").map(take_long, on="thread", concurrency=2)
    report = flow.map(work.double, on="thread").run()
    assert report.held_up_by.stage == 1, str(report)


def test_slow_stage_in_processes_is_the_bottleneck(rt: rv.Runtime) -> None:
    report = rt.flow(range(50)).map(work.double, on="thread").map(take_long).run()
    assert report.held_up_by.stage == 1, str(report)
    assert "its worker was busy" in report.bottleneck


def test_slow_sink_is_the_bottleneck(rt: rv.Runtime) -> None:
    report = rt.flow(range(50)).map(work.double, on="thread").to(take_long).run()
    assert report.held_up_by.stage == 1, str(report)
    assert "A larger batch" in report.bottleneck


def test_limit_is_the_bottleneck(rt: rv.Runtime) -> None:
    report = rt.flow(range(50)).map(take_long, on="thread", concurrency=16, limit="api").run()
    assert "waited for its limit" in report.bottleneck, str(report)


def test_slow_source_is_the_bottleneck(rt: rv.Runtime) -> None:
    report = rt.flow(slowly(50)).map(work.double, on="thread").run()
    assert report.held_up_by.name == "the source", str(report)
    assert report.total is None


def test_slow_consumer_is_the_bottleneck(rt: rv.Runtime) -> None:
    told: list[FlowReport] = []
    for _ in rt.flow(range(50)).map(work.double, on="thread", concurrency=4).results(progress=told.append):
        let_pass(0.02)
    assert told[-1].held_up_by.name == "the consumer", str(told[-1])


def test_function_is_told_how_far_the_flow_is(rt: rv.Runtime) -> None:
    told: list[FlowReport] = []
    report = rt.flow(range(40)).map(take_long).run(progress=told.append)
    assert [each.seconds for each in told] == sorted(each.seconds for each in told)
    assert [each.stages[0].finished for each in told] == sorted(each.stages[0].finished for each in told)
    assert told[-1].stages[0].finished == 40
    assert all(each.total == 40 for each in told)
    assert 3 <= len(told) <= report.seconds * 10 + 2


def test_function_that_fails_ends_the_flow(rt: rv.Runtime) -> None:
    def tell(_report: FlowReport) -> None:
        raise LookupError("told")

    with pytest.raises(LookupError, match="told"):
        rt.flow(range(40)).map(take_long).run(progress=tell)


def test_failing_flow_shows_how_far_it_came(rt: rv.Runtime) -> None:
    told: list[FlowReport] = []
    with pytest.raises(ZeroDivisionError):
        rt.flow([3, 2, 1, 0]).map(lambda item: 6 // item).run(progress=told.append)
    assert told[-1].stages[0].errors == 1


SCRIPT = """
    import sys
    import raveler as rv
    from tests.flow.test_progress_flow import slowly, take_long
    with rv.Runtime(workers=1) as rt:
        flow = rt.flow(range(40)).map(take_long).batch(4).map(len, on="thread")
        print(sum(flow.list(progress=True)))
"""


def test_panel_of_a_real_flow_is_drawn_and_left() -> None:
    with on_terminal(SCRIPT, columns=90) as session:
        terminal = Emulated(90, 24)
        assert session.process.communicate(timeout=30)[0] == b"40\n"
        terminal.feed(session.read())
    headline, titles, first, second = terminal.shown
    assert headline.startswith("0:0")
    assert "100 %" in headline
    assert "bottleneck: map take_long" in headline
    assert "done" in titles
    assert "▶ map take_long" in first
    assert "40/40" in first
    assert "map len" in second
    assert terminal.wrapped == 0
