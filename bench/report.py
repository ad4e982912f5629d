"""What a run found: medians and verdicts of each row, as text for people and as JSON."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.row import BEST, RAVELER, Row, Unit

HEAD = ("work", "raveler", "best peer", "ratio", "limit", "goal", "verdict")
WIDTHS = (53, 10, 31, 8, 9, 34, 0)


@dataclass
class Finding:
    """All figures of one row."""

    row: Row
    figures: dict[str, list[float]]
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left_behind: int = 0

    @property
    def medians(self) -> dict[str, float]:
        """The median of each contestant that gave figures."""
        return {name: median(figures) for name, figures in self.figures.items() if figures}

    @property
    def ratio(self) -> float | None:
        """How many times better raveler is than the best peer."""
        medians = self.medians
        best = self.row.best(medians)
        if best is None or RAVELER not in medians:
            return None
        own, other = medians[RAVELER], medians[best]
        return own / other if self.row.unit.more_is_better else other / own

    @property
    def goal_figure(self) -> float | None:
        """What is held against the goal."""
        medians = self.medians
        than = self.row.best(medians) if self.row.goal.than == BEST else self.row.goal.than
        if RAVELER not in medians:
            return None
        return self.row.goal.figure(medians[RAVELER], medians.get(than or ""), self.row.unit)

    @property
    def verdict(self) -> str:
        """Whether the goal is reached."""
        figure = self.goal_figure
        if figure is None:
            return "not measured"
        return "reached" if self.row.goal.is_reached(figure) else "missed"

    def as_json(self) -> dict[str, Any]:
        """Return everything that was found."""
        return {
            "name": self.row.name,
            "work": self.row.work,
            "unit": self.row.unit.value,
            "figures": self.figures,
            "medians": self.medians,
            "best_peer": self.row.best(self.medians),
            "ratio": self.ratio,
            "goal": self.row.goal.text,
            "goal_figure": self.goal_figure,
            "verdict": self.verdict,
            "absent": {**self.row.absent, **self.absent},
            "failed": self.failed,
            "left_behind": self.left_behind,
        }


def written(figure: float, unit: Unit) -> str:
    """Return a figure with a unit that suits its size."""
    if unit is Unit.SHARE:
        return f"{figure:.3f}"
    if unit is Unit.FLOW:
        return f"{figure / 1e9:.2f} GB/s"
    if unit is Unit.BYTES:
        return f"{figure / 1e6:.1f} MB"
    steps = (
        ((1e6, 1e-6, "M/s"), (1e3, 1e-3, "k/s"), (0, 1, "/s"))
        if unit is Unit.RATE
        else ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs"))
    )
    factor, name = next((factor, name) for least, factor, name in steps if figure >= least)
    value = figure * factor
    return f"{value:.0f} {name}" if value >= 100 else f"{value:.3g} {name}"


def line(cells: tuple[str, ...], *, markdown: bool) -> str:
    """Return one line of the table."""
    if markdown:
        return f"| {' | '.join(cells)} |"
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def heading(workers: int, rounds: int, *, markdown: bool) -> str:
    """Return what a reader must know before the table."""
    load = os.getloadavg()[0]
    rule = f"\n|{' --- |' * len(HEAD)}" if markdown else ""
    return (
        f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores, {workers} workers; "
        f"medians of {rounds}; load before the run {load:.1f}\n\n{line(HEAD, markdown=markdown)}{rule}"
    )


def table_line(finding: Finding, *, markdown: bool) -> str:
    """Return the line of one row."""
    row, medians = finding.row, finding.medians

    def cell(name: str | None) -> str:
        return written(medians[name], row.unit) if name in medians else "-"

    best, limit = row.best(medians), row.references[0] if row.references else None
    ratio, figure = finding.ratio, finding.goal_figure
    return line(
        (
            row.work,
            cell(RAVELER),
            f"{cell(best)} ({best})" if best else "-",
            f"{ratio:.3g}" if ratio is not None else "-",
            cell(limit),
            row.goal.text,
            finding.verdict if figure is None else f"{finding.verdict} ({goal_figure(finding, figure)})",
        ),
        markdown=markdown,
    )


def goal_figure(finding: Finding, figure: float) -> str:
    """Return the figure that was held against the goal, in the goal's own unit."""
    has_unit = finding.row.goal.comparison.name in {"ABSOLUTE", "ABOVE"}
    return written(max(figure, 0.0), finding.row.unit) if has_unit else f"{figure:.3g}"


def details(finding: Finding) -> list[str]:
    """Return a line for each contestant, with its spread, and for each that gave nothing, with the reason."""
    unit = finding.row.unit
    lines = [
        f"    {name:<26} {written(median(figures), unit):>10}   "
        f"{written(min(figures), unit)} to {written(max(figures), unit)}, {len(figures)} samples"
        for name, figures in finding.figures.items()
        if figures
    ]
    lines += [
        f"    {name:<26} {'-':>10}   {reason}" for name, reason in {**finding.row.absent, **finding.absent}.items()
    ]
    lines += [f"    {name:<26}     FAILED   {reason}" for name, reason in finding.failed.items()]
    if finding.left_behind:
        lines.append(f"    {finding.left_behind} processes were left behind and have been killed")
    return lines
