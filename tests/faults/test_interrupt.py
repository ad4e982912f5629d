"""Ctrl-C, wherever it falls: out at once, nobody left, the terminal as it was."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests import census
from tests.deadline import eventually, guard, readable
from tests.scripts import environment, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate import Gatekeeper

HEAD = """
import asyncio, sys
import raveler as rv
from tests import work
from tests.gate import Gate
gate = Gate(sys.argv[1])
"""

PLACES = {
    "map": """
with rv.Runtime(workers=2) as rt:
    rt.map(work.announce_then, [gate] * 100, ["hang_in_python"] * 100, chunk=1).list()
""",
    "result": """
with rv.Runtime(workers=2) as rt:
    rt.submit(work.announce_and_hang, gate).result()
""",
    "hanging in C": """
with rv.Runtime(workers=2) as rt:
    rt.submit(work.announce_then, gate, "hang_ignoring_signals").result()
""",
    "wait": """
with rv.Runtime(workers=2) as rt:
    rv.wait([rt.submit(work.announce_and_hang, gate)])
""",
    "awaiting loop": """
async def main():
    async with rv.Runtime(workers=2) as rt:
        await rt.submit(work.announce_and_hang, gate)
asyncio.run(main())
""",
    "async for": """
async def main():
    async with rv.Runtime(workers=2) as rt:
        async for _ in rt.map(work.announce_and_hang, [gate] * 9, chunk=1):
            pass
asyncio.run(main())
""",
    "shutdown": """
with rv.Runtime(workers=2) as rt:
    rt.submit(work.announce_and_hang, gate)
""",
    "thread": """
with rv.Runtime(workers=2) as rt:
    rt.options(on="thread").submit(work.announce_and_hang, gate).result()
""",
    "coroutine": """
async def hang():
    gate.announce()
    await asyncio.Event().wait()
with rv.Runtime(workers=2) as rt:
    rt.submit(hang).result()
""",
    "exit of the default runtime": """
rv.submit(work.announce_and_hang, gate)
""",
}

INTERRUPTED = {-2, 130, 1}


@pytest.mark.parametrize("place", PLACES)
def test_interrupt_ends_everything(
    place: str, tmp_path: Path, keeper: Gatekeeper, record_property: Callable[[str, object], None]
) -> None:
    with running(HEAD + PLACES[place], keeper.gate.folder, folder=tmp_path) as script:
        keeper.wait_for(1)
        script.interrupt()
        ended = script.end(goal_s=1)
    record_property("seconds", ended.seconds)
    assert ended.seconds < guard(1)
    assert ended.left_behind == {}
    assert ended.code in INTERRUPTED or place.startswith("exit"), ended.err
    assert "Exception ignored" not in ended.err


@pytest.mark.parametrize("place", ["map", "result", "awaiting loop", "shutdown", "hanging in C"])
def test_second_interrupt_does_no_harm(place: str, tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(HEAD + PLACES[place], keeper.gate.folder, folder=tmp_path) as script:
        keeper.wait_for(1)
        script.interrupt()
        script.interrupt()
        ended = script.end(goal_s=1)
    assert ended.seconds < guard(1)
    assert ended.left_behind == {}
    assert ended.code in INTERRUPTED


def test_interrupt_says_keyboard_interrupt_once(tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(HEAD + PLACES["map"], keeper.gate.folder, folder=tmp_path) as script:
        keeper.wait_for(2)
        script.interrupt()
        ended = script.end(goal_s=1)
    assert ended.err.count("KeyboardInterrupt") == 1
    assert ended.err.count("Traceback") == 1


def test_caller_that_catches_the_interrupt_can_go_on(tmp_path: Path, keeper: Gatekeeper) -> None:
    source = (
        HEAD
        + """
with rv.Runtime(workers=2) as rt:
    try:
        rt.submit(work.announce_and_hang, gate).result()
    except KeyboardInterrupt:
        print("caught", rt.submit(work.double, 4).result(), flush=True)
        raise
"""
    )
    with running(source, keeper.gate.folder, folder=tmp_path) as script:
        keeper.wait_for(1)
        script.interrupt()
        ended = script.end(goal_s=1)
    assert ended.out == "caught 8\n"
    assert ended.left_behind == {}


def test_interrupt_of_the_group_does_not_reach_the_tasks(tmp_path: Path, keeper: Gatekeeper) -> None:
    source = (
        HEAD
        + """
import signal
signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
with rv.Runtime(workers=1) as rt:
    print(rt.submit(work.pass_gate, gate, 5).result(), flush=True)
"""
    )
    with running(source, keeper.gate.folder, folder=tmp_path) as script:
        keeper.wait_for(1)
        script.interrupt()
        script.expect("heard")
        keeper.release()
        ended = script.end(goal_s=1).check()
    assert ended.out == "heard\n5\n"


def test_terminal_is_as_it_was(tmp_path: Path, keeper: Gatekeeper) -> None:
    source = """
        import fcntl, sys, termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        import raveler as rv
        from tests import work
        from tests.gate import Gate
        gate = Gate(sys.argv[1])
        with rv.Runtime(workers=2) as rt:
            rt.map(work.announce_and_hang, [gate] * 9, chunk=1, progress=True).list()
    """

    path = tmp_path / "on_a_terminal.py"
    path.write_text(dedent(source))
    master, slave = pty.openpty()
    mark = os.urandom(8).hex()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [sys.executable, str(path), keeper.gate.folder],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment(mark),
    )  # fmt: skip
    try:
        keeper.wait_for(1)
        os.write(master, b"\x03")
        process.wait(timeout=guard(1))
        shown = os.read(master, 65536) if readable(master, 0.1) else b""
        after = termios.tcgetattr(slave)
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
    assert after == before
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")
    eventually(lambda: not census.marked(mark), what="the end of all processes of the script")
