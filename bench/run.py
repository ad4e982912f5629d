"""The runner: takes the samples of all contestants of a row in turn, row after row, and prints the table.

Each contestant lives in a process of its own and is warm before the first sample. Samples are interleaved: in every
round each contestant measures once, and each round begins with another one, so that a disturbance hits all alike. A
peer that is far behind after one or two rounds is out of the race and keeps the median of what it has.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from bench.lane import AbsentError, Lane, LaneError, adopt_orphans, end_orphans
from bench.report import Finding, details, heading, table_line
from bench.row import RAVELER, Row, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROUNDS = 5
QUICK_ROUNDS = 3
START_S = 60.0
END_S = 10.0
BEHIND = {1: 4.0, 2: 1.5}  # so many times behind after so many samples is out of the race


def start_lanes(table: str, row: Row, names: Sequence[str], setting: Setting, finding: Finding) -> list[Lane]:
    """Start the contestants one after another, and return those that are ready."""
    lanes: list[Lane] = []
    for name in names:
        lane = Lane(table, row.name, name, setting)
        try:
            lane.wait_until_ready(START_S)
        except LaneError as error:
            lane.end(END_S)
            (finding.absent if isinstance(error, AbsentError) else finding.failed)[name] = str(error)
        except BaseException:
            lane.kill()
            for other in lanes:
                other.kill()
            raise
        else:
            lanes.append(lane)
    return lanes


def is_out_of_race(lane: Lane, row: Row, lanes: Sequence[Lane]) -> bool:
    """Return whether a peer's best sample is far behind the worst sample of some other peer."""
    behind = BEHIND.get(len(lane.figures))
    if behind is None or lane.name not in row.peers:
        return False
    others = [other.figures for other in lanes if other is not lane and other.name in row.peers and other.figures]
    if row.unit.more_is_better:
        return any(max(lane.figures) * behind < min(figures) for figures in others)
    return any(min(lane.figures) > behind * max(figures) for figures in others)


def measure(table: str, row: Row, setting: Setting, rounds: int, only: Sequence[str] | None = None) -> Finding:
    """Measure one row."""
    names = [name for name in row.contestants if only is None or name in only or name in row.references]
    finding = Finding(row, {name: [] for name in names})
    lanes = start_lanes(table, row, names, setting, finding)
    racing = list(lanes)
    try:
        for turn in range(rounds):
            for lane in [*racing[turn % max(len(racing), 1) :], *racing[: turn % max(len(racing), 1)]]:
                try:
                    lane.measure(row.sample_s)
                except LaneError as error:
                    finding.failed[lane.name] = str(error)
                    racing.remove(lane)
            racing = [lane for lane in racing if not is_out_of_race(lane, row, lanes)]
    except BaseException:
        for lane in lanes:
            lane.kill()
        raise
    for lane in lanes:
        lane.end(END_S)
        finding.figures[lane.name] = lane.figures
    finding.left_behind = end_orphans(grace=2.0)
    return finding


def parse(table: str, rows: Iterable[str], arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{table}", description="Measure raveler beside its peers.")
    parser.add_argument("--only", action="append", choices=list(rows), metavar="ROW", help=f"one of: {', '.join(rows)}")
    parser.add_argument("--peer", action="append", metavar="NAME", help="run only these contestants (and references)")
    parser.add_argument(
        "--quick", action="store_true", help="little work, three rounds: shows that all runs, not how fast"
    )
    parser.add_argument("--workers", type=int, default=2, help="workers of each pool; the goals are meant for 2")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--markdown", action="store_true", help="print the table for RESULTS.md")
    parser.add_argument("--details", action="store_true", help="print every contestant below its row")
    return parser.parse_args(arguments)


def main(table: str, rows: Mapping[str, Row], arguments: Sequence[str] | None = None) -> int:
    """Run the rows of a table, and return 1 if raveler failed in one; a missed goal is no failure."""
    options = parse(table, rows, arguments)
    setting = Setting(workers=options.workers, quick=options.quick)
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    adopt_orphans()
    findings: list[Finding] = []
    if not options.json:
        print(heading(options.workers, rounds, markdown=options.markdown), flush=True)
    try:
        for name in options.only or rows:
            finding = measure(table, rows[name], setting, rounds, options.peer)
            findings.append(finding)
            if not options.json:
                print(table_line(finding, markdown=options.markdown), flush=True)
                if options.details or finding.failed:
                    print("\n".join(details(finding)), flush=True)
    except KeyboardInterrupt:
        return 130
    finally:
        end_orphans(grace=0.0)
    if options.json:
        found = {"workers": options.workers, "rounds": rounds, "rows": [finding.as_json() for finding in findings]}
        json.dump(found, sys.stdout, indent=2)
        print()
    return int(any(RAVELER in finding.failed for finding in findings))
