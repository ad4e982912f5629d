"""What workers say reaches the parent: logging, warnings and print, whole lines, with the task."""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING

import pytest

from tests import work
from tests.deadline import eventually
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    import raveler as rv


def test_log_record_of_a_worker_reaches_the_parents_handlers(rt: rv.Runtime, caplog: pytest.LogCaptureFixture) -> None:
    def say() -> None:
        logging.getLogger("tests.said").warning("told %d", 5)

    rt.submit(say).result()
    eventually(lambda: "told 5" in caplog.text)
    (record,) = [record for record in caplog.records if record.name == "tests.said"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "told 5"
    assert record.funcName == "say"
    assert [key for key in vars(record) if "task" in key.lower() and key != "taskName"]


def test_level_of_the_parent_counts_in_the_worker(rt: rv.Runtime, caplog: pytest.LogCaptureFixture) -> None:
    def say() -> None:
        logging.getLogger("tests.level").debug("quiet")
        logging.getLogger("tests.level").error("loud")

    with caplog.at_level(logging.ERROR, logger="tests.level"):
        rt.submit(say).result()
        eventually(lambda: "loud" in caplog.text)
    assert "quiet" not in caplog.text


def test_log_record_with_an_error_keeps_its_traceback(rt: rv.Runtime, caplog: pytest.LogCaptureFixture) -> None:
    def say() -> None:
        try:
            work.fail(8)
        except ValueError:
            logging.getLogger("tests.traceback").exception("caught")

    rt.submit(say).result()
    eventually(lambda: "refused 8" in caplog.text)
    assert "in fail" in caplog.text


def test_log_argument_that_cannot_be_pickled_is_no_problem(rt: rv.Runtime, caplog: pytest.LogCaptureFixture) -> None:
    def say() -> None:
        import threading

        logging.getLogger("tests.odd").warning("lock %s", threading.Lock())

    rt.submit(say).result()
    eventually(lambda: "lock <unlocked" in caplog.text)


def test_warning_of_a_worker_reaches_the_parent(rt: rv.Runtime) -> None:
    def warn() -> None:
        warnings.warn("from the worker", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="from the worker"):
        rt.submit(warn).result()


def test_printed_lines_arrive_whole(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        from tests import work
        with rv.Runtime(workers=4) as rt:
            rt.map(work.print_line, "abcdefgh" * 25, [500] * 200, chunk=1).list()
    """
    lines = run_script(source, folder=tmp_path).check().out.splitlines()
    found = [re.search(r"<([a-h])\1*>$", line) for line in lines]
    assert len(lines) == 200
    assert all(match and len(match.group()) == 502 for match in found)


def test_printed_line_arrives_before_the_end_of_the_script(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        rv.submit(print, "from the worker").result()
    """
    assert "from the worker\n" in run_script(source, folder=tmp_path).check().out


def test_line_without_an_end_arrives_too(tmp_path: Path) -> None:
    source = """
        import sys
        import raveler as rv
        def say():
            sys.stdout.write("unfinished")
        rv.submit(say).result()
    """
    assert "unfinished" in run_script(source, folder=tmp_path).check().out


def test_what_a_worker_writes_to_its_error_stream_arrives(tmp_path: Path) -> None:
    source = """
        import sys
        import raveler as rv
        def say():
            print("on stderr", file=sys.stderr)
        rv.submit(say).result()
    """
    ended = run_script(source, folder=tmp_path)
    assert ended.code == 0
    assert "on stderr" in ended.err


def test_what_c_code_prints_arrives(tmp_path: Path) -> None:
    source = """
        import os
        import raveler as rv
        rv.submit(os.write, 1, b"from below\\n").result()
    """
    assert "from below\n" in run_script(source, folder=tmp_path).check().out


def test_lines_of_a_worker_that_died_arrive(tmp_path: Path) -> None:
    source = """
        import os
        import raveler as rv
        def say_and_die():
            print("last words", flush=True)
            os._exit(1)
        print(type(rv.submit(say_and_die).exception()).__name__)
    """
    out = run_script(source, folder=tmp_path).check().out
    assert "last words\n" in out
    assert "WorkerDied\n" in out


def test_worker_reads_nothing_from_the_parents_input(tmp_path: Path) -> None:
    source = """
        import sys
        import raveler as rv
        print(repr(rv.submit(lambda: sys.stdin.read()).result(timeout=20)))
    """
    assert run_script(source, folder=tmp_path).check().out == "''\n"
