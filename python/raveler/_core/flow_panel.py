"""What a flow shows while it runs: one line a stage, drawn over in place, or a report for a function of the user's.

Speeds, loads and the bottleneck are those of the last five seconds, so that they follow what happens; counts and errors
are those since the beginning.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import pairwise

from raveler._core import amounts
from raveler._core.columns import Column, Span, cell, lines, printable, shortened, titled
from raveler._core.progress import Beat, with_gauges
from raveler._core.screen import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from raveler._core.columns import Line
    from raveler._core.flow_bottleneck import Bottleneck
    from raveler._core.flow_report import FlowReport, StageReport
    from raveler._core.screen import Screen

_RECENT_S = 5.0
_BETWEEN_S = 0.5
_EARLY_S = 1.0
_LONGEST_NAME = 32


def panel(progress: bool | Callable[[FlowReport], object]) -> Panel | None:  # noqa: FBT001 - part of the public signature
    """Return what shows the progress of a flow, or None if nothing does.

    Raises:
        TypeError: If ``progress`` is neither a truth value nor callable.
    """
    if isinstance(progress, bool):
        shown = screen(sys.stderr) if progress else None
        return StagePanel(shown) if shown is not None else None
    if callable(progress):
        return Panel(progress)
    message = f"progress must be True, False or a function of a FlowReport, not {progress!r}"
    raise TypeError(message)


class Panel:
    """Tells a function of the user's how far the flow is, at most ten times a second, and at the end.

    Ask `due` whenever there is news, and make a report for `update` only if it says so.
    """

    def __init__(self, tell: Callable[[FlowReport], object]) -> None:
        """Call ``tell(report)``."""
        self._tell = tell
        self.due = Beat().due

    def update(self, report: FlowReport) -> None:
        """Show how far the flow is."""
        self._tell(report)

    def finish(self, report: FlowReport) -> None:
        """Show how far it came; nothing follows."""
        self._tell(report)


class StagePanel(Panel):
    """Draws one line a stage."""

    def __init__(self, shown: Screen) -> None:
        """Draw nothing yet."""
        super().__init__(lambda report: shown.show(self.lines(report)))
        self._screen = shown
        self._earlier: deque[FlowReport] = deque()

    def finish(self, report: FlowReport) -> None:
        """Draw the last state, with the speeds of the whole run, and leave it."""
        self._earlier.clear()
        self._screen.end(self._drawn(report, report, is_over=True))

    def lines(self, report: FlowReport) -> list[Line]:
        """Return the text for a report; reports come in the order of time."""
        recent = report.since(self._earlier[0] if self._earlier else None)
        if not self._earlier or report.seconds - self._earlier[-1].seconds >= _BETWEEN_S:
            self._earlier.append(report)
        # The oldest one that is kept is as old as what counts as recent.
        while len(self._earlier) > 1 and report.seconds - self._earlier[1].seconds >= _RECENT_S:
            self._earlier.popleft()
        return self._drawn(report, recent if recent.seconds > 0 else report, is_over=False)

    def _drawn(self, report: FlowReport, recent: FlowReport, *, is_over: bool) -> list[Line]:
        parts, left = _parts(report), _seconds_left(report, recent)
        found = recent.held_up_by if is_over or report.seconds >= _EARLY_S else None
        held_up = found.stage if found else None
        columns = self._columns(report, recent, held_up, left, is_over=is_over)
        headline = _headline(report, parts, left, found, is_over=is_over)
        table = lines(with_gauges(columns, [None, *parts], self._screen))
        return [headline, *(line for line in table if line)]

    def _columns(
        self,
        report: FlowReport,
        recent: FlowReport,
        held_up: int | None,
        left: list[float | None],
        *,
        is_over: bool,
    ) -> list[Column]:
        mark = "> " if self._screen.is_plain else "▶ "
        counts = [_count(stage, total) for stage, total in zip(report.stages, _exact_totals(report), strict=True)]
        names = [
            (Span(mark if index == held_up else "  ", "yellow"), Span(_name(stage), "bold" if index == held_up else ""))
            for index, stage in enumerate(report.stages)
        ]
        return [
            Column([(), *names], 9, is_left=True),
            titled("done", counts, 8),
            titled("speed", [cell(amounts.rate(stage.finished, recent.seconds)) for stage in recent.stages], 6),
            titled("in flight", [_in_flight(stage, is_over=is_over) for stage in report.stages], 4),
            titled("busy", [_load(stage, recent.seconds) for stage in recent.stages], 3),
            titled("left", [cell("" if is_over or each is None else amounts.clock(each)) for each in left], 5),
            titled("", [_trouble(stage) for stage in report.stages], 7, is_left=True),
        ]


def _headline(
    report: FlowReport,
    parts: list[float | None],
    left: list[float | None],
    found: Bottleneck | None,
    *,
    is_over: bool,
) -> Line:
    spent = amounts.clock(report.seconds)
    known = [part for part in parts if part is not None]
    # The flow is as far as its last stage of which that is known.
    share = f"  {amounts.share(known[-1])}" if known else ""
    waits = [each for each in left if each is not None]
    still = f"  {amounts.clock(max(waits))} left" if waits and not is_over else ""
    who = f"  bottleneck: {found.name}" if found and found.name else ""
    return tuple(span for span in (Span(spent, "bold"), Span(f"{share}{still}"), Span(who, "yellow")) if span.text)


def _name(stage: StageReport) -> str:
    return shortened(printable(stage.name), _LONGEST_NAME)


def _count(stage: StageReport, total: int | None) -> Line:
    return cell(f"{stage.finished:,}" if total is None else f"{stage.finished:,}/{total:,}")


def _load(stage: StageReport, seconds: float) -> Line:
    return cell(amounts.share(stage.load(seconds))) if stage.capacity > 0 and seconds > 0 else ()


def _in_flight(stage: StageReport, *, is_over: bool) -> Line:
    return () if is_over or not (stage.in_flight or stage.capacity) else cell(f"{stage.in_flight:,}")


def _trouble(stage: StageReport) -> Line:
    spans: list[Span] = []
    if stage.errors:
        spans.append(Span(amounts.plural(stage.errors, "error"), "red"))
    if stage.skipped:
        spans.append(Span(f"{', ' if spans else ''}{stage.skipped:,} skipped", "yellow" if spans else "dim"))
    return tuple(spans)


def _expected(report: FlowReport) -> list[float | None]:
    """Return how many items each stage will have taken in the end, as far as can be said.

    The first gets the source's. Each other gets as many for an item of the one before it as it got on average until
    now: more behind a ``flat_map``, fewer behind a ``filter`` or a ``batch``.
    """
    if not report.stages:
        return []
    coming = None if report.total is None else float(report.total)
    expected = [coming]
    for before, stage in pairwise(report.stages):
        coming = None if coming is None or before.finished < 1 else coming * stage.items_in / before.finished
        expected.append(coming)
    return expected


def _exact_totals(report: FlowReport) -> list[int | None]:
    """Return the totals that are no estimate: those of the stages before which every item stayed one item."""
    totals: list[int | None] = [report.total] if report.stages else []
    for before, stage in pairwise(report.stages):
        is_same = before.finished == before.items_out == stage.items_in
        totals.append(totals[-1] if is_same else None)
    return totals


def _parts(report: FlowReport) -> list[float | None]:
    """Return how far each stage is, from 0 to 1, or None where nobody knows."""
    return [
        None if coming is None else min(1.0, stage.finished / coming) if coming else 1.0
        for stage, coming in zip(report.stages, _expected(report), strict=True)
    ]


def _seconds_left(report: FlowReport, recent: FlowReport) -> list[float | None]:
    """Return how long each stage will need for what is still to come, at the speed of now."""
    left: list[float | None] = []
    for stage, now, coming in zip(report.stages, recent.stages, _expected(report), strict=True):
        is_known = coming is not None and now.finished > 0 and report.seconds >= _EARLY_S
        still = max(0.0, coming - stage.finished) if coming is not None else 0.0
        left.append(still * recent.seconds / now.finished if is_known and still else None)
    return left
