"""The main job written by hand with what one would take: asyncio, aiohttp, a process pool and aiosqlite.

It is meant to be hard to beat: connections are kept, several files go into one call of the pool, each worker finds its
next call waiting, all queues are bounded, thousands of rows share a transaction, and the first error ends everything.

`python -m bench.flow.by_hand ADDRESS DATABASE` prints what it took.
"""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

import aiohttp
import aiosqlite

from bench.flow.command import command
from examples.index_library import CONNECTIONS, INSERT, ROWS, SCHEMA, Row, places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Page: TypeAlias = tuple[str, bytes]
    Pages: TypeAlias = asyncio.Queue[Page | None]  # None ends it
    Found: TypeAlias = asyncio.Queue[list[Row] | None]

WORKERS = len(os.sched_getaffinity(0))
CALLS = 2 * WORKERS
CHUNK_PAGES = 8
CHUNK_BYTES = 200_000


def places_of_many(pages: list[Page]) -> list[Row]:
    """Parse several files in one call of the pool."""
    return [row for name, source in pages for row in places(name, source)]


async def fetch(session: aiohttp.ClientSession, names: Iterator[str], pages: Pages) -> None:
    """Fetch files as long as there are names, in one of many coroutines."""
    for name in names:
        async with session.get(f"/{name}", raise_for_status=True) as response:
            await pages.put((unquote(name), await response.read()))


async def fetch_all(session: aiohttp.ClientSession, pages: Pages) -> None:
    """Fetch all files that the server lists, so many at once, and end the queue."""
    async with session.get("/", raise_for_status=True) as response:
        names = iter((await response.text()).splitlines())
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(fetch(session, names, pages))
    await pages.put(None)


async def chunk_of(pages: Pages) -> list[Page]:
    """Wait for one page, and take with it what else is there, up to a good call's worth; nothing at the end."""
    chunk: list[Page] = []
    size = 0
    while len(chunk) < CHUNK_PAGES and size < CHUNK_BYTES and (not chunk or not pages.empty()):
        page = await pages.get()
        if page is None:
            # The other readers must see the end too.
            pages.put_nowait(None)
            break
        chunk.append(page)
        size += len(page[1])
    return chunk


async def parse(pool: ProcessPoolExecutor, pages: Pages, found: Found) -> None:
    """Keep one call in the pool."""
    loop = asyncio.get_running_loop()
    while chunk := await chunk_of(pages):
        await found.put(await loop.run_in_executor(pool, places_of_many, chunk))


async def parse_all(pool: ProcessPoolExecutor, pages: Pages, found: Found) -> None:
    """Keep so many calls in the pool, and end the queue."""
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLS):
            group.create_task(parse(pool, pages, found))
    await found.put(None)


async def write_all(database: aiosqlite.Connection, found: Found) -> None:
    """Write all rows, thousands in one transaction."""
    rows: list[Row] = []
    while (more := await found.get()) is not None:
        rows += more
        if len(rows) >= ROWS:
            await database.executemany(INSERT, rows)
            await database.commit()
            rows = []
    await database.executemany(INSERT, rows)
    await database.commit()


async def overlap(address: str, target: Path, pool: ProcessPoolExecutor) -> None:
    """Fetch, parse and write at the same time."""
    pages: Pages = asyncio.Queue(CONNECTIONS)
    found: Found = asyncio.Queue(CALLS)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(address, connector=connector) as session, aiosqlite.connect(target) as database:
        await database.execute("PRAGMA journal_mode = wal")
        await database.execute("PRAGMA synchronous = normal")
        await database.execute(SCHEMA)
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch_all(session, pages))
            group.create_task(parse_all(pool, pages, found))
            group.create_task(write_all(database, found))


def index(address: str, target: Path) -> None:
    """Write the index of all files that the server lists."""
    # The workers are forked before there is a loop or another thread.
    with ProcessPoolExecutor(WORKERS) as pool:
        pool.submit(places, "", b"").result()
        asyncio.run(overlap(address, target, pool))


if __name__ == "__main__":
    command(index)
