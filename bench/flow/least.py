"""The least that the main job computes: each of its parts alone, with all of the data there and nothing to wait for.

A script that waits between two steps finds its caches cold, and writes small transactions: what it computes would make
a limit that a better version passes. So every file is fetched first, many at once; then all are parsed one after
another; then all rows are written in large transactions.

`python -m bench.flow.least ADDRESS DATABASE` prints what it took.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import unquote

import raveler as rv
from bench.flow.command import command
from examples.index_library import CONNECTIONS, INSERT, ROWS, SCHEMA, places

if TYPE_CHECKING:
    from pathlib import Path


def index(address: str, target: Path) -> None:
    """Write the index of all files that the server lists."""
    with rv.Runtime() as rt, rv.http.Client(address, runtime=rt) as client:
        names = client.get("/").result().text.splitlines()
        pages = [page.content for page in client.get_many(names, concurrency=CONNECTIONS)]
    rows = [row for name, page in zip(names, pages, strict=True) for row in places(unquote(name), page)]
    with closing(sqlite3.connect(target)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA synchronous = normal")
        database.execute(SCHEMA)
        for start in range(0, len(rows), ROWS):
            with database:
                database.executemany(INSERT, rows[start : start + ROWS])


if __name__ == "__main__":
    command(index)
