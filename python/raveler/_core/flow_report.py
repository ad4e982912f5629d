"""What a flow did: how many items each stage had, where its time went, and which stage held the others up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

from raveler import _raveler
from raveler._core import amounts
from raveler._core.columns import Column, cell, fitted, lines, printable, shortened, titled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from raveler._core.columns import Line
    from raveler._core.flow_bottleneck import Bottleneck

_WIDTH = 100
_LONGEST_NAME = 24
_NO_SUMS = {"name", "place", "running", "capacity"}


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did. Times are in seconds."""

    name: str
    """What it is and what it runs: ``map parse``."""
    place: str
    """Where it runs: ``process``, ``thread``, ``loop`` or ``native``."""
    items_in: int
    """How many items it took; those of a sink are its batches."""
    items_out: int
    """How many of them it is done with and gave on: what was skipped is not among them."""
    in_flight: int
    """How many it has taken and not given yet."""
    running: int
    """How many run at this moment; in processes, items that travel together count as one."""
    errors: int
    """How many failed."""
    skipped: int
    """How many were dropped: by a filter, or after an error."""
    capacity: int
    """How many can run at once: workers, or the stage's concurrency."""
    busy: float
    """How long at least one item ran."""
    input: float
    """How long it could have run more, but no item was there."""
    room: float
    """How long it could have run more, but the next stage had no room for what came out."""
    limit: float
    """How long it could have run more, but a limit forbade it."""
    occupied: float
    """How long its items ran, added up: ten at once for a second are ten seconds."""
    bytes: int = 0
    """How many bytes it read or wrote; 0 if it moves none."""

    @property
    def finished(self) -> int:
        """The number of items that it is done with."""
        return self.items_in - self.in_flight

    @property
    def seconds_per_item(self) -> float:
        """How long one item ran, on average."""
        return self.occupied / self.finished if self.finished else 0.0

    def load(self, seconds: float) -> float:
        """Return the share of its capacity that was in use over that time, from 0 to 1."""
        used, offered = (self.occupied, self.capacity * seconds) if self.capacity > 0 else (self.busy, seconds)
        return min(1.0, used / offered) if offered > 0 else 0.0


@dataclass(frozen=True, slots=True)
class FlowReport:
    """What a flow did until now, or until its end. Printed, it is a table; in a notebook too."""

    seconds: float
    """How long it took."""
    stages: tuple[StageReport, ...]
    """Its stages, in their order."""
    total: int | None = None
    """The length of the source, if it has one."""
    away: float = 0.0
    """How long the consumer had a result and did not come back for the next one."""
    pulling: float = 0.0
    """How long the consumer's thread pulled the source and handed items from stage to stage."""
    cores: int = field(default_factory=lambda: int(_raveler.cores()["usable"]))
    """How many cores this process may use."""

    @property
    def items(self) -> int:
        """The number of items of the source that went in."""
        return self.stages[0].items_in if self.stages else 0

    @property
    def bottleneck(self) -> str:
        """What held the flow up, by which measurement, and what to change; see `flow_bottleneck` for the rules."""
        return self.held_up_by.words

    @property
    def held_up_by(self) -> Bottleneck:
        """The bottleneck with the index of its stage."""
        from raveler._core.flow_bottleneck import found

        return found(self)

    def since(self, earlier: FlowReport | None) -> FlowReport:
        """Return what happened after ``earlier``, a report of the same flow; ``in_flight`` is by how much it grew."""
        if earlier is None:
            return self
        sums = [each.name for each in fields(StageReport) if each.name not in _NO_SUMS]
        stages = tuple(
            replace(now, **{name: getattr(now, name) - getattr(then, name) for name in sums})
            for now, then in zip(self.stages, earlier.stages, strict=True)
        )
        return replace(
            self,
            seconds=self.seconds - earlier.seconds,
            stages=stages,
            away=self.away - earlier.away,
            pulling=self.pulling - earlier.pulling,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON knows."""
        stages = [
            asdict(stage) | {"load": stage.load(self.seconds), "items_per_second": self._speed(stage)}
            for stage in self.stages
        ]
        return {
            "seconds": self.seconds,
            "items": self.items,
            "total": self.total,
            "away": self.away,
            "pulling": self.pulling,
            "cores": self.cores,
            "bottleneck": self.bottleneck,
            "stages": stages,
        }

    def __str__(self) -> str:
        """Return a table of at most 100 columns, and the bottleneck in words.

        It is ASCII, but for the names, so that to print it can't fail at the end of a long run.
        """
        from textwrap import wrap

        # A number stays on one line with its sign.
        words = [line.replace("\0%", " %") for line in wrap(self.bottleneck.replace(" %", "\0%"), _WIDTH)]
        columns = fitted(self._columns(), _WIDTH)
        table = ["".join(span.text for span in line) for line in lines(columns)]
        return amounts.ascii_only("\n".join([self._headline(), "", *table, "", *words]))

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        from html import escape

        def row(line: tuple[Line, ...], tag: str) -> str:
            texts = ["".join(escape(span.text) for span in content) for content in line]
            sides = ["left", *["right"] * len(texts)]
            cells = (
                f"<{tag} style='text-align:{side}'>{text}</{tag}>" for side, text in zip(sides, texts, strict=False)
            )
            return f"<tr>{''.join(cells)}</tr>"

        columns = [column for column in self._columns() if column.width]
        titles, *rows = zip(*(column.cells for column in columns), strict=True)
        body = "".join(row(line, "td") for line in rows)
        table = f"<table><thead>{row(titles, 'th')}</thead><tbody>{body}</tbody></table>"
        return f"<p>{escape(self._headline())}</p>{table}<p>{escape(self.bottleneck)}</p>"

    def _headline(self) -> str:
        of_all = f" of {self.total:,}" if self.total is not None and self.total != self.items else ""
        speed = amounts.rate(self.items, self.seconds)
        noun = "item" if self.items == 1 and not of_all else "items"
        return f"{self.items:,}{of_all} {noun} in {amounts.duration(self.seconds)}, {speed}"

    def _columns(self) -> list[Column]:
        """Return the columns; those of which every stage has nothing are empty."""

        def column(title: str, rank: int, text: Callable[[StageReport], str]) -> Column:
            return titled(title, [cell(text(stage)) for stage in self.stages], rank)

        def seconds(title: str, rank: int, measured: Callable[[StageReport], float]) -> Column:
            return column(title, rank, lambda stage: _seconds(measured(stage)))

        names = [cell(shortened(printable(stage.name), _LONGEST_NAME)) for stage in self.stages]
        return [
            Column([cell("stage"), *names], 12, is_left=True),
            column("in", 10, lambda stage: f"{stage.items_in:,}"),
            column("out", 11, lambda stage: f"{stage.items_out:,}"),
            column("errors", 8, lambda stage: f"{stage.errors:,}" if stage.errors else ""),
            column("skipped", 7, lambda stage: f"{stage.skipped:,}" if stage.skipped else ""),
            column("speed", 3, lambda stage: amounts.rate(stage.finished, self.seconds)),
            column("an item", 1, lambda stage: amounts.duration(stage.seconds_per_item) if stage.occupied else ""),
            column("load", 9, lambda stage: amounts.share(stage.load(self.seconds)) if stage.occupied else ""),
            seconds("ran", 4, lambda stage: stage.busy),
            seconds("no input", 6, lambda stage: stage.input),
            seconds("no room", 5, lambda stage: stage.room),
            seconds("limited", 5, lambda stage: stage.limit),
            column("data", 2, lambda stage: amounts.size(stage.bytes) if stage.bytes else ""),
        ]

    def _speed(self, stage: StageReport) -> float:
        return stage.finished / self.seconds if self.seconds > 0 else 0.0


_SHOWN_S = 0.05


def _seconds(measured: float) -> str:
    return f"{measured:,.1f} s" if measured >= _SHOWN_S else ""
