"""Index every identifier of Python's own standard library: fetch over HTTP, parse on all cores, write into SQLite.

A server in a process of its own hands out the files and takes 10 ms for each, as a server elsewhere would. The flow
fetches, parses and writes at the same time. Then the same work is done by a plain script and by one written by hand
with asyncio, aiohttp, a process pool and aiosqlite (bench/flow/), and all databases must hold the same.

    python examples/index_library.py                          # build library.sqlite, and compare
    python examples/index_library.py search "*_lock" fsum     # look names up, wildcards allowed
    python examples/index_library.py --alone --folder src     # index another folder, compare with nobody
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import time
import warnings
from collections import defaultdict
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import Iterator

Row: TypeAlias = tuple[str, str, int, str]  # name, file, how often, in which lines

SCHEMA = "CREATE TABLE places (name TEXT, file TEXT, count INTEGER, lines TEXT, PRIMARY KEY (name, file)) WITHOUT ROWID"
INSERT = "INSERT INTO places VALUES (?, ?, ?, ?)"
SEARCH = "SELECT name, file, count, lines FROM places WHERE name GLOB ? ORDER BY count DESC, name, file"
CONNECTIONS = 64
ROWS = 5_000  # of one transaction
LATENCY_S = 0.010
REPOSITORY = Path(__file__).parents[1]
VERSIONS = {
    "by_hand": "asyncio, aiohttp, process pool, aiosqlite",
    "sequential": "plain script, one file after another",
}
PACKAGES = {"by_hand": ("aiohttp", "aiosqlite"), "sequential": ()}


def places(file: str, source: bytes) -> list[Row]:
    """Return the lines of every identifier in one file; nothing if this interpreter can't parse it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return []
    lines = defaultdict[str, list[int]](list)
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name)
                | ast.Attribute(attr=name)
                | ast.arg(arg=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                lines[name].append(node.lineno)
    return [(name, file, len(found), " ".join(map(str, sorted(found)))) for name, found in sorted(lines.items())]


def places_in(page: rv.http.Response) -> list[Row]:
    """Return the rows of one file as it was fetched."""
    return places(unquote(urlsplit(page.url).path[1:]), page.raise_for_status().content)


def index(address: str, target: Path, *, progress: bool = False) -> rv.FlowReport:
    """Write the index of all files that the server lists, and return what the stages did."""
    with (
        rv.Runtime() as rt,
        rv.http.Client(address, runtime=rt) as client,
        rv.db.connect(f"sqlite:{target}", runtime=rt) as db,
    ):
        db.execute(SCHEMA).result()
        names = client.get("/").result().text.splitlines()
        return (
            rt.flow(names)
            .fetch(client, concurrency=CONNECTIONS)  # Rust, many at once
            .flat_map(places_in)  # worker processes, one a core
            .to(db.table("places"), batch=ROWS)  # Rust, one transaction a batch
            .run(progress=progress)
        )


class Library:
    """The server's process: it ends with this one, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Start it, and learn its address and the number of its files."""
        self._process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603 - our own server
            [sys.executable, "-m", "bench.flow.server", str(folder.resolve())],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told: str = self._process.stdout.readline() if self._process.stdout else ""
        if not told:
            sys.exit(f"the server of {folder} did not start")
        self.address, _, files = told.partition(" ")
        self.files = int(files)

    def computed(self) -> float:
        """Return the seconds of a core that it has used so far."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@contextmanager
def library(folder: Path) -> Iterator[Library]:
    """Serve a folder for the length of a block."""
    server = Library(folder)
    try:
        yield server
    finally:
        server.close()


class Took(NamedTuple):
    """What one version took, and what it wrote."""

    seconds: float
    computed: float  # seconds of cores, the server's included
    rows: int
    digest: str


class Limit(NamedTuple):
    """The least seconds in which the work can be done."""

    computing: float
    waiting: float

    @property
    def seconds(self) -> float:
        """What takes longer, since both can go on at the same time."""
        return max(self.computing, self.waiting)


def limit(computed: float, files: int, cores: int) -> Limit:
    """Return the limit of work that computes so many seconds on one core and waits for each of its files."""
    return Limit(computed / cores, files * LATENCY_S / CONNECTIONS)


def digest(path: Path) -> tuple[int, str]:
    """Return the number of rows, and a hash over all of them in their order."""
    content = hashlib.sha256()
    count = 0
    with rv.db.connect(f"sqlite:{path}") as db:
        for row in db.stream("SELECT name, file, count, lines FROM places ORDER BY name, file", batch=ROWS):
            content.update(repr(row).encode())
            count += 1
    return count, content.hexdigest()


def run_version(module: str, title: str, server: Library, target: Path) -> Took:
    """Run one of the other versions in a process of its own, with a clock to watch."""
    before, started = server.computed(), time.perf_counter()
    command = [sys.executable, "-m", f"bench.flow.{module}", server.address, str(target)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        while True:
            try:
                told, _ = process.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if sys.stdout.isatty():
                    print(f"\r  {title:<44}{time.perf_counter() - started:7.1f} s", end="", flush=True)
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")
    if process.returncode:
        sys.exit(f"{title} failed")
    took = json.loads(told)
    return Took(took["seconds"], took["computed"] + server.computed() - before, *digest(target))


def compare(own: Took, server: Library) -> None:
    """Let the others do the same work, and print the times, the ratios and the limit."""
    print(f"\n  {'the same work':<44}{'seconds':>9}  raveler is")
    print(f"  {'raveler':<44}{own.seconds:9.2f}")
    found = {"raveler": own}
    with TemporaryDirectory() as folder:
        for module, title in VERSIONS.items():
            missing = [name for name in PACKAGES[module] if find_spec(name) is None]
            if missing:
                print(f"  {title:<44}{'-':>9}   not compared: pip install {' '.join(missing)}")
                continue
            found[module] = took = run_version(module, title, server, Path(folder, f"{module}.sqlite"))
            print(f"  {title:<44}{took.seconds:9.2f}{took.seconds / own.seconds:6.2f} times as fast", flush=True)
        # The less disturbed of two runs: a limit must not be loose.
        parts = min(
            (run_version("least", "each part alone", server, Path(folder, f"{n}.sqlite")) for n in range(2)),
            key=lambda took: took.computed,
        )
    if len({(took.rows, took.digest) for took in (*found.values(), parts)}) > 1:
        sys.exit("The databases differ.")
    cores = len(os.sched_getaffinity(0))
    least = limit(parts.computed, server.files, cores)
    print(f"  {f'the limit of {cores} cores':<44}{least.seconds:9.2f}{least.seconds / own.seconds:6.2f} of it\n")
    print(f"All {len(found)} databases hold the same {own.rows:,} rows: sha256 {own.digest[:16]}...")
    print(
        f"The limit: the parts, each done alone, and the server compute for {parts.computed:.2f} s, which {cores} "
        f"cores do in {least.computing:.2f} s;\n{server.files:,} answers of {1000 * LATENCY_S:.0f} ms over "
        f"{CONNECTIONS} connections take {least.waiting:.2f} s meanwhile."
    )


def build(folder: Path, target: Path, *, alone: bool) -> None:
    """Build the index, and compare."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    with library(folder) as server:
        print(f"Python {platform.python_version()} indexes {server.files:,} files of {folder},")
        print(f"served at {server.address}, {1000 * LATENCY_S:.0f} ms a file\n", flush=True)
        started, before = time.perf_counter(), server.computed()
        report = index(server.address, target, progress=True)
        own = Took(time.perf_counter() - started, server.computed() - before, *digest(target))
        print(report)
        if not alone:
            compare(own, server)
    print(f'\nNow search it: {Path(sys.argv[0])} search --index {target} "*_lock" heappush')


def search(patterns: list[str], path: Path, shown: int = 5) -> None:
    """Print where the names that match each pattern stand, the most frequent first."""
    if not path.exists():
        sys.exit(f"{path} does not exist; build it first, by the same command without search")
    with rv.db.connect(f"sqlite:{path}") as db:
        for pattern, rows in zip(patterns, db.fetch_many(SEARCH, [(name,) for name in patterns]).result(), strict=True):
            print(f"{pattern}: {sum(row[2] for row in rows):,} places in {len({row[1] for row in rows}):,} files")
            for name, file, count, lines in rows[:shown]:
                first = ", ".join(lines.split(" ", shown)[:shown])
                print(f"  {name:<20} {count:6,}  {file}:{first}{', ...' if count > shown else ''}")


def main() -> None:
    """Build the index, or search it."""
    parser = argparse.ArgumentParser(description="Index Python files: fetch, parse and write at the same time.")
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_path("stdlib")), help="what is indexed")
    parser.add_argument("--index", type=Path, default=Path("library.sqlite"), help="the database, made or searched")
    parser.add_argument("--alone", action="store_true", help="compare with nobody")
    parser.add_argument("words", nargs="*", metavar="search NAME", help="look names up instead; * and ? are allowed")
    options = parser.parse_intermixed_args()
    match options.words:
        case []:
            build(options.folder, options.index, alone=options.alone)
        case ["search", first, *others]:
            search([first, *others], options.index)
        case _:
            parser.error('say "search NAME", or nothing to build the index')


if __name__ == "__main__":
    main()
