"""What workers write, log and warn: whole lines and records that arrive where the parent's own would."""

from __future__ import annotations

import io
import logging
import pickle
import sys
import threading
import warnings

import pytest

from raveler import _raveler, _worker
from raveler._core import inbox
from raveler._core.lines import LineWriter


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bytes]]:
    messages: list[tuple[int, bytes]] = []
    monkeypatch.setattr(_raveler, "_send", lambda kind, data: messages.append((kind, data)))
    return messages


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    asked: list[None] = []
    monkeypatch.setattr(_raveler, "_request_flush", lambda: asked.append(None))
    return asked


def test_only_whole_lines_are_sent(sent: list[tuple[int, bytes]], flushes: list[None]) -> None:
    writer = LineWriter(1, sys.__stdout__)
    print("a", "b", file=writer)
    print("c", end="", file=writer)
    print("d\ne", end="", file=writer)
    assert b"".join(data for _, data in sent) == b"a b\ncd\n"
    assert flushes
    writer.finish_line()
    writer.finish_line()
    assert b"".join(data for _, data in sent) == b"a b\ncd\ne"
    assert {kind for kind, _ in sent} == {1}


def test_a_line_without_end_is_sent_in_parts(sent: list[tuple[int, bytes]], flushes: list[None]) -> None:
    writer = LineWriter(2, sys.__stderr__)
    for _ in range(100):
        writer.write("x" * 1000)
    assert sent
    assert len(flushes) >= 1


def test_a_line_writer_looks_like_a_stream(sent: list[tuple[int, bytes]], flushes: list[None]) -> None:
    writer = LineWriter(1, sys.__stdout__)
    assert (writer.encoding, writer.isatty(), writer.writable()) == ("utf-8", False, True)
    assert writer.buffer.write(b"raw\n") == 4
    writer.writelines(["x\n", "\udcff\n"])
    writer.flush()
    assert [data for _, data in sent] == [b"raw\n", b"x\n", b"\xff\n"]
    assert not flushes


def test_threads_do_not_mix_their_lines(sent: list[tuple[int, bytes]], flushes: list[None]) -> None:
    writer = LineWriter(1, sys.__stdout__)

    def write(letter: str) -> None:
        for _ in range(200):
            writer.write(letter * 50 + "\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = b"".join(data for _, data in sent).splitlines()
    assert len(lines) == 800
    assert all(len(set(line)) == 1 and len(line) == 50 for line in lines)
    assert not flushes


def test_lines_reach_the_current_streams_of_the_parent(capsys: pytest.CaptureFixture[str]) -> None:
    inbox.deliver(inbox.STDOUT, 77, "f", 1, b"out\n")
    inbox.deliver(inbox.STDERR, 77, "f", 1, b"err\n")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("out\n", "err\n")
    assert inbox.last_lines(77) == ("out", "err")
    assert inbox.last_lines(77) == ()


def test_a_narrow_or_closed_stream_of_the_parent_loses_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", narrow)
    inbox.deliver(inbox.STDOUT, 0, None, None, "ü\n".encode())
    assert narrow.buffer.getvalue() == b"\\xfc\n"
    narrow.close()
    inbox.deliver(inbox.STDOUT, 0, None, None, b"lost\n")
    monkeypatch.setattr(sys, "stdout", None)
    inbox.deliver(inbox.STDOUT, 0, None, None, b"lost\n")
    inbox.last_lines(0)


def test_records_reach_the_handlers_with_their_task(caplog: pytest.LogCaptureFixture) -> None:
    error = KeyError("inner")
    record = logging.LogRecord("some.name", logging.ERROR, "f.py", 3, "x=%s", (1,), (KeyError, error, None))
    record.extra = threading.Lock()
    inbox.deliver(inbox.LOG, 78, "f", 7, _worker._portable(record))
    (arrived,) = caplog.records
    assert (arrived.getMessage(), arrived.name, arrived.lineno) == ("x=1", "some.name", 3)
    assert (arrived.task, arrived.task_id, arrived.worker) == ("f", 7, 78)  # type: ignore[attr-defined]
    assert "KeyError: 'inner'" in str(arrived.exc_text)
    assert inbox.last_lines(78) == ("ERROR:some.name:x=1",)


def test_warnings_go_through_the_filters_of_the_parent() -> None:
    def warning(category: type[Warning]) -> bytes:
        return pickle.dumps(("careful", category.__module__, category.__qualname__, "f.py", 3))

    with pytest.warns(DeprecationWarning, match="careful"):
        inbox.deliver(inbox.WARNING, 0, "f", 1, warning(DeprecationWarning))
    with pytest.warns(UserWarning, match="careful"):
        inbox.deliver(inbox.WARNING, 0, "f", 1, pickle.dumps(("careful", "nowhere", "Nothing", "f.py", 3)))


def test_a_broken_message_does_not_stop_the_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    inbox.deliver(inbox.LOG, 0, "f", 1, b"not a pickle")
    assert "UnpicklingError" in capsys.readouterr().err


def test_the_configuration_tells_path_levels_and_filters() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "very bad", RuntimeWarning, "some.module", 3)
        logging.getLogger("loud").setLevel(logging.DEBUG)
        given = pickle.loads(_worker.configuration(("json",)))
    logging.getLogger("loud").setLevel(logging.NOTSET)
    assert given["preload"] == ("json",)
    assert all(entry.startswith("/") for entry in given["path"])
    assert given["log"]["named"]["loud"] == logging.DEBUG
    assert ("error", "very bad", "builtins", "RuntimeWarning", "some.module", 3) in given["warnings"]


def test_filters_are_set_in_their_order() -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "very bad", RuntimeWarning)
        filters = _worker._filters()
        warnings.resetwarnings()
        _worker._set_filters(filters)
        warnings.warn("fine", UserWarning, stacklevel=1)
        with pytest.raises(RuntimeWarning):
            warnings.warn("very bad", RuntimeWarning, stacklevel=1)
