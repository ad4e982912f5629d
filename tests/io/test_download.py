"""Rules of downloads: whole or not there, checked, resumed, in one piece or in many."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests.deadline import eventually
from tests.io.content import content, digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd
    from tests.io.servers import Nginx

pytestmark = pytest.mark.keeps_connections

SIZE = 3_000_001
LARGE = 80_000_003


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


def test_download_gives_path_bytes_and_digest(odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    done = rv.transfer.download(odd.url("/file/x", size=SIZE), path, sha256=digest(SIZE)).result()
    assert path.read_bytes() == content(0, SIZE)
    assert (str(done.path), done.bytes, done.sha256, done.resumed_from) == (str(path), SIZE, digest(SIZE), 0)
    assert names(tmp_path) == ["file.bin"]


def test_empty_file_is_downloaded(odd: Odd, tmp_path: Path) -> None:
    rv.transfer.download(odd.url("/file/x", size=0), tmp_path / "empty").result()
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize("page", ["/drip/1000?size=1000", "/until-closed"])
def test_file_of_unknown_length_is_downloaded(odd: Odd, tmp_path: Path, page: str) -> None:
    done = rv.transfer.download(odd.url(page), tmp_path / "file").result()
    assert done.bytes == (tmp_path / "file").stat().st_size > 0


def test_download_is_awaited(odd: Odd, tmp_path: Path, run_loop: RunLoop) -> None:
    async def main() -> int:
        done = await rv.transfer.download(odd.url("/file/x", size=SIZE), tmp_path / "file")
        return int(done.bytes)

    assert run_loop(main) == SIZE


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_large_file_is_the_same_over_any_number_of_connections(odd: Odd, tmp_path: Path, connections: int) -> None:
    key = odd.key()
    url = odd.url("/file/x", size=LARGE, key=key)
    rv.transfer.download(url, tmp_path / "file", connections=connections, sha256=digest(LARGE)).result()
    assert hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest() == digest(LARGE)
    if connections > 1:
        assert odd.attempts(key) > 1


def test_server_without_ranges_is_read_in_one_piece(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/file/x", size=LARGE, ranges="no")
    rv.transfer.download(url, tmp_path / "file", connections=4, sha256=digest(LARGE)).result()
    assert (tmp_path / "file").stat().st_size == LARGE


def test_server_that_lies_about_ranges_never_gives_a_wrong_file(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/file/x", size=LARGE, ranges="lie")
    try:
        rv.transfer.download(url, tmp_path / "file", connections=4, retries=0).result()
    except rv.TransferError:
        assert "file" not in names(tmp_path)
    else:
        assert hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest() == digest(LARGE)


def test_file_that_changes_between_its_ranges_never_gives_a_mixture(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/file/x", size=LARGE, change=1, key=odd.key())
    try:
        rv.transfer.download(url, tmp_path / "file", connections=4, retries=2).result()
    except rv.TransferError:
        assert "file" not in names(tmp_path)
    else:
        found = hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
        assert found in {digest(LARGE, 0), digest(LARGE, 1)}


@pytest.mark.parametrize("how", [{}, {"reset": 1}])
def test_broken_download_leaves_nothing_under_the_final_name(odd: Odd, tmp_path: Path, how: dict[str, Any]) -> None:
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, fails=10**9, **how)
    with pytest.raises(rv.TransferError) as caught:
        rv.transfer.download(url, tmp_path / "file", retries=0).result()
    assert not (tmp_path / "file").exists()
    assert "127.0.0.1" in str(caught.value)


def test_broken_download_is_resumed_by_its_own_retry(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, fails=2, key=key)
    done = rv.transfer.download(url, tmp_path / "file", retries=5, sha256=digest(SIZE)).result()
    assert done.bytes == SIZE
    assert odd.seen(key)["bytes_sent"] < SIZE + 500_000
    assert names(tmp_path) == ["file"]


def test_broken_download_is_resumed_by_the_next_call(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, key=key)
    with pytest.raises(rv.TransferError):
        rv.transfer.download(url, tmp_path / "file", retries=0).result()
    done = rv.transfer.download(url, tmp_path / "file", sha256=digest(SIZE)).result()
    assert 0 < done.resumed_from <= 1_000_000
    assert (tmp_path / "file").read_bytes() == content(0, SIZE)
    assert names(tmp_path) == ["file"]


def test_resume_can_be_turned_off(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, key=key)
    with pytest.raises(rv.TransferError):
        rv.transfer.download(url, tmp_path / "file", retries=0).result()
    assert rv.transfer.download(url, tmp_path / "file", resume=False).result().resumed_from == 0
    assert (tmp_path / "file").read_bytes() == content(0, SIZE)


def test_file_that_has_changed_is_not_resumed(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, change=1, key=odd.key())
    with pytest.raises(rv.TransferError):
        rv.transfer.download(url, tmp_path / "file", retries=0).result()
    done = rv.transfer.download(url, tmp_path / "file").result()
    assert done.resumed_from == 0
    assert (tmp_path / "file").read_bytes() == content(0, SIZE, 1)


def test_file_without_a_validator_is_not_resumed(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/file/x", size=SIZE, cut=1_000_000, etag="no", key=odd.key())
    with pytest.raises(rv.TransferError):
        rv.transfer.download(url, tmp_path / "file", retries=0).result()
    done = rv.transfer.download(url, tmp_path / "file").result()
    assert done.resumed_from == 0
    assert (tmp_path / "file").read_bytes() == content(0, SIZE)


def test_part_of_another_address_is_not_resumed(odd: Odd, tmp_path: Path) -> None:
    broken = odd.url("/file/x", size=SIZE, cut=1_000_000, fails=10**9)
    with pytest.raises(rv.TransferError):
        rv.transfer.download(broken, tmp_path / "file", retries=0).result()
    done = rv.transfer.download(odd.url("/file/y", size=SIZE), tmp_path / "file").result()
    assert done.resumed_from == 0
    assert (tmp_path / "file").read_bytes() == content(0, SIZE)


def test_wrong_digest_is_an_error_that_shows_both_and_leaves_nothing(odd: Odd, tmp_path: Path) -> None:
    wrong = "0" * 64
    with pytest.raises(rv.TransferError) as caught:
        rv.transfer.download(odd.url("/file/x", size=SIZE), tmp_path / "file", sha256=wrong).result()
    assert wrong in str(caught.value)
    assert digest(SIZE) in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("word", ["", "123", "z" * 64])
def test_digest_that_is_none_is_an_error_at_the_call(odd: Odd, tmp_path: Path, word: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        rv.transfer.download(odd.url("/file/x", size=1), tmp_path / "file", sha256=word)


def test_digest_in_capitals_is_the_same_digest(odd: Odd, tmp_path: Path) -> None:
    rv.transfer.download(odd.url("/file/x", size=10), tmp_path / "file", sha256=digest(10).upper()).result()


def test_existing_file_is_replaced_only_when_the_new_one_is_whole(odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(rv.TransferError):
        rv.transfer.download(odd.url("/file/x", size=SIZE, cut=1000, fails=10**9), path, retries=0).result()
    assert path.read_bytes() == b"old"
    rv.transfer.download(odd.url("/file/x", size=100), path).result()
    assert path.read_bytes() == content(0, 100)


def test_existing_file_is_kept_when_told(odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises((rv.TransferError, FileExistsError), match="file"):
        rv.transfer.download(odd.url("/file/x", size=100), path, overwrite=False).result()
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_error_status_is_an_error_and_no_file(odd: Odd, tmp_path: Path, status: int) -> None:
    with pytest.raises(rv.TransferError, match=str(status)):
        rv.transfer.download(odd.url(f"/status/{status}"), tmp_path / "file", retries=0).result()
    assert names(tmp_path) == []


def test_passing_trouble_is_tried_again(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/status/503", fails=2, retry_after="0", key=odd.key())
    rv.transfer.download(url, tmp_path / "file", retries=3).result()
    assert (tmp_path / "file").read_text() == "after 2"


def test_headers_are_sent(odd: Odd, tmp_path: Path) -> None:
    rv.transfer.download(odd.url("/echo"), tmp_path / "file", headers={"X-One": "1"}).result()
    assert "X-One" in (tmp_path / "file").read_text() or "x-one" in (tmp_path / "file").read_text()


def test_cancelled_download_closes_its_sockets_and_leaves_no_file(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    task = rv.transfer.download(odd.url("/endless", key=key), tmp_path / "file")
    odd.wait_for(key)
    task.cancel()
    odd.wait_until_left(key)
    with pytest.raises(rv.TaskCancelled):
        task.result()
    assert "file" not in names(tmp_path)


def test_cancelled_download_is_resumed(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    url = odd.url("/file/x", size=SIZE, pause_at=2_000_000, key=key)
    task = rv.transfer.download(url, tmp_path / "file")
    odd.wait_for(key)
    eventually(lambda: any(entry.stat().st_size for entry in tmp_path.iterdir()), what="some bytes on the disk")
    task.cancel()
    odd.wait_until_left(key)
    rv.transfer.download(url, tmp_path / "file", sha256=digest(SIZE)).result()
    assert names(tmp_path) == ["file"]


def test_timeout_ends_a_download(odd: Odd, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        rv.transfer.download(odd.url("/hang-in-body"), tmp_path / "file", timeout=0.3, retries=0).result()
    assert "file" not in names(tmp_path)


def test_two_downloads_to_one_path_leave_one_whole_file(odd: Odd, tmp_path: Path) -> None:
    tasks = [rv.transfer.download(odd.url("/file/x", size=SIZE), tmp_path / "file") for _ in range(4)]
    for task in tasks:
        try:
            task.result()
        except rv.TransferError:
            continue
    assert (tmp_path / "file").read_bytes() == content(0, SIZE)
    assert names(tmp_path) == ["file"]


def test_many_downloads_go_to_a_folder_in_order(nginx: Nginx, tmp_path: Path) -> None:
    (nginx.www / "many").mkdir()
    for index in range(50):
        (nginx.www / "many" / f"{index}.bin").write_bytes(content(0, index * 100))
    urls = [nginx.url(f"/many/{index}.bin") for index in range(50)]
    results = rv.transfer.download_many(urls, tmp_path).list()
    assert [done.bytes for done in results] == [index * 100 for index in range(50)]
    assert sorted(names(tmp_path), key=lambda name: int(name.split(".")[0])) == [f"{index}.bin" for index in range(50)]


def test_many_downloads_of_one_name_are_numbered_in_order(odd: Odd, tmp_path: Path) -> None:
    paths = ["/file/a.bin", "/file/b.bin", "/file/a.bin", "/file/a-2.bin", "/file/a.bin", "/file/plain", "/file/plain"]
    urls = [odd.url(path, size=size, name="proposed") for size, path in enumerate(paths, start=1)]
    expected = ["a.bin", "b.bin", "a-2.bin", "a-2-2.bin", "a-3.bin", "plain", "plain-2"]
    for _ in range(2):
        done = rv.transfer.download_many(urls, tmp_path).list()
        assert [os.path.basename(one.path) for one in done] == expected  # noqa: PTH119 - a path is text here
        assert [(tmp_path / name).read_bytes() for name in expected] == [content(0, size) for size in range(1, 8)]
        assert names(tmp_path) == sorted(expected)


def test_many_downloads_tell_an_address_that_is_none(odd: Odd, tmp_path: Path) -> None:
    urls = [odd.url("/file/a", size=1), "no address", odd.url("/file/a", size=2)]
    first, wrong, second = rv.transfer.download_many(urls, tmp_path, errors="return")
    assert (first.bytes, second.bytes) == (1, 2)
    assert isinstance(wrong, rv.TransferError)
    assert names(tmp_path) == ["a", "a-2"]


def test_many_downloads_take_pairs(odd: Odd, tmp_path: Path) -> None:
    pairs = [(odd.url("/file/x", size=size), tmp_path / f"of-{size}") for size in (1, 2, 3)]
    assert [done.bytes for done in rv.transfer.download_many(pairs)] == [1, 2, 3]
    assert names(tmp_path) == ["of-1", "of-2", "of-3"]


def test_many_downloads_are_lazy_and_bounded(odd: Odd, tmp_path: Path) -> None:
    pulled = 0
    key = odd.key()

    def pairs() -> Iterator[tuple[str, Path]]:
        nonlocal pulled
        while True:
            pulled += 1
            yield odd.url("/slow/x", ms=5, key=key), tmp_path / f"{pulled}"

    results = rv.transfer.download_many(pairs(), concurrency=3)
    for _ in range(10):
        next(results)
    results.close()
    assert pulled < 200
    assert odd.seen(key)["most_at_once"] <= 3


def test_many_downloads_return_errors_in_their_place(odd: Odd, tmp_path: Path) -> None:
    pairs = [(odd.url("/file/x", size=1), tmp_path / "a"), (odd.url("/status/404"), tmp_path / "b")]
    first, second = rv.transfer.download_many(pairs, errors="return")
    assert first.bytes == 1
    assert isinstance(second, rv.TransferError)


def test_credentials_are_in_no_error(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/cut/1").replace("http://", "http://ada:hidden@") + "?X-Amz-Signature=hidden&sig=hidden"
    with pytest.raises(rv.TransferError) as caught:
        rv.transfer.download(url, tmp_path / "file", headers={"Authorization": "hidden"}, retries=0).result()
    assert "hidden" not in f"{caught.value} {caught.value!r}"


def test_file_scheme_copies(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(content(0, SIZE))
    rv.transfer.download((tmp_path / "from").as_uri(), tmp_path / "to", sha256=digest(SIZE)).result()
    assert (tmp_path / "to").read_bytes() == content(0, SIZE)


def test_folder_that_does_not_exist_is_an_error_that_names_it(odd: Odd, tmp_path: Path) -> None:
    with pytest.raises((rv.TransferError, OSError), match="missing"):
        rv.transfer.download(odd.url("/file/x", size=1), tmp_path / "missing" / "file").result()
