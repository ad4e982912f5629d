"""Rules of object stores: the same calls for S3, Google and Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.content import content, digest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import Store


pytestmark = pytest.mark.keeps_connections


@pytest.fixture(params=["s3", "google", "azure"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give each store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("size", [0, 10, 1_000_003, 23_000_001])
def test_file_goes_up_and_comes_down_whole(store: Store, tmp_path: Path, size: int) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(content(0, size))
    url = store.url(f"folder/{size}.bin")
    assert rv.transfer.upload(source, url, store=store.options).result().bytes == size
    done = rv.transfer.download(url, back, sha256=digest(size), store=store.options).result()
    assert done.bytes == size
    assert back.read_bytes() == content(0, size)


def test_object_that_does_not_exist_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(rv.TransferError, match="nothing-here"):
        rv.transfer.download(store.url("nothing-here"), tmp_path / "file", retries=0, store=store.options).result()
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_a_store_are_in_no_error(store: Store, tmp_path: Path) -> None:
    secrets = [value for name, value in store.options.items() if "secret" in name or name.endswith("account_key")]
    with pytest.raises(rv.TransferError) as caught:
        rv.transfer.download(store.url("nothing"), tmp_path / "file", retries=0, store=store.options).result()
    assert not any(secret in f"{caught.value!r} {caught.value}" for secret in secrets)


def test_many_objects_come_in_order(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 100)
    urls = [store.url(f"many/{index}") for index in range(12)]
    rv.transfer.upload_many([(source, url) for url in urls], store=store.options).list()
    target = tmp_path / "target"
    target.mkdir()
    assert [done.bytes for done in rv.transfer.download_many(urls, target, store=store.options)] == [100] * 12


def test_unknown_scheme_is_an_error_that_names_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises((ValueError, rv.TransferError), match=r"gopher.*(s3|http)"):
        rv.transfer.download("gopher://host/file", tmp_path / "file").result()
