"""The row about memory: a hundred times as many items must not need more of it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = "0.1 M items"
PATIENCE_S = 180.0


def flowing(full: int, quick: int) -> Contestant:
    """Return the contestant whose figure is the most memory that a process of its own, and its workers, have had."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        command = [sys.executable, "-m", "bench.flow.volume", str(setting.pick(full, quick))]
        yield lambda: float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    return contest


VOLUME_ROWS = (
    Row(
        name="flow-memory",
        work="most memory for 10 M small items through three stages",
        unit=Unit.BYTES,
        goal=Goal("≤ 1.2 times that for 0.1 M items", Comparison.WITHIN, 1.2, than=FEW),
        contestants={RAVELER: flowing(10_000_000, 200_000), FEW: flowing(100_000, 100_000)},
        references=(FEW,),
        sample_s=PATIENCE_S,
    ),
)
