"""Rules of whole flows that end in a sink: interrupted, killed and gone on with, each item is there once."""

from __future__ import annotations

import csv
import json
import random
import select
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.databases import Database

pytestmark = pytest.mark.usefixtures("_clean")

ITEMS = 1500
FLOW = """
import sys
import raveler as rv

kind, target, journal = sys.argv[1:]

def row(number):
    return {"n": number, "word": f"word {number}"}

def main():
    source = range(1500) if journal else iter(int, 1)
    flow = rv.flow(source, journal=journal or None).map(row, on="thread", concurrency=4)
    print("begun", flush=True)
    if kind == "table":
        with rv.db.connect(target) as db:
            flow.to(db.table("words"), batch=50).run(progress=told)
    else:
        flow.to(target, batch=50).run(progress=told)
    print("end", flush=True)

def told(report):
    if report.stages[-1].items_out:
        print("batch", flush=True)

main()
"""


def in_file(target: str) -> list[int]:
    """Return the numbers in a file of lines."""
    with open(target) as file:  # noqa: PTH123 - the target is text
        if target.endswith("csv"):
            return [int(row["n"]) for row in csv.DictReader(file)]
        return [json.loads(line)["n"] for line in file]


def in_folder(target: str, folder: Path) -> list[int]:
    """Return the numbers in the objects of a folder."""
    del target
    return [number for path in sorted((folder / "parts").glob("part-*")) for number in in_file(str(path))]


def resumed(kind: str, target: str, journal: str, folder: Path, seed: int) -> None:
    """Run the flow, killed at moments of this seed, until it ends by itself."""
    chance = random.Random(seed)
    for _ in range(6):
        with running(FLOW, kind, target, journal, folder=folder) as script:
            script.expect("begun")
            select.select([], [], [], chance.uniform(0, 0.25))
            script.kill()
            script.process.wait()
    assert run_script(FLOW, kind, target, journal, folder=folder, goal_s=9).check().out.endswith("end\n")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_killed_flow_writes_every_line_once(tmp_path: Path, name: str) -> None:
    target = str(tmp_path / name)
    resumed("file", target, str(tmp_path / "run.db"), tmp_path, len(name))
    assert in_file(target) == list(range(ITEMS))


def test_killed_flow_writes_every_object_once(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    resumed("objects", f"file://{tmp_path}/parts/", str(tmp_path / "run.db"), tmp_path, 3)
    assert in_folder("", tmp_path) == list(range(ITEMS))


def test_killed_flow_writes_every_row_once(database: Database, tmp_path: Path) -> None:
    with rv.db.connect(database.url) as db:
        db.execute("CREATE TABLE words (n INTEGER, word VARCHAR(20))").result()
    resumed("table", database.url, "words", tmp_path, len(database.kind))
    with rv.db.connect(database.url) as db:
        found = [row[0] for row in db.fetch("SELECT n FROM words ORDER BY n").result()]
    assert found == list(range(ITEMS))


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_interrupted_flow_ends_soon_and_leaves_whole_batches(tmp_path: Path, name: str) -> None:
    target = str(tmp_path / name)
    with running(FLOW, "file", target, "", folder=tmp_path) as script:
        script.expect("batch")
        script.interrupt()
        ended = script.end(goal_s=1)
    assert "KeyboardInterrupt" in ended.err
    found = in_file(target)
    assert found
    assert len(found) % 50 == 0
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("script")) == [name]


def held(database: Database, transaction: rv.db.Transaction) -> None:
    """Keep all others from writing to the table until the transaction ends."""
    if database.kind == "postgresql":
        transaction.execute("LOCK TABLE words IN EXCLUSIVE MODE").result()
    elif database.kind == "mysql":
        transaction.fetch("SELECT * FROM words FOR UPDATE").result()
    else:
        transaction.execute("INSERT INTO words VALUES (-1, 'held')").result()


def test_interrupted_flow_gives_up_a_batch_that_waits_for_a_lock(database: Database, tmp_path: Path) -> None:
    with rv.db.connect(database.url) as db:
        db.execute("CREATE TABLE words (n INTEGER, word VARCHAR(20))").result()
        with running(FLOW, "table", database.url, "", folder=tmp_path) as script:
            with db.transaction() as transaction:
                held(database, transaction)
                script.expect("begun")
                select.select([], [], [], 0.5)
                script.interrupt()
                if database.kind != "sqlite":  # which waits for the lock of another process in one piece
                    script.process.wait(10)
            ended = script.end(goal_s=1)
        assert "KeyboardInterrupt" in ended.err
        count: int = db.fetch_value("SELECT COUNT(*) FROM words WHERE n >= 0").result()
        assert count % 50 == 0 if database.kind == "sqlite" else count == 0
