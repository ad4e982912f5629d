"""Rules of functions and objects as sinks, and of targets that are none."""

from __future__ import annotations

import io
import pathlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core.sinks import open_sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.usefixtures("_clean")


def test_function_is_called_with_each_item() -> None:
    got: list[int] = []
    sink = open_sink(got.append)
    assert (sink.name, sink.size, sink.database) == ("function list.append", 1, None)
    sink.open(None)
    sink.write([1, 2], None)
    sink.write([], None)
    sink.write([3], None)
    assert sink.state() == {}
    sink.close(failed=False)
    assert got == [1, 2, 3]


@pytest.mark.parametrize(("batch", "wants_batches", "size"), [(2, False, 2), (None, True, 1000), (5, True, 5)])
def test_function_is_called_with_batches_where_they_are_wanted(
    batch: int | None,
    wants_batches: bool,  # noqa: FBT001 - a parameter of the test
    size: int,
) -> None:
    got: list[list[int]] = []
    sink = open_sink(got.append, batch, wants_batches=wants_batches)
    assert sink.size == size
    sink.open({})
    sink.write([1, 2], None)
    sink.write([], None)
    sink.close(failed=True)
    assert got == [[1, 2]]


def test_error_of_a_function_is_its_own() -> None:
    def fail(item: int) -> None:
        raise KeyError(item)

    sink = open_sink(fail)
    sink.open(None)
    with pytest.raises(KeyError, match="7"):
        sink.write([7], None)
    sink.close(failed=True)


def test_function_is_called_no_more_when_the_flow_has_failed() -> None:
    got: list[int] = []

    def take(item: int) -> None:
        got.append(item)
        if item == 2:
            sink.close(failed=True)

    sink = open_sink(take)
    sink.open(None)
    with pytest.raises(rv.TaskCancelled, match="called no more"):
        sink.write([1, 2, 3], None)
    assert got == [1, 2]
    sink.open(None)
    sink.write([4], None)
    assert got == [1, 2, 4]


def test_task_that_a_function_returns_is_waited_for() -> None:
    with rv.db.connect("sqlite::memory:") as db:
        db.execute("CREATE TABLE words (n INTEGER)").result()
        sink = open_sink(lambda batch: db.execute_many("INSERT INTO words VALUES (?)", batch), 10)
        sink.open(None)
        sink.write([(1,), (2,)], None)
        assert db.fetch_value("SELECT SUM(n) FROM words").result() == 3
        with pytest.raises(rv.DatabaseError):
            sink.write([(1, 2)], None)
        sink.close(failed=True)


def test_coroutine_that_a_function_returns_is_an_error() -> None:
    async def write(item: int) -> None: ...

    sink = open_sink(lambda item: write(abs(item)))
    sink.open(None)
    with pytest.raises(TypeError, match="coroutine, which nobody awaits"):
        sink.write([1], None)
    sink.close(failed=True)


async def _coroutine(item: int) -> None: ...


def _generator(item: int) -> Iterator[int]:
    yield item


async def _async_generator(item: int) -> AsyncIterator[int]:
    yield item


@pytest.mark.parametrize("function", [_coroutine, _generator, _async_generator])
def test_function_whose_calls_do_nothing_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=f"'{function.__name__}', whose calls do nothing"):
        open_sink(function)


class Writer:
    """Notes what happens to it."""

    def __init__(self, failing: str = "") -> None:
        self.log: list[Any] = []
        self.failing = failing

    def _note(self, what: Any, name: str) -> None:
        self.log.append(what)
        if name == self.failing:
            raise KeyError(name)

    def open(self) -> None:
        self._note("open", "open")

    def write(self, batch: list[Any]) -> None:
        self._note(batch, "write")

    def close(self) -> None:
        self._note("close", "close")


@pytest.mark.parametrize("failed", [False, True])
def test_object_is_opened_written_to_and_closed(failed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    writer = Writer()
    sink = open_sink(writer)
    assert (sink.name, sink.size, sink.database, sink.state()) == ("writer Writer", 1000, None, {})
    sink.open(None)
    sink.write([1, 2], None)
    sink.write([], None)
    sink.close(failed=failed)
    assert writer.log == ["open", [1, 2], "close"]


def test_object_whose_write_fails_is_closed() -> None:
    writer = Writer("write")
    sink = open_sink(writer, 5)
    assert sink.size == 5
    sink.open(None)
    with pytest.raises(KeyError):
        sink.write([1], None)
    sink.close(failed=True)
    assert writer.log == ["open", [1], "close"]


def test_object_that_could_not_be_opened_is_not_closed() -> None:
    writer = Writer("open")
    sink = open_sink(writer)
    with pytest.raises(KeyError):
        sink.open(None)
    sink.close(failed=True)
    assert writer.log == ["open"]


def test_closed_object_gets_no_batch() -> None:
    writer = Writer()
    sink = open_sink(writer)
    sink.open(None)
    sink.close(failed=True)
    with pytest.raises(ValueError, match="not open"):
        sink.write([1], None)
    assert writer.log == ["open", "close"]


def test_object_needs_no_more_than_write() -> None:
    class Bare:
        def __init__(self) -> None:
            self.got: list[Any] = []

        def write(self, batch: list[Any]) -> None:
            self.got += batch

    bare = Bare()
    sink = open_sink(bare)
    sink.open({})
    sink.write([1], None)
    sink.close(failed=False)
    assert bare.got == [1]


def test_close_waits_for_a_write_of_another_thread() -> None:
    began, may_end = threading.Event(), threading.Event()

    class Slow(Writer):
        def write(self, batch: list[Any]) -> None:
            began.set()
            assert may_end.wait(10)
            super().write(batch)

    slow = Slow()
    sink = open_sink(slow)
    sink.open(None)
    writing = threading.Thread(target=sink.write, args=([1], None))
    closing = threading.Thread(target=sink.close, kwargs={"failed": True})
    writing.start()
    assert began.wait(10)
    closing.start()
    may_end.set()
    writing.join()
    closing.join()
    assert slow.log == ["open", [1], "close"]


@pytest.mark.parametrize("target", [5, None, [], {}, object(), 1.5])
def test_target_that_is_none_is_an_error_that_lists_them(target: object) -> None:
    with pytest.raises(
        TypeError, match=rf"a {type(target).__name__}; give a table .*path of a file.*function.*write\(batch\)"
    ):
        open_sink(target)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://host/folder/", "address of 'http'"),
        ("ftp://host/folder/", "address of 'ftp'.*ends in"),
        ("s3://bucket/object", 's3://bucket/object.*end it with "/"'),
        ("s3://key:secret@bucket/object", "'s3://bucket/object'"),
        ("s3://bucket", "end it with"),
        ("s3://bucket/folder/?a=1", "end it with"),
        ("file:///tmp/name", "end it with"),
        ("sqlite:test.db", r"give a table of it"),
        ("postgresql://ada:secret@host/db", r"give a table of it"),
    ],
)
def test_text_that_is_no_target_is_an_error(target: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        open_sink(target)
    assert "secret" not in str(caught.value)


def test_near_misses_are_told_what_to_give() -> None:
    with rv.db.connect("sqlite::memory:") as db:
        with pytest.raises(TypeError, match=r"db\.table\(name\)"):
            open_sink(db)
        with pytest.raises(TypeError, match=r"db\.table\(name\)"):
            open_sink(db.transaction())
    for file in (io.StringIO(), io.BytesIO(), sys.__stdout__):
        with pytest.raises(TypeError, match="give its path, or its method write"):
            open_sink(file)
    with pytest.raises(TypeError, match=r"os\.fsdecode"):
        open_sink(_BytesPath())


class _BytesPath:
    def __fspath__(self) -> bytes:
        return b"path"


@pytest.mark.parametrize("target", [print, pathlib.Path("out.txt"), "s3://bucket/folder/", Writer()])
def test_batch_must_be_a_number_from_one_on(target: object) -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="batch must be at least 1"):
            open_sink(target, wrong)
    with pytest.raises(TypeError, match="batch must be a whole number"):
        open_sink(target, 1.5)  # type: ignore[arg-type]
    assert open_sink(target, 3).size == 3
