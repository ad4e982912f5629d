"""The command ``raveler journal``: what a journal holds, while it is written too, and what is none."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from raveler._cli import main
from raveler._core.fingerprint import Fingerprint, part
from raveler._core.journal import Journal
from raveler._core.journal_store import FileStore
from raveler._core.journal_tables import TableStore
from tests import work

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.databases import Database


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command prints."""
    assert main(["journal", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_it_says_what_the_journal_holds(rt: rv.Runtime, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rt.map(work.double, range(1500), on="thread", journal=path, timeout=5.0).list()
    out = shown(capsys, str(path))
    for words in (
        rf"^journal +{re.escape(str(path))}, [\d,]+ bytes$",
        r"^call +map double$",
        r"^finished +1,500 items$",
        r"^begun +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, opened once, last written 20",
        r"^depends on +seed 7, Python 3\.\d+, raveler \d+$",
        r"^  map double: timeout = 5\.0$",
        r"^  map double: the code of double: digest [0-9a-f]{24}$",
    ):
        assert re.search(words, out, re.MULTILINE), f"{words!r} is not in\n{out}"
    assert "in use" not in out
    assert "state" not in out
    assert [each.name for each in path.parent.iterdir()] == ["run.db"]


def test_items_are_listed_by_their_keys(rt: rv.Runtime, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rt.map(type, ["a", object()], on="thread", journal=path).list()
    lines = shown(capsys, str(path), "--items").splitlines()
    assert re.fullmatch(r" +0  'a'  \d+ bytes", lines[-3])
    assert re.fullmatch(r" +1  \(no key\)  \d+ bytes", lines[-2])


def test_it_reads_beside_the_run_that_writes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal.open(FileStore(path), Fingerprint.of((part("batch"),), seed=0), reset=False)
    list(journal.source(iter("abc")))
    journal.record(2, None, {"offset": 10})
    done = subprocess.run(
        [sys.executable, "-m", "raveler._cli", "journal", str(path)], capture_output=True, text=True, check=True
    )
    assert "finished    2 items" in done.stdout
    assert 'state       {"offset": 10}' in done.stdout
    assert re.search(r"^in use +process \d+ writes it$", done.stdout, re.MULTILINE)
    journal.record(None, None, {})
    journal.close()
    assert "finished    3 items" in shown(capsys, str(path))


def test_it_shows_all_journals_of_a_database(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with rv.db.connect(database.url) as db:
        for name in ("one", "two"):
            call = Fingerprint.of((part("map", len),), seed=0)
            journal = Journal.open(TableStore(db, name), call, reset=False)
            list(journal.source(iter("abc")))
            journal.record(None, None, {})
    out = shown(capsys, database.url, "--items")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("journal ")] == ["one", "two"]
    assert out.count("finished    3 items") == 2
    assert out.count("'a'") == 2


@pytest.mark.parametrize("content", [None, "a letter", ""])
def test_what_is_no_journal_is_told(content: str | None, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if content is not None:
        path.write_text(content)
    assert main(["journal", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"raveler: (there is no journal {path}|{path} is no journal of raveler)", err)
    assert [each.name for each in path.parent.iterdir()] == ([] if content is None else ["run.db"])


def test_database_without_a_journal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", f"sqlite:{tmp_path}/other.db"]) == 1
    assert capsys.readouterr().err.startswith("raveler: no journal can be read in ")
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "other.db"
    with rv.db.connect(f"sqlite:{path}") as db:
        db.execute("CREATE TABLE words (word TEXT)").result()
    assert main(["journal", f"sqlite:{path}"]) == 1
    assert "no journal can be read in " in capsys.readouterr().err


def test_reader_that_leaves_early_is_no_error(rt: rv.Runtime, path: Path) -> None:
    rt.map(work.double, range(20_000), on="thread", journal=path).list()
    command = f"'{sys.executable}' -m raveler._cli journal '{path}' --items | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
