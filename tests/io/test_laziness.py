"""Rules of what is started: nothing before it is needed, nothing left afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd

HEAD = """
import os, sys
from pathlib import Path

def threads():
    return sorted(Path(task, "comm").read_text().strip() for task in Path("/proc/self/task").iterdir())

def io_threads():
    return [name for name in threads() if name.startswith("raveler-io")]

import raveler as rv
"""


def say(tmp_path: Path, source: str, *args: str) -> str:
    """Return what a script says."""
    return run_script(HEAD + source, *args, folder=tmp_path).check().out.strip()


def test_import_starts_no_thread(tmp_path: Path) -> None:
    assert say(tmp_path, "print(len(threads()))") == "1"


@pytest.mark.parametrize("module", ["http", "transfer", "db", "files"])
def test_naming_a_module_starts_no_thread(tmp_path: Path, module: str) -> None:
    assert say(tmp_path, f"rv.{module}\nprint(len(threads()))") == "1"


def test_script_without_io_makes_no_io_runtime(tmp_path: Path) -> None:
    source = """
with rv.Runtime(workers=2) as rt:
    rt.submit(abs, -1).result()
    rt.map(abs, range(100)).list()
    rt.options(on="thread").submit(abs, -1).result()
    print(io_threads())
"""
    assert say(tmp_path, source) == "[]"


def test_making_a_client_or_a_database_makes_no_io_runtime(tmp_path: Path) -> None:
    source = """
client = rv.http.Client()
db = rv.db.connect("postgresql://ada@127.0.0.1:1/none")
print(io_threads())
client.close()
"""
    assert say(tmp_path, source) == "[]"


def test_first_request_makes_one_or_two_threads_and_no_worker(tmp_path: Path, odd: Odd) -> None:
    source = """
rv.http.get(sys.argv[1]).result()
children = "".join(Path(task, "children").read_text() for task in Path("/proc/self/task").iterdir())
print(1 <= len(io_threads()) <= 2, children.split())
"""
    assert say(tmp_path, source, odd.url("/bytes/1")) == "True []"


def test_io_threads_do_not_grow_with_the_work(tmp_path: Path, odd: Odd) -> None:
    source = """
with rv.http.Client() as client:
    client.get_many([sys.argv[1]] * 500).list()
    print(len(io_threads()) <= 2)
"""
    assert say(tmp_path, source, odd.url("/bytes/1")) == "True"


def test_worker_that_does_no_io_makes_no_io_runtime(tmp_path: Path, odd: Odd) -> None:
    source = """
rv.http.get(sys.argv[1]).result()
print(rv.submit(io_threads).result())
"""
    assert say(tmp_path, source, odd.url("/bytes/1")) == "[]"


def test_import_does_not_load_asyncio_or_other_heavy_modules(tmp_path: Path) -> None:
    source = "print([name for name in ('asyncio', 'ssl', 'http.client', 'sqlite3', 'json') if name in sys.modules])"
    assert say(tmp_path, source) == "[]"
