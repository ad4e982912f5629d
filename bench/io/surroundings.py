"""The servers that all contestants of a run share: nginx with one worker, a sink for uploads, PostgreSQL.

They are the same that the tests use. Contestants find them by the environment.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deadline import eventually
from tests.io.guardian import Guarded
from tests.io.servers import Nginx, NotInstalled, Postgres, free_port, is_listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = b"k" * 1000
FILES = 2_000
FILE_BYTES = 64 * 1024
LARGE_BYTES = 256_000_000
UPLOADS = 4
UPLOAD_BYTES = 64_000_000
ROWS = 1_000_000
POINTS = 10_000

READINGS = f"""
CREATE TABLE readings AS
SELECT i::bigint AS id, i * 0.5::float8 AS value, 'station ' || (i % 100) AS station, i % 2 = 0 AS good,
       '2024-01-01'::timestamptz + i * interval '1 second' AS at
FROM generate_series(1, {ROWS}) AS i
"""
POINT_TABLE = f"CREATE TABLE points AS SELECT i AS id, 'point ' || i AS name FROM generate_series(0, {POINTS - 1}) AS i"

_PREFIX = "RAVELER_BENCH_"


def address(name: str) -> str:
    """Return the address of a server, as a contestant.

    Raises:
        ImportError: If this machine has no such server: the contestant is absent then.
    """
    found = os.environ.get(_PREFIX + name.upper())
    if found is None:
        raise ImportError(f"{name} is not installed on this machine")
    return found


@contextmanager
def servers() -> Iterator[None]:
    """Start what is installed, fill it, tell the contestants by the environment, and end it."""
    starting: dict[str, Callable[[Path], tuple[str, Callable[[], None]]]] = {
        "nginx": start_nginx, "sink": start_sink, "postgres": start_postgres,
    }  # fmt: skip
    ends: list[Callable[[], None]] = []
    with tempfile.TemporaryDirectory(prefix="raveler-bench-") as folder:
        try:
            for name, start in starting.items():
                try:
                    os.environ[_PREFIX + name.upper()], end = start(Path(folder))
                except NotInstalled as reason:
                    print(f"left out: {reason}", file=sys.stderr)
                    continue
                ends.append(end)
            write_uploads(Path(folder))
            yield
        finally:
            for end in ends:
                end()


def start_nginx(folder: Path) -> tuple[str, Callable[[], None]]:
    """Start nginx with all files of the rows."""
    server = Nginx(folder / "nginx")
    (server.www / "small").write_bytes(SMALL)
    with (server.www / "large").open("wb") as file:
        file.write(os.urandom(1_000_000) * (LARGE_BYTES // 1_000_000))
    (server.www / "files").mkdir()
    for index in range(FILES):
        (server.www / "files" / f"{index}.bin").write_bytes(os.urandom(16) * (FILE_BYTES // 16))
    return server.url(""), server.stop


def start_sink(folder: Path) -> tuple[str, Callable[[], None]]:
    """Start the server that swallows uploads."""
    port = free_port()
    process = Guarded([sys.executable, "-m", "bench.io.sink", str(port)], str(folder / "sink.log"))
    eventually(lambda: is_listening(port), what="the start of the sink")
    return f"http://127.0.0.1:{port}", process.stop


def start_postgres(folder: Path) -> tuple[str, Callable[[], None]]:
    """Start PostgreSQL with the tables that are read and the one that is written."""
    del folder
    server = Postgres()
    server.ask(READINGS)
    server.ask(POINT_TABLE)
    server.ask("ALTER TABLE points ADD PRIMARY KEY (id)")
    server.ask("CREATE UNLOGGED TABLE written (id bigint, value float8, station text)")
    server.ask("VACUUM ANALYZE")
    return server.url, server.stop


def write_uploads(folder: Path) -> None:
    """Write the files that are sent up."""
    for index in range(UPLOADS):
        (folder / f"upload-{index}").write_bytes(os.urandom(1_000_000) * (UPLOAD_BYTES // 1_000_000))
    os.environ[_PREFIX + "UPLOADS"] = str(folder)


def uploads() -> list[Path]:
    """Return the files that are sent up."""
    return [Path(address("uploads"), f"upload-{index}") for index in range(UPLOADS)]
