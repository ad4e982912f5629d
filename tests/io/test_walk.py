"""Rules of walking and matching folders: sorted, complete, and no silent gaps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import raveler as rv
from tests.scripts import run_script

TREE = ["a/one.py", "a/two.txt", "a/deep/er/three.py", "b/four.py", "five.py", "ä/sechs.py", ".hidden/seven.py"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder with files."""
    for name in TREE:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "tree"


def relative(found: object, root: Path) -> list[str]:
    """Return paths below ``root``, in the order in which they came."""
    return [str(Path(path).relative_to(root)) for path in found]  # type: ignore[attr-defined]


def test_walk_finds_every_file(tree: Path) -> None:
    found = relative(rv.files.walk(tree), tree)
    assert sorted(found) == sorted(name for name in TREE if not name.startswith(".")) or sorted(found) == sorted(TREE)


def test_walk_gives_text(tree: Path) -> None:
    assert all(isinstance(path, str) for path in rv.files.walk(tree))


def test_order_of_a_walk_does_not_depend_on_the_disk(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in reversed(TREE):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).touch()
    assert relative(rv.files.walk(tree), tree) == relative(rv.files.walk(other), other)


def test_walk_of_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        rv.files.walk(tmp_path / "missing").list()


def test_walk_of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert rv.files.walk(tmp_path).list() == []


def test_walk_does_not_run_in_circles(tree: Path) -> None:
    (tree / "a" / "circle").symlink_to(tree, target_is_directory=True)
    assert len(rv.files.walk(tree).list()) <= len(TREE) + 1


def test_walk_can_be_left_early(tmp_path: Path) -> None:
    for index in range(3_000):
        (tmp_path / f"{index:05}").touch()
    results = rv.files.walk(tmp_path)
    assert next(results).endswith("00000")
    results.close()


def test_unreadable_folder_is_no_silent_gap(tmp_path: Path) -> None:
    source = """
import os, pathlib, sys
import raveler as rv
rv.files.walk(os.path.dirname(__file__)).list()  # what is imported late is imported now
if os.getuid() == 0:
    os.setuid(65534)  # root would read everything
try:
    rv.files.walk(sys.argv[1]).list()
except PermissionError as error:
    print("shut" in str(error))
print([type(found).__name__ for found in rv.files.walk(sys.argv[1], errors="return")])
"""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "open").mkdir()
        (root / "open" / "file").touch()
        (root / "shut").mkdir(mode=0)
        ended = run_script(source, folder, folder=tmp_path)
        (root / "shut").chmod(0o755)
    assert ended.check().out == "True\n['str', 'PermissionError']\n"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.py", ["five.py"]),
        ("a/*.py", ["a/one.py"]),
        ("**/*.py", ["a/deep/er/three.py", "a/one.py", "b/four.py", "five.py", "ä/sechs.py"]),
        ("a/**/*.py", ["a/deep/er/three.py", "a/one.py"]),
        ("?/four.p[xy]", ["b/four.py"]),
        ("*.none", []),
    ],
)
def test_glob_finds_what_pathlib_finds(tree: Path, pattern: str, expected: list[str]) -> None:
    found = relative((tree / path for path in rv.files.glob(pattern, root=tree)), tree)
    assert sorted(found) == sorted(expected)


def test_order_of_a_glob_is_sorted(tree: Path) -> None:
    found = rv.files.glob("a/**/*", root=tree).list()
    assert found == sorted(found, key=lambda path: Path(path).parts)


@pytest.mark.parametrize("pattern", ["a[", "{a,b"])
def test_bad_pattern_is_an_error_that_shows_it(tree: Path, pattern: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the pattern is looked for below
        rv.files.glob(pattern, root=tree).list()
    assert pattern in str(caught.value)


def test_walk_feeds_read_many(tree: Path) -> None:
    assert set(rv.files.read_many(rv.files.walk(tree))) == {b""}
