"""Rules of files as sinks: whole batches under the name, whatever happens."""

from __future__ import annotations

import csv
import json
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from raveler._core.sinks import open_sink
from tests.flow.written import names, written

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("_clean")


class Point(NamedTuple):
    """A row whose columns have names."""

    x: int
    y: int


def test_text_goes_line_by_line(tmp_path: Path) -> None:
    written(tmp_path / "out.txt", ["a", "b\n", b"c"], ["ü", b"\xff\n", ""])
    assert (tmp_path / "out.txt").read_bytes() == b"a\nb\nc\n\xc3\xbc\n\xff\n\n"


def test_path_may_be_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written("out.log", ["a"])
    assert (tmp_path / "out.log").read_text() == "a\n"


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "JSONL"])
def test_json_is_one_line_an_item(tmp_path: Path, ending: str) -> None:
    items: list[Any] = [{"a": 1, "b": [None, True]}, "two\nlines", 3.5, None, "ü", "\ud800", [], Point(1, 2)]
    written(tmp_path / f"out.{ending}", items[:3], items[3:])
    lines = (tmp_path / f"out.{ending}").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [*items[:-1], [1, 2]]
    assert "ü" in lines[4]


def test_csv_of_dicts_has_a_header(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [{"a": 1, "b": "x,y"}], [{"b": 'say "hi"\n', "a": None}])
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"a": "1", "b": "x,y"}, {"a": "", "b": 'say "hi"\n'}]


def test_csv_of_named_tuples_has_a_header(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [Point(1, 2), Point(3, 4)])
    assert (tmp_path / "out.csv").read_text() == "x,y\n1,2\n3,4\n"


def test_csv_of_tuples_has_none(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [(1, 2), [3, 4]])
    assert (tmp_path / "out.csv").read_text() == "1,2\n3,4\n"


@pytest.mark.parametrize(
    ("name", "good", "bad", "expected"),
    [
        ("out.txt", "a", 5, (TypeError, r"5 is a int; map it")),
        ("out.jsonl", 1, {1, 2}, (TypeError, r"JSON can't hold \{1, 2\}.*map it")),
        ("out.jsonl", 1, float("nan"), (ValueError, r"JSON can't hold nan")),
        ("out.csv", {"a": 1}, {"b": 1}, (ValueError, r"columns b.*columns a")),
        ("out.csv", {"a": 1}, {"a": 1, "b": 1}, (ValueError, r"columns a, b")),
        ("out.csv", (1,), {"a": 1}, (ValueError, r"without names")),
        ("out.csv", (1, 2), (1,), (ValueError, r"of 2 values")),
        ("out.csv", Point(1, 2), (1, 2, 3), (ValueError, r"of 2 values")),
        ("out.csv", (1,), "text", (TypeError, r"'text' is a str")),
    ],
)
def test_item_that_is_no_line_leaves_its_batch_out(
    tmp_path: Path, name: str, good: Any, bad: Any, expected: tuple[type[Exception], str]
) -> None:
    error, words = expected
    path = tmp_path / name
    with pytest.raises(error, match=words):
        written(path, [good], [good, bad], failed=True)
    whole = path.read_bytes()
    written(tmp_path / f"whole{path.suffix}", [good])
    assert whole == (tmp_path / f"whole{path.suffix}").read_bytes()
    assert names(tmp_path) == sorted([name, f"whole{path.suffix}"])


def test_header_of_a_batch_that_failed_is_written_with_the_next(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.csv")
    sink.open(None)
    with pytest.raises(ValueError, match="columns"):
        sink.write([{"a": 1}, {"b": 2}], None)
    sink.write([{"c": 1}], None)
    sink.close(failed=False)
    assert (tmp_path / "out.csv").read_text() == "c\n1\n"


def test_old_content_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    path.chmod(0o640)
    sink = open_sink(path)
    sink.open(None)
    sink.write(["new"], None)
    assert path.read_text() == "old"
    sink.close(failed=False)
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["out.txt"]


def test_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    written(tmp_path / "out.txt", ["a"])
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("state", [None, {}])
def test_failure_before_the_first_batch_leaves_what_was_there(tmp_path: Path, state: dict[str, Any] | None) -> None:
    path = tmp_path / "out.txt"
    written(path, state=state, failed=True)
    assert names(tmp_path) == []
    path.write_text("old")
    written(path, [], state=state, failed=True)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("state", [None, {}])
def test_end_without_items_is_an_empty_file(tmp_path: Path, state: dict[str, Any] | None) -> None:
    (tmp_path / "out.txt").write_text("old")
    sink = written(tmp_path / "out.txt", [], state=state)
    assert (tmp_path / "out.txt").read_text() == ""
    assert sink.state() == {}
    assert names(tmp_path) == ["out.txt"]


def test_failure_leaves_whole_batches_under_the_name(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("old")
    written(tmp_path / "out.txt", ["a", "b"], ["c"], failed=True)
    assert (tmp_path / "out.txt").read_text() == "a\nb\nc\n"


def test_link_leads_to_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/out.txt")
    written(tmp_path / "link", ["a"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "out.txt").read_text() == "a\n"
    assert names(tmp_path / "folder") == ["out.txt"]


def test_journalled_file_grows_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    sink = open_sink(path)
    sink.open({})
    assert path.read_text() == "old"
    sink.write(["a"], None)
    assert path.read_text() == "a\n"
    sink.write(["b"], None)
    assert path.read_text() == "a\nb\n"
    sink.close(failed=False)
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("name", ["out.txt", "out.jsonl", "out.csv"])
def test_file_goes_on_behind_the_last_batch_of_the_journal(tmp_path: Path, name: str) -> None:
    def item(number: int) -> Any:
        return {"n": number, "text": "x" * 3000} if name.endswith("csv") else str(number) * 3000

    whole = tmp_path / f"whole-{name}"
    written(whole, [item(number) for number in range(6)])
    path = tmp_path / name
    sink = open_sink(path)
    sink.open({})
    sink.write([item(0), item(1)], None)
    known = json.loads(json.dumps(sink.state()))
    sink.write([item(2)], None)
    sink.close(failed=True)
    with path.open("ab") as file:
        file.write(b"half a li")
    again = written(path, [item(2), item(3)], [item(4), item(5)], state=known)
    assert path.read_bytes() == whole.read_bytes()
    written(path, state=again.state())
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("change", ["gone", "shorter", "other"])
def test_file_that_the_journal_does_not_know_is_left_alone(tmp_path: Path, change: str) -> None:
    path = tmp_path / "out.txt"
    state = written(path, ["a" * 50], ["b" * 50], state={}).state()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(b"precious" if change == "shorter" else b"precious" * 50)
    before = names(tmp_path), path.read_bytes() if path.exists() else b""
    with pytest.raises(ValueError, match=r"out\.txt.*journal_reset=True"):
        written(path, ["c"], state=state)
    assert before == (names(tmp_path), path.read_bytes() if path.exists() else b"")


@pytest.mark.parametrize("state", [None, {}])
def test_two_runs_never_write_to_one_file(tmp_path: Path, state: dict[str, Any] | None) -> None:
    first = open_sink(tmp_path / "out.txt")
    first.open(state)
    for _ in range(2):
        with pytest.raises(BlockingIOError, match=r"out\.txt.*another run"):
            written(tmp_path / "out.txt", ["b"], state=state)
        first.write(["a"], None)
    first.close(failed=False)
    assert (tmp_path / "out.txt").read_text() == "a\na\n"
    written(tmp_path / "out.txt", ["b"])
    assert (tmp_path / "out.txt").read_text() == "b\n"


def test_folder_that_is_missing_shows_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder of .*nowhere/out\.txt.*make it"):
        written(tmp_path / "nowhere" / "out.txt")


@pytest.mark.parametrize("ending", ["", "/"])
def test_folder_is_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        written(f"{tmp_path}{ending}")
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        written(f"{tmp_path}/new/")


def test_device_is_refused() -> None:
    with pytest.raises(ValueError, match="no regular file; give a function"):
        written("/dev/null")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_folder_that_can_not_be_written_to_shows_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=r"out\.txt"):
        written(tmp_path / "out.txt")
    tmp_path.chmod(0o700)


def test_close_without_open_is_no_error(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.txt")
    sink.close(failed=True)
    sink.close(failed=False)
    assert names(tmp_path) == []


def test_sink_may_be_opened_again(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.csv")
    for column in "ab":
        sink.open(None)
        sink.write([{column: 1}], None)
        sink.close(failed=False)
        assert (tmp_path / "out.csv").read_text() == f"{column}\n1\n"
