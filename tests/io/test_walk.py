"""Rules of walking and matching folders: sorted, complete, and no silent gaps."""

from __future__ import annotations

import os
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


@pytest.mark.skipif(os.getuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="root reads everything")  # noqa: PTH110
def test_unreadable_folder_is_no_silent_gap(tree: Path, tmp_path: Path) -> None:
    (tree / "b").chmod(0)
    source = """
import os, sys
import raveler as rv
root = sys.argv[1]
for path in (root, os.path.dirname(root)):
    os.chmod(path, 0o755)
rv.files.walk(root).list() if os.getuid() else os.setuid(65534)
try:
    rv.files.walk(root).list()
except PermissionError as error:
    print("refused", os.path.basename(error.filename or str(error)).strip("'"))
"""
    if os.getuid() == 0:
        parts = [tmp_path, *tmp_path.parents]
        if any(not part.stat().st_mode & 0o001 for part in parts if part != tmp_path):
            pytest.skip("the folder of this test is closed to everybody but root")
    ended = run_script(source, str(tree), folder=tmp_path)
    (tree / "b").chmod(0o755)
    assert ended.out.startswith("refused")


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


@pytest.mark.parametrize("pattern", ["a[", "***"])
def test_bad_pattern_is_an_error_that_shows_it(tree: Path, pattern: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the pattern is looked for below
        rv.files.glob(pattern, root=tree).list()
    assert pattern in str(caught.value)


def test_walk_feeds_read_many(tree: Path) -> None:
    assert set(rv.files.read_many(rv.files.walk(tree))) == {b""}
