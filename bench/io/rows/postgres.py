"""The rows about PostgreSQL: points, many rows out, many rows in."""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from bench.io.surroundings import POINTS, address
from bench.io.timing import Load, in_loop, rate, spread
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

    Work = Callable[[], Awaitable[int]]

WIDTH, CONNECTIONS = 32, 8
POINT = "SELECT name FROM points WHERE id = $1"
ALL = "SELECT id, value, station, good, at FROM readings LIMIT "
HELD = "asyncpg held, uvloop"


def name_of(index: int) -> str:
    """Return what the server answers."""
    return f"point {index % POINTS}"


def points(setting: Setting) -> Load:
    """Return the load of point queries: each right answer counts one."""
    count = setting.pick(20_000, 2_000)
    return Load(count, count)


def rows_out(setting: Setting) -> Load:
    """Return the load of rows that are read."""
    count = setting.pick(1_000_000, 50_000)
    return Load(count, count)


def rows_in(setting: Setting) -> Load:
    """Return the load of rows that are written."""
    count = setting.pick(200_000, 20_000)
    return Load(count, count)


@asynccontextmanager
async def raveler_points(setting: Setting) -> AsyncIterator[Work]:
    """Ask by raveler, on plain asyncio."""
    import raveler as rv

    async with rv.db.connect(address("postgres"), pool_size=CONNECTIONS) as db:

        async def one(index: int) -> int:
            return int(await db.fetch_value(POINT, index % POINTS) == name_of(index))

        yield lambda: spread(points(setting).count, WIDTH, one)


@asynccontextmanager
async def asyncpg_held(setting: Setting) -> AsyncIterator[Work]:
    """Ask by asyncpg, each connection held with its statement by as many coroutines as its queue allows: one."""
    import asyncpg

    connections = [await asyncpg.connect(address("postgres")) for _ in range(CONNECTIONS)]
    statements = [await connection.prepare(POINT) for connection in connections]

    async def work() -> int:
        numbers = iter(range(points(setting).count))

        async def line(statement: Any) -> int:
            total = 0
            for index in numbers:
                total += await statement.fetchval(index % POINTS) == name_of(index)
            return total

        return sum(await asyncio.gather(*(line(statement) for statement in statements)))

    yield work
    for connection in connections:
        await connection.close()


@asynccontextmanager
async def asyncpg_pool(setting: Setting) -> AsyncIterator[Work]:
    """Ask by asyncpg's pool."""
    import asyncpg

    async with asyncpg.create_pool(address("postgres"), min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:

        async def one(index: int) -> int:
            return int(await pool.fetchval(POINT, index % POINTS) == name_of(index))

        yield lambda: spread(points(setting).count, WIDTH, one)


@contextmanager
def raveler_tuples(count: int) -> Iterator[Callable[[], int]]:
    """Fetch all rows as tuples."""
    import raveler as rv

    with rv.db.connect(address("postgres")) as db:
        yield lambda: len(db.fetch(f"{ALL}{count}").result())


@contextmanager
def psycopg_tuples(count: int) -> Iterator[Callable[[], int]]:
    """Fetch all rows by psycopg, asynchronously and in the binary format."""
    import psycopg

    async def fetch() -> int:
        connection = await psycopg.AsyncConnection.connect(address("postgres"))
        async with connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(f"{ALL}{count}".encode())
            return len(await cursor.fetchall())

    yield lambda: asyncio.run(fetch())


@contextmanager
def asyncpg_records(count: int) -> Iterator[Callable[[], int]]:
    """Fetch all rows by asyncpg, as its records."""
    import asyncpg

    async def fetch() -> int:
        connection = await asyncpg.connect(address("postgres"))
        try:
            return len(await connection.fetch(f"{ALL}{count}"))
        finally:
            await connection.close()

    yield lambda: asyncio.run(fetch())


@contextmanager
def raveler_arrow(count: int) -> Iterator[Callable[[], int]]:
    """Fetch all rows as Arrow."""
    import pyarrow as pa

    import raveler as rv

    with rv.db.connect(address("postgres")) as db:
        yield lambda: pa.table(db.fetch(f"{ALL}{count}", as_="arrow").result()).num_rows


@contextmanager
def adbc_arrow(count: int) -> Iterator[Callable[[], int]]:
    """Fetch all rows by ADBC."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address("postgres")) as connection:

        def fetch() -> int:
            with connection.cursor() as cursor:
                cursor.execute(f"{ALL}{count}")
                return int(cursor.fetch_arrow_table().num_rows)

        yield fetch


def rows(count: int) -> list[tuple[int, float, str]]:
    """Return the rows that are written."""
    return [(index, index * 0.5, f"station {index % 100}") for index in range(count)]


@contextmanager
def raveler_copy(count: int) -> Iterator[Callable[[], int]]:
    """Write all rows by `copy_in`."""
    import raveler as rv

    data = rows(count)
    with rv.db.connect(address("postgres")) as db:

        def write() -> int:
            db.execute("TRUNCATE written").result()
            db.copy_in("written", data, columns=("id", "value", "station")).result()
            return int(db.fetch_value("SELECT count(*) FROM written").result())

        yield write


@contextmanager
def psycopg_copy(count: int) -> Iterator[Callable[[], int]]:
    """Write all rows by psycopg's binary COPY."""
    import psycopg

    data = rows(count)
    with psycopg.connect(address("postgres"), autocommit=True) as connection, connection.cursor() as cursor:

        def write() -> int:
            cursor.execute("TRUNCATE written")
            with cursor.copy("COPY written FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "float8", "text"])
                for row in data:
                    copy.write_row(row)
            return int(cursor.execute("SELECT count(*) FROM written").fetchall()[0][0])

        yield write


@contextmanager
def asyncpg_copy(count: int) -> Iterator[Callable[[], int]]:
    """Write all rows by asyncpg's COPY."""
    import asyncpg

    data = rows(count)
    with asyncio.Runner() as runner:
        connection = runner.run(_connected(asyncpg))

        async def write() -> int:
            await connection.execute("TRUNCATE written")
            await connection.copy_records_to_table("written", records=data)
            return int(await connection.fetchval("SELECT count(*) FROM written"))

        yield lambda: runner.run(write())
        runner.run(connection.close())


async def _connected(asyncpg: Any) -> Any:
    return await asyncpg.connect(address("postgres"))


def by_call(
    worker: Callable[[int], AbstractContextManager[Callable[[], int]]], load_of: Callable[[Setting], Load]
) -> Contestant:
    """Return the contestant that does all its work in one call."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        load = load_of(setting)
        with worker(load.count) as work:
            work()
            yield rate(work, load)

    return contest


POSTGRES_ROWS = (
    Row(
        name="pg-points",
        work="PostgreSQL point SELECT, 32 at once, 8 connections",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times asyncpg held, on uvloop", Comparison.FASTER, 1.0, than=HELD),
        contestants={
            RAVELER: in_loop(raveler_points, points),
            HELD: in_loop(asyncpg_held, points, on_uvloop=True),
            "asyncpg pool": in_loop(asyncpg_pool, points),
            "asyncpg pool, uvloop": in_loop(asyncpg_pool, points, on_uvloop=True),
        },
    ),
    Row(
        name="pg-rows",
        work="PostgreSQL, 1 M rows of 5 columns to Python objects",
        unit=Unit.RATE,
        goal=Goal("≥ 1.8 times psycopg", Comparison.FASTER, 1.8, than="psycopg"),
        contestants={
            RAVELER: by_call(raveler_tuples, rows_out),
            "psycopg": by_call(psycopg_tuples, rows_out),
            "asyncpg": by_call(asyncpg_records, rows_out),
        },
    ),
    Row(
        name="pg-arrow",
        work="the same to Arrow",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times adbc", Comparison.FASTER, 1.0, than="adbc"),
        contestants={RAVELER: by_call(raveler_arrow, rows_out), "adbc": by_call(adbc_arrow, rows_out)},
    ),
    Row(
        name="pg-copy",
        work="PostgreSQL, 200,000 rows in",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times the best peer", Comparison.FASTER, 1.0),
        contestants={
            RAVELER: by_call(raveler_copy, rows_in),
            "psycopg COPY": by_call(psycopg_copy, rows_in),
            "asyncpg COPY": by_call(asyncpg_copy, rows_in),
        },
    ),
)
