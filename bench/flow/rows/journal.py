"""The rows about the journal: what an item costs more when it is recorded durably."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import raveler as rv
from bench.parallel.work import noop
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Work: TypeAlias = Callable[[rv.Runtime, range, Path], int]  # in a folder of its own; gives what came out

WITHOUT = "without"


def each(work: Work) -> Contestant:
    """Return the contestant whose figure is the seconds of one item."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        items = range(setting.pick(300_000, 10_000))
        with rv.Runtime(workers=setting.workers) as rt:

            def sample() -> float:
                with TemporaryDirectory(prefix="raveler-bench-") as folder:
                    started = time.perf_counter()
                    found = work(rt, items, Path(folder))
                    elapsed = time.perf_counter() - started
                if found != len(items):
                    raise RuntimeError(f"{len(items)} items gave {found} results")
                return elapsed / len(items)

            sample()
            yield sample

    return contest


def row_of(item: int) -> tuple[int, int]:
    """Return the row of an item."""
    return (item, item + 1)


def plain_map(rt: rv.Runtime, items: range, folder: Path) -> int:
    """Map without a journal."""
    del folder
    return len(rt.map(noop, items).list())


def journalled_map(rt: rv.Runtime, items: range, folder: Path) -> int:
    """Map with a journal in a file."""
    return len(rt.map(noop, items, journal=str(folder / "run.db")).list())


def into_table(rt: rv.Runtime, items: range, folder: Path, *, journal: bool) -> int:
    """Let a flow write a row for each item into a database."""
    with rv.db.connect(f"sqlite:{folder / 'rows.db'}", runtime=rt) as db:
        db.execute("CREATE TABLE rows (item INTEGER PRIMARY KEY, next INTEGER)").result()
        flow = rt.flow(items, journal="numbers") if journal else rt.flow(items)
        flow.map(row_of).to(db.table("rows"), batch=5_000).run()
        return int(db.fetch_value("SELECT count(*) FROM rows").result())


JOURNAL_ROWS = (
    Row(
        name="journal-map",
        work="an item of a map, recorded in a journal file",
        unit=Unit.TIME,
        goal=Goal("≤ 5 µs above the same without", Comparison.ABOVE, 5e-6, than=WITHOUT),
        contestants={RAVELER: each(journalled_map), WITHOUT: each(plain_map)},
        references=(WITHOUT,),
    ),
    Row(
        name="journal-table",
        work="an item of a flow, recorded where its row is written",
        unit=Unit.TIME,
        goal=Goal("≤ 5 µs above the same without", Comparison.ABOVE, 5e-6, than=WITHOUT),
        contestants={
            RAVELER: each(lambda rt, items, folder: into_table(rt, items, folder, journal=True)),
            WITHOUT: each(lambda rt, items, folder: into_table(rt, items, folder, journal=False)),
        },
        references=(WITHOUT,),
    ),
)
