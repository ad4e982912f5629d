"""What a row of the table is: a piece of work, those who do it, and the goal for raveler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, TypeVar

RAVELER = "raveler"
BEST = "the best peer"

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """How large the measurements are."""

    workers: int
    quick: bool

    def pick(self, full: T, quick: T) -> T:
        """Return the size of the work for this run."""
        return quick if self.quick else full


Sample: TypeAlias = Callable[[], float]
"""Does the work once and returns the figure."""

Contestant: TypeAlias = Callable[[Setting], AbstractContextManager[Sample]]
"""Prepares (starts and warms a pool, makes the data), gives the measurement, and cleans up."""


class Unit(Enum):
    """What a figure counts."""

    RATE = "pieces of work a second"
    TIME = "seconds"
    FLOW = "bytes a second"
    BYTES = "bytes"
    SHARE = "times the ideal"

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure wins."""
        return self in {Unit.RATE, Unit.FLOW}


class Comparison(Enum):
    """What a goal bounds."""

    FASTER = "at least so many times as fast as another"
    WITHIN = "at most so many times another"
    ABOVE = "at most so much above another"
    ABSOLUTE = "at most so much"


@dataclass(frozen=True)
class Goal:
    """What raveler has to reach in a row."""

    text: str
    comparison: Comparison
    bound: float
    than: str = BEST

    def figure(self, own: float, other: float | None, unit: Unit) -> float | None:
        """Return what is held against the bound; None when the other was not measured."""
        if self.comparison is Comparison.ABSOLUTE:
            return own
        if other is None:
            return None
        if self.comparison is Comparison.ABOVE:
            return own - other
        if self.comparison is Comparison.WITHIN:
            return own / other
        return own / other if unit.more_is_better else other / own

    def is_reached(self, figure: float) -> bool:
        """Return whether a figure satisfies the bound."""
        return figure >= self.bound if self.comparison is Comparison.FASTER else figure <= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What `--only` takes.
        references: Contestants that are no peers but show a limit or a baseline; the first is the limit that is shown.
        absent: Peers that can't do this work, each with the reason.
        sample_s: Seconds after which a sample counts as hung.
    """

    name: str
    work: str
    unit: Unit
    goal: Goal
    contestants: Mapping[str, Contestant]
    references: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    sample_s: float = 30.0

    @property
    def peers(self) -> list[str]:
        """The contestants that raveler is compared with."""
        return [name for name in self.contestants if name != RAVELER and name not in self.references]

    def best(self, figures: Mapping[str, float]) -> str | None:
        """Return the peer with the best of these figures."""
        measured = [name for name in self.peers if name in figures]
        if not measured:
            return None
        return (max if self.unit.more_is_better else min)(measured, key=figures.__getitem__)
