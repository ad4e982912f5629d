"""Rules of file names: a server may propose one, it never escapes the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.content import content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd

pytestmark = pytest.mark.keeps_connections

WICKED = [
    "../escaped",
    "../../escaped",
    "/tmp/escaped",
    "..",
    ".",
    "a/../../escaped",
    "..\\escaped",
    "C:\\escaped",
    "%2e%2e%2fescaped",
    ".hidden",
    "a\x00b",
    "x" * 5000,
    "   ",
    "",
    "a\nb",
]


def everything(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_name_comes_from_the_server_where_the_path_is_a_folder(odd: Odd, tmp_path: Path) -> None:
    done = rv.transfer.download(odd.url("/file/x", size=10, name="report.pdf"), tmp_path).result()
    assert str(done.path) == str(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes() == content(0, 10)


def test_name_comes_from_the_address_where_the_server_has_none(odd: Odd, tmp_path: Path) -> None:
    rv.transfer.download(odd.url("/file/a%20name.bin", size=10), tmp_path).result()
    assert [path.name for path in everything(tmp_path)] == ["a name.bin"]


@pytest.mark.parametrize("name", WICKED)
def test_name_that_the_server_gives_never_escapes_the_folder(odd: Odd, tmp_path: Path, name: str) -> None:
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    if "\n" in name or "\x00" in name:
        name = name.replace("\n", "%0A").replace("\x00", "%00")
    try:
        done = rv.transfer.download(odd.url("/file/plain", size=10, name=name), inside, retries=0).result()
    except rv.TransferError:
        assert everything(tmp_path) == []
    else:
        (found,) = everything(tmp_path)
        assert str(found) == str(done.path)
        assert found.parent == inside
        assert not found.name.startswith(".")


@pytest.mark.parametrize("tail", ["%2e%2e%2fescaped", "..%2f..%2fescaped", "%2Ftmp%2Fescaped", "..", "%00", ""])
def test_name_in_the_address_never_escapes_the_folder(odd: Odd, tmp_path: Path, tail: str) -> None:
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    try:
        rv.transfer.download(odd.url(f"/file/{tail}", size=10), inside, retries=0).result()
    except rv.TransferError:
        assert everything(tmp_path) == []
    else:
        (found,) = everything(tmp_path)
        assert found.parent == inside


def test_name_given_after_a_redirect_never_escapes(odd: Odd, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    goal = odd.url("/file/..%2Fescaped", size=10)
    rv.transfer.download(odd.url("/redirect/1", to=goal), inside).result()
    assert all(path.parent == inside for path in everything(tmp_path))


def test_name_that_the_server_gives_is_not_followed_through_a_link(odd: Odd, tmp_path: Path) -> None:
    precious, inside = tmp_path / "precious", tmp_path / "inside"
    precious.write_bytes(b"precious")
    inside.mkdir()
    (inside / "report.pdf").symlink_to(precious)
    rv.transfer.download(odd.url("/file/x", size=10, name="report.pdf"), inside).result()
    assert precious.read_bytes() == b"precious"
    assert (inside / "report.pdf").read_bytes() == content(0, 10)
