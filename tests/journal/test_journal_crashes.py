"""A map with a journal that is killed at random moments: in the end its results are those of an undisturbed run."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.deadline import let_pass
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = 400
KILLS = 12

SCRIPT = """
import asyncio, os, sys, time
import raveler as rv

journal, log, place = sys.argv[1:]
notes = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(value):
    os.write(notes, f"{value}\\n".encode())

def slow(value):
    note(value)
    time.sleep(0.001)
    return f"{value}:{rv.rng().random()}"

async def slow_on_the_loop(value):
    note(value)
    await asyncio.sleep(0.001)
    return f"{value}:{rv.rng().random()}"

def slow_elsewhere(log, value):
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, f"{value}\\n".encode())
    os.close(descriptor)
    time.sleep(0.001)
    return f"{value}:{rv.rng().random()}"

with rv.Runtime(workers=2, seed=7) as rt:
    print("begun", flush=True)
    items = range(ITEMS)
    if place == "process":
        results = rt.map(slow_elsewhere, [log] * ITEMS, items, journal=journal)
    else:
        function = slow_on_the_loop if place == "loop" else slow
        results = rt.map(function, items, on=place, concurrency=4, journal=journal)
    print(*results, sep=",", end="\\n\\n", flush=True)
""".replace("ITEMS", str(ITEMS))


def recorded(path: Path) -> int:
    """Return the number of items that a journal holds, as another process reads it."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    try:
        [(rows, last)] = connection.execute("SELECT count(*), max(position) FROM items")
    except sqlite3.OperationalError:
        return 0  # it was killed before the tables were there
    finally:
        connection.close()
    assert rows == (0 if last is None else last + 1)
    return int(rows)


def computed(log: Path) -> list[int]:
    """Return what was computed since the last look."""
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [int(line) for line in lines]


def finish(path: Path, log: Path, place: str, folder: Path) -> str:
    with running(SCRIPT, str(path), str(log), place, folder=folder) as script:
        text = script.expect("\n\n")
        ended = script.end()
    assert ended.code == 0, ended.err
    return text.splitlines()[1]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["process", "thread", "loop"])
def test_killed_at_any_moment_it_goes_on_from_what_was_recorded(place: str, tmp_path: Path) -> None:
    path, log = tmp_path / "run.db", tmp_path / "log"
    expected = finish(tmp_path / "undisturbed.db", tmp_path / "other", place, tmp_path)
    moments = random.Random(4)
    done, kills = 0, 0
    while kills < KILLS and done < ITEMS:
        with running(SCRIPT, str(path), str(log), place, folder=tmp_path) as script:
            script.expect("begun")
            let_pass(moments.uniform(0.0, 0.12))
            script.kill()
            script.process.wait()
            kills += 1
            now = recorded(path)
        again = computed(log)
        assert now >= done
        assert not [value for value in again if value < done], "a recorded item was computed again"
        assert len(set(again)) == len(again), "an item was computed twice in one run"
        done = now
    assert kills >= 3

    assert finish(path, log, place, tmp_path) == expected
    assert sorted(computed(log)) == [*range(done, ITEMS)]
    assert recorded(path) == ITEMS
