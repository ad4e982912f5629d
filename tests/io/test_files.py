"""Rules of reading and writing files: whole, atomic, in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.io.conftest import RunLoop


def test_read_gives_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00\xff" * 1000)
    task = rv.files.read(tmp_path / "file")
    assert isinstance(task, rv.Task)
    assert task.result() == b"\x00\xff" * 1000


def test_read_takes_a_path_as_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert rv.files.read(str(tmp_path / "file")).result() == b"x"


def test_read_gives_text_in_the_encoding_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Grüße", encoding="utf-8")
    assert rv.files.read(tmp_path / "file", encoding="utf-8").result() == "Grüße"
    (tmp_path / "file").write_text("Grüße", encoding="latin-1")
    assert rv.files.read(tmp_path / "file", encoding="latin-1").result() == "Grüße"


def test_read_of_text_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UnicodeDecodeError):
        rv.files.read(tmp_path / "file", encoding="utf-8").result()


def test_unknown_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(LookupError, match="nonsense"):
        rv.files.read(tmp_path / "file", encoding="nonsense").result()


@pytest.mark.parametrize("size", [0, 1, 65_536, 50_000_000])
def test_what_was_written_is_read(tmp_path: Path, size: int) -> None:
    data = os.urandom(1000) * (size // 1000) + b"x" * (size % 1000)
    rv.files.write(tmp_path / "file", data).result()
    assert (tmp_path / "file").read_bytes() == data
    assert rv.files.read(tmp_path / "file").result() == data


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")])
def test_write_takes_what_holds_bytes(tmp_path: Path, data: Any) -> None:
    rv.files.write(tmp_path / "file", data).result()
    assert (tmp_path / "file").read_bytes() == b"bytes"


def test_write_takes_text(tmp_path: Path) -> None:
    rv.files.write(tmp_path / "file", "Grüße").result()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "Grüße"


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    for word in (b"first", b"second"):
        rv.files.write(tmp_path / "file", word).result()
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"second"


def test_write_keeps_the_mode_of_the_file_that_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    rv.files.write(path, b"new").result()
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("call", ["read", "write"])
def test_path_that_is_not_there_is_the_error_of_the_standard_library(tmp_path: Path, call: str) -> None:
    path = tmp_path / "missing" / "file"
    task = rv.files.read(path) if call == "read" else rv.files.write(path, b"x")
    with pytest.raises(FileNotFoundError) as caught:
        task.result()
    assert "missing" in str(caught.value)


def test_reading_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name):
        rv.files.read(tmp_path).result()


def test_file_is_awaited(tmp_path: Path, run_loop: RunLoop) -> None:
    async def main() -> bytes:
        await rv.files.write(tmp_path / "file", b"x")
        found: bytes = await rv.files.read(tmp_path / "file")
        return found

    assert run_loop(main) == b"x"


def test_full_disk_keeps_the_old_content(tmp_path: Path) -> None:
    source = """
import resource, signal, sys
import raveler as rv
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rv.files.read(sys.argv[1]).result()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    rv.files.write(sys.argv[1], b"x" * 100_000).result()
except OSError as error:
    print(open(sys.argv[1]).read(), error.errno is not None)
"""
    (tmp_path / "target").mkdir()
    path = tmp_path / "target" / "file"
    path.write_text("old")
    assert run_script(source, str(path), folder=tmp_path).check().out == "old True\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_readers_see_the_old_or_the_new_content_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 1_000_000)
    writes = [rv.files.write(path, word * 1_000_000, durable=False) for word in (b"b", b"c") for _ in range(10)]
    while not all(task.done() for task in writes):
        found = path.read_bytes()
        assert len(found) == 1_000_000
        assert len(set(found)) == 1


def test_many_are_read_in_input_order(tmp_path: Path) -> None:
    for index in range(500):
        (tmp_path / f"{index}").write_bytes(b"%d" % index * (1 + index % 7 * 1000))
    paths = [tmp_path / f"{index}" for index in range(500)]
    assert rv.files.read_many(paths).list() == [path.read_bytes() for path in paths]


def test_many_are_read_lazily(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    pulled = 0

    def paths() -> Iterator[Path]:
        nonlocal pulled
        while True:
            pulled += 1
            yield tmp_path / "file"

    results = rv.files.read_many(paths())
    assert [next(results) for _ in range(10)] == [b"x"] * 10
    results.close()
    assert pulled < 2_000


def test_error_among_many_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    first, second = rv.files.read_many([tmp_path / "a", tmp_path / "b"], errors="return")
    assert first == b"a"
    assert isinstance(second, FileNotFoundError)
    assert rv.files.read_many([tmp_path / "a", tmp_path / "b"], errors="skip").list() == [b"a"]
    with pytest.raises(FileNotFoundError):
        rv.files.read_many([tmp_path / "a", tmp_path / "b"]).list()


def test_many_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("ä", encoding="utf-8")
    assert rv.files.read_many([tmp_path / "a"], encoding="utf-8").list() == ["ä"]


def test_reads_that_are_done_or_not_feed_workers(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("abc")
    with rv.Runtime(workers=1) as rt:
        done = rv.files.read(path, runtime=rt)
        assert done.exception() is None
        assert rt.submit(len, done).result() == 3
        assert rt.submit(len, rv.files.read(path, runtime=rt)).result() == 3
        assert rt.submit(len, rv.files.read(path)).result() == 3
