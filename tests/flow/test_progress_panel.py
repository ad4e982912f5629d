"""Rules of the panel: what its lines say, how they fit, and whom it tells."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import pytest

from raveler._core.columns import cut, width_of_line
from raveler._core.flow_panel import Panel, StagePanel, panel
from raveler._core.progress import Bar, Beat, meter
from raveler._core.screen import Screen
from tests.flow.reports import flow, index_of, loaded, stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raveler._core.columns import Line
    from raveler._core.flow_report import FlowReport


class Kept(Screen):
    """A screen that keeps what was drawn last."""

    def __init__(self, width: int = 100, *, is_plain: bool = False) -> None:
        self._width = width
        self.is_plain = is_plain
        self.drawn: list[str] = []
        self.ended = False

    @property
    def width(self) -> int:
        return self._width

    def show(self, lines: Sequence[Line]) -> None:
        self.drawn = ["".join(span.text for span in cut(line, self._width)) for line in lines]

    def end(self, lines: Sequence[Line]) -> None:
        self.show(lines)
        self.ended = True


def drawn(report: FlowReport, width: int = 100, *, is_plain: bool = False) -> list[str]:
    screen = Kept(width, is_plain=is_plain)
    StagePanel(screen).update(report)
    return screen.drawn


def test_panel_has_one_line_a_stage() -> None:
    assert drawn(index_of(1024, 12.2)) == [
        "0:12  64 %  0:06 left  bottleneck: flat_map parse",
        "                                            done   speed  in flight  busy  left",
        "  fetch           ━━━━━━━━━━━╸─────  1,100/1,600    90/s         64  15 %  0:05",
        "▶ flat_map parse  ━━━━━━━━━━╸──────  1,024/1,600    84/s         76  97 %  0:06  2 errors, 2 skipped",
        "  to table words  ━━━━━━━━━━╸──────          102  8.36/s          0  12 %  0:06",
    ]


def test_panel_does_without_a_known_total() -> None:
    lines = drawn(index_of(1024, 12.2, total=None))
    assert lines[0] == "0:12  bottleneck: flat_map parse"
    assert "1,024 " in lines[3]
    assert not any("━" in line or "left" in line for line in lines)


def test_last_panel_tells_the_whole_run() -> None:
    screen = Kept()
    shown = StagePanel(screen)
    for second in range(1, 19):
        shown.update(index_of(84 * second, float(second)))
    shown.finish(index_of(1600, 19.0))
    assert screen.ended
    assert screen.drawn[0] == "0:19  100 %  bottleneck: flat_map parse"
    assert "in flight" not in screen.drawn[1]
    assert "left" not in screen.drawn[1]


def test_speed_and_bottleneck_are_those_of_the_last_seconds() -> None:
    screen = Kept()
    shown = StagePanel(screen)

    def report(seconds: float, first: float, second: float) -> FlowReport:
        return flow(
            loaded("fetch", "native", 1, 1.0, seconds=first, items=int(10 * seconds)),
            loaded("map work", "process", 1, 1.0, seconds=second, items=int(10 * seconds)),
            seconds=seconds, total=None,
        )  # fmt: skip

    for tenth in range(1, 101):
        shown.update(report(tenth / 10, tenth / 10, tenth / 100))
    assert screen.drawn[0].endswith("bottleneck: fetch")
    for tenth in range(1, 101):
        shown.update(report(10 + tenth / 10, 10 + tenth / 100, 1 + tenth / 10))
    assert screen.drawn[0].endswith("bottleneck: map work")
    assert "10/s" in screen.drawn[2]


def test_no_bottleneck_is_told_in_the_first_second() -> None:
    assert "bottleneck" not in drawn(index_of(50, 0.6))[0]
    assert "left" not in drawn(index_of(50, 0.6))[0]


def test_bottleneck_that_is_no_stage_is_told_in_the_headline() -> None:
    lines = drawn(flow(loaded("fetch", "native", 64, 0.1), pulling=9.0, total=None))
    assert lines[0] == "0:10  bottleneck: the source"
    assert not any("▶" in line for line in lines)


def test_totals_behind_a_stage_that_changes_their_number_are_only_estimated() -> None:
    lines = drawn(
        flow(
            stage("filter bool", items=50, items_out=25, skipped=25),
            stage("map work", items=25, items_out=20, in_flight=5),
            stage("to table words", items=4),
        )
    )
    assert "50/100" in lines[2]
    assert "25 skipped" in lines[2]
    assert "20 " in lines[3]
    assert "/" not in lines[3].replace("/s", "").replace("/min", "")
    assert lines[0].startswith("0:10  40 %"), "4 batches of 20 items; 50 items and so 10 batches are to come"


@pytest.mark.parametrize("width", [1, 5, 20, 39, 40, 59, 60, 79, 80, 99, 100, 200])
@pytest.mark.parametrize("total", [1600, None])
def test_lines_fit_whatever_the_width(width: int, total: int | None) -> None:
    for report in (index_of(1024, 12.2, total), flow(loaded("map " + "語" * 60, "process", 2, 0.9), stage("é" * 40))):
        screen = Kept(width)
        shown = StagePanel(screen)
        for line in shown.lines(report):
            assert width_of_line(cut(line, width)) <= width
        shown.update(report)
        assert len(screen.drawn) >= len(report.stages) + 1


def test_what_matters_least_goes_first_where_there_is_no_room() -> None:
    wide, usual, narrow = (" ".join(drawn(index_of(1024, 12.2), width)) for width in (100, 79, 53))
    assert "in flight" in wide
    assert "━" in usual
    assert "2 errors" in usual
    assert "1,024/1,600" in narrow
    assert "2 errors" in narrow
    assert "busy" not in narrow


def test_plain_screens_get_ascii() -> None:
    lines = drawn(index_of(1024, 12.2), is_plain=True)
    assert all(line.isascii() for line in lines)
    assert lines[3].startswith("> flat_map parse  ####")


def test_names_command_no_terminal() -> None:
    lines = drawn(flow(loaded("map \x1b[2J\nwork", "process", 2, 0.9)))
    assert not any("\x1b" in line or "\n" in line for line in lines)


def test_function_is_told_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[FlowReport] = []
    shown = panel(told.append)
    assert type(shown) is Panel
    moments = iter([0.0, 0.05, 0.09, 0.11, 0.2, 0.3])
    monkeypatch.setattr("raveler._core.progress.monotonic", lambda: next(moments))
    assert [shown.due() for _ in range(6)] == [True, False, False, True, False, True]
    shown.update(index_of(1, 1.0))
    shown.finish(index_of(2, 2.0))
    assert told == [index_of(1, 1.0), index_of(2, 2.0)]


def test_what_a_function_raises_comes_through() -> None:
    def tell(_report: FlowReport) -> None:
        raise LookupError

    shown = panel(tell)
    assert shown is not None
    with pytest.raises(LookupError):
        shown.update(index_of(1, 1.0))


def test_first_moment_is_due() -> None:
    beat = Beat()
    assert beat.due()
    assert not beat.due()


def test_nothing_is_shown_unless_asked_for() -> None:
    assert panel(False) is None  # noqa: FBT003 - it is what a user writes behind progress=


@pytest.mark.parametrize("progress", [None, 1, "yes"])
def test_other_values_are_refused(progress: Any) -> None:
    with pytest.raises(TypeError, match="progress must be True, False or a function of a FlowReport, not"):
        panel(progress)


class Claims(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", ["none", "file", "closed", "dumb"])
def test_panel_and_bar_are_quiet_where_nobody_looks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream: Any = {"none": None, "file": io.StringIO(), "closed": io.StringIO(), "dumb": Claims()}[kind]
    if kind == "closed":
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb" if kind == "dumb" else "xterm")
    assert panel(True) is None  # noqa: FBT003 - it is what a user writes behind progress=
    assert meter(True, "map work", 10) is None  # noqa: FBT003 - as above


def test_bar_of_a_transfer_counts_in_bytes() -> None:
    bar = Bar(Kept(), "download", 120_000_000, is_of_bytes=True)
    bar.done = 30_000_000
    text = "".join(span.text for span in bar.line(10.0))
    assert text == "download  ━━━━━━──────────────────  25 %  30 MB of 120 MB  3.0 MB/s  0:30 left"


def test_bar_of_a_map_fits_too() -> None:
    for width in (5, 20, 40, 60, 100):
        screen = Kept(width)
        bar = Bar(screen, "map a_function_with_a_long_name", 1000)
        bar.done = 500
        line = bar.line(10.0)
        assert width_of_line(cut(line, width)) <= width
    assert "".join(span.text for span in line) == (
        "map a_function_with_a_long_name  ━━━━━━━━━━━━────────────  50 %  500/1,000  50/s  0:10 left"
    )
