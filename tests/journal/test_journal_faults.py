"""What stands in the way of a journal: other runs, other files, no room, no rights. Each is told, and loses nothing."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core.fingerprint import Fingerprint
from raveler._core.journal import Journal
from raveler._core.journal_store import FileStore
from tests import work
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

CALL = Fingerprint.of((), seed=0)


def fill(path: Path, items: int) -> None:
    journal = Journal.open(FileStore(path), CALL, reset=False)
    source = journal.source(iter(range(items)))
    journal.record(None, [[item] for item in list(source)], {})
    journal.close()


HOLDER = """
import sys
from raveler._core.fingerprint import Fingerprint
from raveler._core.journal import Journal
from raveler._core.journal_store import FileStore

journal = Journal.open(FileStore(sys.argv[1]), Fingerprint.of((), seed=0), reset=False)
print("held", flush=True)
sys.stdin.readline()
journal.close()
print("freed", flush=True)
sys.stdin.readline()
"""


def test_second_process_is_refused_while_the_first_has_it(path: Path, tmp_path: Path) -> None:
    with running(HOLDER, str(path), folder=tmp_path) as holder:
        holder.expect("held")
        with pytest.raises(rv.JournalError, match=rf"is in use: process {holder.pid} writes it; wait for its end"):
            fill(path, 1)
        holder.say("go on")
        holder.expect("freed")
        fill(path, 1)


def test_killed_process_frees_it(path: Path, tmp_path: Path) -> None:
    with running(HOLDER, str(path), folder=tmp_path) as holder:
        holder.expect("held")
        holder.kill()
        holder.process.wait()
    fill(path, 1)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("run")] == ["run.db"]


def test_journal_by_another_name_is_the_same_one(path: Path, tmp_path: Path) -> None:
    fill(path, 1)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    journal = Journal.open(FileStore(path), CALL, reset=False)
    with pytest.raises(rv.JournalError, match="another run of this process writes it"):
        Journal.open(FileStore(link), CALL, reset=False)
    journal.close()


FORKED = """
import os, sys
from raveler._core.fingerprint import Fingerprint
from raveler._core.journal import Journal
from raveler._core.journal_store import FileStore

journal = Journal.open(FileStore(sys.argv[1]), Fingerprint.of((), seed=0), reset=False)
child = os.fork()
if child == 0:
    journal.close()
    os._exit(0)
os.waitpid(child, 0)
assert os.path.exists(sys.argv[1] + "-lock")
next(journal.source(iter([0])))
journal.record(None, [[0]], {})
journal.close()
assert not os.path.exists(sys.argv[1] + "-lock")
"""


def test_fork_that_closes_it_takes_nothing_away(path: Path, tmp_path: Path) -> None:
    run_script(FORKED, str(path), folder=tmp_path).check()
    fill(path, 1)


def test_file_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("a letter, not a journal\n" * 100)
    for reset in (False, True):
        with pytest.raises(rv.JournalMismatch, match="is no journal of raveler; give the journal a file of its own"):
            Journal.open(FileStore(path), CALL, reset=reset)
    assert path.read_text() == "a letter, not a journal\n" * 100


def test_database_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    content = path.read_bytes()
    for reset in (False, True):
        with pytest.raises(rv.JournalMismatch, match="is a database but no journal of raveler"):
            Journal.open(FileStore(path), CALL, reset=reset)
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["run.db"]


def test_journal_of_another_format_is_refused(path: Path) -> None:
    fill(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(rv.JournalMismatch, match="has format 99, and this raveler writes format 1"):
        fill(path, 1)


def test_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    fill(path, 3)


def test_damaged_fingerprint_is_told(path: Path) -> None:
    fill(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE facts SET value = 'x' WHERE name = 'fingerprint'")
    connection.commit()
    connection.close()
    with pytest.raises(rv.JournalError, match="is damaged"):
        fill(path, 1)


def test_damaged_outcome_is_told(path: Path) -> None:
    fill(path, 3)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE items SET outcome = x'00' WHERE position = 1")
    connection.commit()
    connection.close()
    journal = Journal.open(FileStore(path), CALL, reset=False)
    with pytest.raises(rv.JournalError, match=r"the outcome of item 1 in the journal .* can't be read"):
        list(journal.outcomes())
    journal.close()


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(rv.JournalError, match="there is no such folder; make it first"):
        Journal.open(FileStore(tmp_path / "missing" / "run.db"), CALL, reset=False)


READ_ONLY = """
import os, sys
import raveler as rv
from raveler._core.fingerprint import Fingerprint
from raveler._core.journal import Journal
from raveler._core.journal_store import FileStore

os.setuid(65534)
try:
    Journal.open(FileStore(sys.argv[1]), Fingerprint.of((), seed=0), reset=False)
except rv.JournalError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o755)
    for parent in [tmp_path, *tmp_path.parents[:3]]:
        if parent.stat().st_uid == 0 and str(parent) != "/tmp":
            parent.chmod(0o755)
    ended = run_script(READ_ONLY, str(folder / "run.db"), how="-c")
    assert ended.out.startswith(f"the journal {folder}/run.db can't be opened: Permission denied"), ended.err


FULL = """
import resource, signal, sys
import raveler as rv

def page(number):
    return str(number) * 1000

limit = int(sys.argv[2])
done = 0
with rv.Runtime(engine="serial") as rt:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    results = rt.map(page, range(1000), on="thread", journal=sys.argv[1])
    try:
        for result in results:
            done += 1
    except rv.JournalError as error:
        print(error)
        assert results.closed
print("given", done)
"""


def test_full_disk_is_told_and_what_was_recorded_is_kept(path: Path, tmp_path: Path) -> None:
    first = run_script(FULL, str(path), str(1 << 20), folder=tmp_path, goal_s=5.0).check()
    assert f"the journal {path} can't be written: " in first.out
    assert "what it recorded before is safe" in first.out

    second = run_script(FULL, str(path), "0", folder=tmp_path, goal_s=5.0)
    second.check()
    assert second.out == "given 1000\n"


INTERRUPTED = """
import sys, time
import raveler as rv

def slow(value):
    time.sleep(0.01)
    return value

rt = rv.Runtime(workers=2)
with rt:
    results = rt.map(slow, range(100000), on="thread", concurrency=4, journal=sys.argv[1])
    for number, result in enumerate(results):
        if number == 20:
            print("under way", flush=True)
"""


def test_interrupt_ends_the_run_at_once_and_keeps_what_was_given(path: Path, tmp_path: Path) -> None:
    with running(INTERRUPTED, str(path), folder=tmp_path) as script:
        script.expect("under way")
        script.interrupt()
        ended = script.end(goal_s=1.0)
    assert "KeyboardInterrupt" in ended.err
    assert ended.left_behind == {}
    assert ended.seconds < 1.0
    connection = sqlite3.connect(path)
    [(rows, last)] = connection.execute("SELECT count(*), max(position) FROM items")
    connection.close()
    assert rows == last + 1 >= 21


def test_closed_journal_says_so(path: Path) -> None:
    journal = Journal.open(FileStore(path), CALL, reset=False)
    journal.close()
    journal.close()
    with pytest.raises(rv.JournalError, match="is closed"):
        journal.record(None, None, {})


def test_results_that_are_dropped_free_the_journal(rt: rv.Runtime, path: Path) -> None:
    def drop() -> Any:
        next(rt.map(work.double, range(5), on="thread", journal=path))

    drop()
    assert rt.map(work.double, range(5), on="thread", journal=path).list() == [0, 2, 4, 6, 8]
