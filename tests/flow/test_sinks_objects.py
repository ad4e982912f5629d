"""Rules of object stores as sinks: one object a batch, whole or not there."""

from __future__ import annotations

import itertools
import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core.sinks import open_sink
from tests.deadline import eventually
from tests.flow.interrupted import interrupted_at
from tests.io.servers import free_port
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

    from raveler._core.sinks.sink import Sink
    from tests.io.conftest import Store

_FOLDERS = itertools.count()
MODULES = ("raveler._core.sinks.objects", "raveler._core.sinks.lines")


@pytest.fixture(params=["s3", "google", "azure"])
def store(request: pytest.FixtureRequest) -> Store:
    """Give each store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found


def folder_of(store: Store) -> str:
    """Return an address that nothing is under yet."""
    return store.url(f"sinks-{next(_FOLDERS)}/")


def content(store: Store, url: str, number: int, folder: Path) -> list[Any] | None:
    """Return the items in an object, or None if there is none."""
    target = folder / "object"
    try:
        rv.transfer.download(f"{url}part-{number:06}.jsonl", target, retries=0, store=store.options).result()
    except rv.TransferError as error:
        assert error.status == 404  # noqa: PT017 - what else went wrong must show
        return None
    return [json.loads(line) for line in target.read_text().splitlines()]


def test_batch_is_an_object_of_its_number(store: Store, tmp_path: Path) -> None:
    url = folder_of(store)
    sink = open_sink(url, store=store.options)
    assert (sink.name, sink.size, sink.database) == (f"objects {url}", 10_000, None)
    sink.open(None)
    sink.write([{"a": 1}, "two"], None)
    sink.write([], None)
    sink.write([[3, None]], None)
    sink.close(failed=False)
    assert [content(store, url, number, tmp_path) for number in range(3)] == [[{"a": 1}, "two"], [[3, None]], None]


def test_repeated_batch_takes_the_place_of_the_first(store: Store, tmp_path: Path) -> None:
    url = folder_of(store)
    sink = open_sink(url, store=store.options)
    sink.open({})
    sink.write([0], None)
    known = json.loads(json.dumps(sink.state()))
    sink.write([1], None)
    sink.close(failed=True)
    sink = open_sink(url, store=store.options)
    sink.open(known)
    sink.write([1, 2], None)
    sink.close(failed=False)
    assert [content(store, url, number, tmp_path) for number in range(3)] == [[0], [1, 2], None]


def test_item_that_is_no_json_leaves_its_batch_out(store: Store, tmp_path: Path) -> None:
    url = folder_of(store)
    sink = open_sink(url, store=store.options)
    sink.open(None)
    with pytest.raises(TypeError, match="JSON can't hold"):
        sink.write([1, b"2"], None)
    sink.write([3], None)
    sink.close(failed=False)
    assert [content(store, url, number, tmp_path) for number in range(2)] == [[3], None]


def test_exception_at_any_line_leaves_whole_batches(s3: Store, tmp_path: Path) -> None:
    line = 0
    for line in itertools.count():
        url = folder_of(s3)
        sink = open_sink(url, store=s3.options)
        sink.open({})
        was_interrupted = interrupted_at(line, MODULES, partial(sink.write, [1, 2], None))
        found = content(s3, url, 0, tmp_path)
        assert found in (None, [1, 2])
        sink.write([1, 2], None)
        if was_interrupted:
            assert sink.state() in ({"parts": 1}, {"parts": 2})
            assert content(s3, url, 0, tmp_path) == [1, 2]
        sink.close(failed=was_interrupted)
        if not was_interrupted:
            break
    assert line > 10


def test_credentials_come_from_the_environment(s3: Store, tmp_path: Path) -> None:
    url = folder_of(s3)
    source = """
import sys
from raveler._core.sinks import open_sink
sink = open_sink(sys.argv[1])
sink.open(None)
sink.write([1], None)
sink.close(failed=False)
"""
    env = {name.upper(): value for name, value in s3.options.items()}
    run_script(source, url, folder=tmp_path, env=env).check()
    assert content(s3, url, 0, tmp_path) == [1]


def test_bucket_that_does_not_exist_is_an_error_that_names_it(s3: Store) -> None:
    sink = open_sink("s3://no-such-bucket/folder/", store=s3.options)
    sink.open(None)
    with pytest.raises(rv.TransferError, match="no-such-bucket"):
        sink.write([1], None)
    sink.close(failed=True)


def test_close_gives_an_upload_up_that_gets_no_answer() -> None:
    port = free_port()
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "c", "aws_allow_http": "true"}
    sink: Any = open_sink("s3://bucket/folder/", store=keys | {"aws_endpoint": f"http://127.0.0.1:{port}"})
    failures: list[BaseException] = []

    def write() -> None:
        try:
            sink.write([1], None)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    sink.open(None)
    writing = threading.Thread(target=write)
    writing.start()
    eventually(lambda: sink._uploading is not None, what="the upload")
    sink.close(failed=True)
    writing.join(10)
    assert [type(error) for error in failures] == [rv.TaskCancelled]
    assert sink.state() == {"parts": 0}


@pytest.mark.usefixtures("_clean")
def test_folder_of_this_machine_takes_files(tmp_path: Path) -> None:
    sink: Sink = open_sink(f"file://{tmp_path}/", 2)
    assert sink.size == 2
    sink.open(None)
    sink.write([1, 2], None)
    sink.write(["three"], None)
    sink.close(failed=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "part-000000.jsonl": "1\n2\n",
        "part-000001.jsonl": '"three"\n',
    }


@pytest.mark.usefixtures("_clean")
def test_full_disk_leaves_whole_batches(tmp_path: Path) -> None:
    source = """
import resource, sys
from raveler._core.sinks import open_sink
sink = open_sink(sys.argv[1])
sink.open(None)
sink.write(["kept"], None)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    sink.write(["x" * 20_000], None)
except OSError as error:
    print(type(error).__name__)
sink.write(["next"], None)
sink.close(failed=True)
"""
    (tmp_path / "out").mkdir()
    ended = run_script(source, f"file://{tmp_path}/out/", folder=tmp_path).check()
    assert ended.out == "OSError\n"
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "part-000000.jsonl": '"kept"\n',
        "part-000001.jsonl": '"next"\n',
    }


@pytest.mark.usefixtures("_clean")
@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_end_of_the_process_leaves_whole_objects(tmp_path: Path, how: str) -> None:
    source = """
import sys
from raveler._core.sinks import open_sink
sink = open_sink(sys.argv[1])
sink.open(None)
try:
    while True:
        sink.write(list(range(20_000)), None)
        print("batch", flush=True)
except KeyboardInterrupt:
    pass
finally:
    sink.close(failed=True)
"""
    out = tmp_path / "out"
    out.mkdir()
    with running(source, f"file://{out}/", folder=tmp_path) as script:
        script.expect("batch")
        getattr(script, how)()
        assert how == "kill" or script.end().code == 0
        script.process.wait()
    whole = "".join(f"{number}\n" for number in range(20_000))
    assert all(path.read_text() == whole for path in out.glob("part-*"))
    assert how == "kill" or all(path.name.startswith("part-") for path in out.iterdir())
