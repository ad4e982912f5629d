"""Rules of uploads: streamed from disk, told with what the server said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.content import content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd
    from tests.io.servers import Nginx

pytestmark = pytest.mark.keeps_connections

SIZE = 3_000_001


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file of known content."""
    path = tmp_path / "source.bin"
    path.write_bytes(content(0, SIZE))
    return path


def test_upload_puts_the_file(nginx: Nginx, source: Path) -> None:
    done = rv.transfer.upload(source, nginx.url("/put/one.bin")).result()
    assert done.bytes == SIZE
    assert (nginx.www / "put" / "one.bin").read_bytes() == content(0, SIZE)


def test_upload_sends_a_length_and_the_headers(odd: Odd, source: Path) -> None:
    key = odd.key()
    rv.transfer.upload(source, odd.url("/take", key=key), headers={"X-One": "1"}).result()
    (request,) = odd.seen(key)["requests"]
    headers = {name.lower(): value for name, value in request["headers"]}
    assert request["method"] == "PUT"
    assert headers["content-length"] == str(SIZE)
    assert headers["x-one"] == "1"


def test_empty_file_is_uploaded(nginx: Nginx, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    rv.transfer.upload(tmp_path / "empty", nginx.url("/put/empty")).result()
    assert (nginx.www / "put" / "empty").read_bytes() == b""


def test_file_that_does_not_exist_is_an_error_that_names_it(odd: Odd, tmp_path: Path) -> None:
    with pytest.raises((rv.TransferError, FileNotFoundError), match="missing"):
        rv.transfer.upload(tmp_path / "missing", odd.url("/take")).result()


def test_upload_that_breaks_is_sent_again_from_the_start(odd: Odd, source: Path) -> None:
    key = odd.key()
    done = rv.transfer.upload(source, odd.url("/take", cut=1_000_000, fails=2, key=key), retries=4).result()
    assert done.bytes == SIZE
    assert odd.attempts(key) == 3


@pytest.mark.parametrize("status", [403, 507])
def test_refused_upload_is_an_error_with_the_status(odd: Odd, source: Path, status: int) -> None:
    with pytest.raises(rv.TransferError, match=str(status)):
        rv.transfer.upload(source, odd.url(f"/status/{status}"), retries=0).result()


def test_many_uploads_go_in_order(nginx: Nginx, tmp_path: Path) -> None:
    pairs = []
    for index in range(20):
        path = tmp_path / f"{index}"
        path.write_bytes(content(0, index * 1000))
        pairs.append((path, nginx.url(f"/put/many/{index}")))
    assert [done.bytes for done in rv.transfer.upload_many(pairs, concurrency=4)] == [i * 1000 for i in range(20)]
    assert all((nginx.www / "put" / "many" / f"{index}").stat().st_size == index * 1000 for index in range(20))


def test_cancelled_upload_closes_its_socket(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    task = rv.transfer.upload(path, odd.url("/count", key=key))
    odd.wait_for(key)
    task.cancel()
    odd.wait_until_left(key)
    with pytest.raises(rv.TaskCancelled):
        task.result()
