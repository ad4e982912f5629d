"""The rows about SQLite: many inserts, and single rows awaited."""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.io.timing import Load, in_loop, rate, spread
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

WIDTH = 32
POINTS = 10_000
INSERT = "INSERT INTO written VALUES (?, ?, ?)"
POINT = "SELECT name FROM points WHERE id = ?"


def inserts(setting: Setting) -> Load:
    """Return the load of rows that are written."""
    count = setting.pick(500_000, 20_000)
    return Load(count, count)


def reads(setting: Setting) -> Load:
    """Return the load of rows that are read: each right one counts one."""
    count = setting.pick(30_000, 3_000)
    return Load(count, count)


def rows(count: int) -> list[tuple[int, float, str]]:
    """Return the rows that are written."""
    return [(index, index * 0.5, f"station {index % 100}") for index in range(count)]


@contextmanager
def file() -> Iterator[Path]:
    """Make a database with the table that is written and the one that is read."""
    with tempfile.TemporaryDirectory(prefix="raveler-bench-") as folder:
        path = Path(folder) / "bench.db"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE written (id INTEGER, value REAL, station TEXT)")
        connection.execute("CREATE TABLE points (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO points VALUES (?, ?)", ((i, f"point {i}") for i in range(POINTS)))
        connection.commit()
        connection.close()
        yield path


@contextmanager
def raveler_inserts(path: Path, count: int) -> Iterator[Callable[[], int]]:
    """Insert by `execute_many`."""
    import raveler as rv

    data = rows(count)
    with rv.db.connect(f"sqlite:///{path}") as db:

        def write() -> int:
            db.execute("DELETE FROM written").result()
            return int(db.execute_many(INSERT, data).result())

        yield write


@contextmanager
def apsw_inserts(path: Path, count: int) -> Iterator[Callable[[], int]]:
    """Insert by apsw in one transaction."""
    import apsw

    data = rows(count)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = normal")

    def write() -> int:
        connection.execute("DELETE FROM written")
        before = connection.total_changes()
        with connection:
            connection.executemany(INSERT, data)
        return int(connection.total_changes() - before)

    yield write
    connection.close()


@contextmanager
def standard_inserts(path: Path, count: int) -> Iterator[Callable[[], int]]:
    """Insert by the standard library in one transaction."""
    data = rows(count)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = normal")

    def write() -> int:
        connection.execute("DELETE FROM written")
        with connection:
            return connection.executemany(INSERT, data).rowcount

    yield write
    connection.close()


def writing(worker: Callable[[Path, int], AbstractContextManager[Callable[[], int]]]) -> Contestant:
    """Return the contestant that fills the table."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        load = inserts(setting)
        with file() as path, worker(path, load.count) as write:
            write()
            yield rate(write, load)

    return contest


@asynccontextmanager
async def raveler_reads(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await single rows from raveler."""
    import raveler as rv

    with file() as path:
        async with rv.db.connect(f"sqlite:///{path}") as db:

            async def one(index: int) -> int:
                return int(await db.fetch_value(POINT, index % POINTS) == f"point {index % POINTS}")

            yield lambda: spread(reads(setting).count, WIDTH, one)


@asynccontextmanager
async def aiosqlite_reads(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await single rows from aiosqlite."""
    import aiosqlite

    with file() as path:
        async with aiosqlite.connect(path) as db:

            async def one(index: int) -> int:
                found = await db.execute_fetchall(POINT, (index % POINTS,))
                return int(next(iter(found))[0] == f"point {index % POINTS}")

            yield lambda: spread(reads(setting).count, WIDTH, one)


SQLITE_ROWS = (
    Row(
        name="sqlite-inserts",
        work="SQLite, 500,000 inserts in one transaction",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times apsw", Comparison.FASTER, 1.0, than="apsw"),
        contestants={
            RAVELER: writing(raveler_inserts),
            "apsw": writing(apsw_inserts),
            "sqlite3": writing(standard_inserts),
        },
    ),
    Row(
        name="sqlite-reads",
        work="SQLite point reads, awaited, 32 at once",
        unit=Unit.RATE,
        goal=Goal("≥ 3 times aiosqlite", Comparison.FASTER, 3.0, than="aiosqlite"),
        contestants={
            RAVELER: in_loop(raveler_reads, reads),
            "aiosqlite": in_loop(aiosqlite_reads, reads),
        },
    ),
)
