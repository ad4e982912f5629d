"""The main job as a plain script: fetch a file, parse it, write its rows, then the next.

`python -m bench.flow.sequential ADDRESS DATABASE` prints what it took.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bench.flow.command import command
from examples.index_library import INSERT, ROWS, SCHEMA, Row, places

if TYPE_CHECKING:
    from pathlib import Path


def get(connection: HTTPConnection, path: str) -> bytes:
    """Fetch one file on a connection that is kept."""
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} was answered with {response.status}, not with 200")
    return body


def index(address: str, target: Path) -> None:
    """Write the index of all files that the server lists."""
    with (
        closing(HTTPConnection(urlsplit(address).netloc)) as connection,
        closing(sqlite3.connect(target)) as database,
    ):
        database.execute("PRAGMA journal_mode = wal")
        database.execute("PRAGMA synchronous = normal")
        database.execute(SCHEMA)
        rows: list[Row] = []
        for name in get(connection, "/").decode().splitlines():
            rows += places(unquote(name), get(connection, f"/{name}"))
            if len(rows) >= ROWS:
                with database:
                    database.executemany(INSERT, rows)
                rows = []
        with database:
            database.executemany(INSERT, rows)


if __name__ == "__main__":
    command(index)
