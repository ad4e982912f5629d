"""Flows into a sink with a journal, and processes that kill themselves in the middle; workers import it too."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import raveler as rv
from tests.deadline import let_pass
from tests.scripts import running

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS = 400
BATCH = 16
WINDOW = 12

LAST = 2 * ITEMS
"""A pull that never comes."""

Row = tuple[int, int, str]


def parts(item: int) -> list[tuple[int, int]]:
    """Return none to three parts of an item."""
    return [(item, part) for part in range(item % 4)]


def described(pair: tuple[int, int]) -> Row:
    """Return a row of the sink."""
    item, part = pair
    return item, part, f"{item * 7919 % 1009}-{part}"


def expected(items: int = ITEMS) -> list[Row]:
    """Return what an undisturbed run leaves in the sink."""
    return [described(pair) for item in range(items) for pair in parts(item) if pair != (5, 0)]


def note(log: str, item: int) -> int:
    """Write down that the item was computed."""
    with Path(log).open("ab", buffering=0) as lines:
        lines.write(b"%d\n" % item)
    return item


def computed(folder: Path) -> list[int]:
    """Return the items that were computed, as often as they were."""
    return [int(line) for line in (folder / "log").read_text().split()]


def doomed(at: int, delay_s: float) -> Iterator[int]:
    """Yield the items; so long after the pull of one of them the process gets the signal that nobody can catch."""

    def kill() -> None:
        let_pass(delay_s)
        os.kill(os.getpid(), signal.SIGKILL)

    for item in range(ITEMS):
        if item == at:
            threading.Thread(target=kill, daemon=True).start()
        yield item


class TableSink:
    """A table of an SQLite database; the journal stands in the same database."""

    journal = "words"

    def __init__(self, folder: Path) -> None:
        """Name the file."""
        self.path = folder / "sink.db"
        self._db: rv.db.Database | None = None

    def target(self, rt: rv.Runtime) -> Any:
        """Return what ``to`` takes."""
        self._close()
        self._db = rv.db.connect(f"sqlite:{self.path}", runtime=rt)
        self._db.execute("CREATE TABLE IF NOT EXISTS words (item INTEGER, part INTEGER, text TEXT)").result()
        return self._db.table("words")

    def content(self) -> list[Row]:
        """Return the rows in the order in which they were written; none if there is no table yet."""
        self._close()  # two SQLites in one process can't see each other's locks
        connection = sqlite3.connect(self.path)
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone():
                return []
            return connection.execute("SELECT item, part, text FROM words ORDER BY rowid").fetchall()
        finally:
            connection.close()

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()


class FileSink:
    """A file of JSON lines; the journal is a file of its own."""

    def __init__(self, folder: Path) -> None:
        """Name the files."""
        self.path = folder / "sink.jsonl"
        self.journal = str(folder / "run.db")

    def target(self, _: rv.Runtime) -> Any:
        """Return what ``to`` takes."""
        return str(self.path)

    def content(self) -> list[Row]:
        """Return the rows of the whole lines."""
        if not self.path.exists():
            return []
        rows = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [(item, part, text) for item, part, text in rows]


SINKS: dict[str, type[TableSink | FileSink]] = {"table": TableSink, "file": FileSink}


def flow(rt: rv.Runtime, source: Any, log: str, journal: str | None) -> Any:
    """Return the flow that is disturbed, but for its sink: each kind of stage, in each place."""
    begun: Any = rt.flow(source, journal=journal)
    return (
        begun.map(Noted(log), window=WINDOW)
        .flat_map(parts, window=WINDOW)
        .filter(wanted, on="thread", window=WINDOW)
        .map(described, window=WINDOW)
    )


class Noted:
    """Writes down that an item was computed."""

    def __init__(self, log: str) -> None:
        """Keep the name of the log."""
        self.log = log

    def __call__(self, item: int) -> int:
        """Return the item."""
        return note(self.log, item)


def wanted(pair: tuple[int, int]) -> bool:
    """Drop one pair."""
    return pair != (5, 0)


def run(kind: str, folder: str, at: str, delay_s: str) -> None:
    """Run the flow into its sink; this is the main of the scripts."""
    sink = SINKS[kind](Path(folder))
    with rv.Runtime(workers=2) as rt:
        begun = flow(rt, doomed(int(at), float(delay_s)), str(Path(folder) / "log"), sink.journal)
        begun.batch(BATCH).to(sink.target(rt)).run()


SCRIPT = """
import sys
from tests.faults import flow_runs
flow_runs.run(*sys.argv[1:])
"""


def disturbed(kind: str, folder: Path, kills: int, seed: int) -> list[int]:
    """Kill the flow at random moments, each time further on, then let it end; return the sizes of the sink between."""
    dice = random.Random(seed)
    sizes = []
    for number in range(kills):
        at = int(ITEMS * (number + dice.random()) / kills)
        code = once(kind, folder, at, dice.random() * 0.006)
        assert code in {-signal.SIGKILL, 0}
        rows = SINKS[kind](folder).content() if kind == "table" else []
        assert rows == expected()[: len(rows)]
        sizes.append(len(rows))
    assert once(kind, folder, LAST, 0.0) == 0
    return sizes


def once(kind: str, folder: Path, at: int, delay_s: float) -> int:
    """Run the script once; return its exit code."""
    with running(SCRIPT, kind, str(folder), str(at), repr(delay_s), folder=folder) as script:
        ended = script.end()
    assert ended.left_behind == {}
    assert ended.code in {-signal.SIGKILL, 0}, ended.err
    return ended.code
