"""Rules of files as sinks when something breaks: exceptions, full disks, interrupted and killed processes."""

from __future__ import annotations

import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from raveler._core.sinks import open_sink
from tests.flow.interrupted import interrupted_at
from tests.flow.written import names, written
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("_clean")

MODULES = tuple(f"raveler._core.sinks.{name}" for name in ("file", "part", "lines"))


@pytest.mark.parametrize("state", [None, {}])
def test_exception_at_any_line_leaves_whole_batches(tmp_path: Path, state: dict[str, Any] | None) -> None:
    path = tmp_path / "out.csv"
    first, second = [(1, "a")], [(2, "b"), (3, "c")]
    one, two = "1,a\n", "1,a\n2,b\n3,c\n"
    line = 0
    for line in count():
        sink = open_sink(path)
        sink.open(state)
        sink.write(first, None)
        was_interrupted = interrupted_at(line, MODULES, partial(sink.write, second, None))
        known = sink.state()
        if line % 2:
            sink.write(second, None)
        sink.close(failed=was_interrupted)
        assert path.read_text() in ({one, two} if not line % 2 else {two, two + "2,b\n3,c\n"})
        if state is not None:
            written(path, state=known)
            assert path.read_text() in {one, two}
        if not was_interrupted:
            break
    assert line > 10


def test_exception_at_any_line_of_the_first_batch_leaves_the_old_file_or_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    line = 0
    for line in count():
        path.write_text("old")
        sink = open_sink(path)
        sink.open({})
        was_interrupted = interrupted_at(line, MODULES, partial(sink.write, ["new"], None))
        sink.close(failed=was_interrupted)
        assert path.read_text() in {"old", "new\n"}
        assert names(tmp_path) == ["out.txt"]
        if not was_interrupted:
            break
    assert line > 10


def test_close_waits_for_a_write_of_another_thread(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    def lines(batch: list[Any], layout: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        began.set()
        assert may_end.wait(10)
        return b"".join(batch), layout

    sink: Any = open_sink(tmp_path / "out.txt")
    sink.open(None)
    sink._lines = lines
    writing = threading.Thread(target=sink.write, args=([b"a\n", b"b\n"], None))
    writing.start()
    assert began.wait(10)
    closing = threading.Thread(target=sink.close, kwargs={"failed": True})
    closing.start()
    may_end.set()
    writing.join()
    closing.join()
    assert (tmp_path / "out.txt").read_text() == "a\nb\n"


FULL = """
import resource, sys
from raveler._core.sinks import open_sink
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
sink = open_sink(sys.argv[1])
sink.open(None if sys.argv[2] == "None" else {})
batches = 0
try:
    while True:
        sink.write(["x" * 99] * 30, None)
        batches += 1
except OSError as error:
    print(batches, type(error).__name__, "out.txt" in str(error))
sink.write(["y" * 99] * 5, None)
sink.close(failed=True)
"""


@pytest.mark.parametrize("state", ["None", "{}"])
def test_full_disk_leaves_whole_batches(tmp_path: Path, state: str) -> None:
    path = tmp_path / "out.txt"
    assert run_script(FULL, str(path), state, folder=tmp_path).check().out == "3 OSError True\n"
    assert path.read_text() == ("x" * 99 + "\n") * 90 + ("y" * 99 + "\n") * 5
    assert [name for name in names(tmp_path) if name.endswith(".part")] == []


FOREVER = """
import sys
from raveler._core.sinks import open_sink
sink = open_sink(sys.argv[1])
sink.open(None)
print("open", flush=True)
try:
    while True:
        sink.write([str(number) for number in range(1000)], None)
        print("batch", flush=True)
except KeyboardInterrupt:
    pass
finally:
    sink.close(failed=True)
"""


def whole_batches(text: str) -> bool:
    """Say whether a file of the script above holds nothing but whole batches."""
    batch = "".join(f"{number}\n" for number in range(1000))
    return bool(text) and text == batch * (len(text) // len(batch))


def test_interrupt_leaves_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with running(FOREVER, str(path), folder=tmp_path) as script:
        script.expect("batch")
        script.interrupt()
        assert script.end().code == 0
    assert whole_batches(path.read_text())
    assert not (tmp_path / ".out.txt.part").exists()


def test_kill_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with running(FOREVER, str(path), folder=tmp_path) as script:
        script.expect("batch")
        script.kill()
    assert path.read_text() == "old"
    written(path, ["new"])
    assert path.read_text() == "new\n"
    assert not (tmp_path / ".out.txt.part").exists()


JOURNALLED = """
import json, os, sys
from pathlib import Path
from raveler._core.sinks import open_sink
path, known = sys.argv[1], Path(sys.argv[2])
state = json.loads(known.read_text()) if known.exists() else {"done": 0, "sink": {}}
sink = open_sink(path)
sink.open(state["sink"])
print("open", flush=True)
for batch in range(state["done"], 40):
    sink.write([f"{batch}-{number}" for number in range(20_000)], None)
    beside = known.with_suffix(".new")
    beside.write_text(json.dumps({"done": batch + 1, "sink": sink.state()}))
    beside.rename(known)
    print("batch", flush=True)
sink.close(failed=False)
print("end", flush=True)
"""


def test_killed_runs_with_a_journal_write_every_line_once(tmp_path: Path) -> None:
    path, known = tmp_path / "out.txt", tmp_path / "known.json"
    for kill in range(8):
        with running(JOURNALLED, str(path), str(known), folder=tmp_path) as script:
            script.expect("open" if kill == 0 else "batch")
            script.kill()
            script.process.wait()
    assert run_script(JOURNALLED, str(path), str(known), folder=tmp_path, goal_s=9).check().out.endswith("end\n")
    expected = [f"{batch}-{number}" for batch in range(40) for number in range(20_000)]
    assert path.read_text().splitlines() == expected
