"""Ctrl-C in the middle of a flow: out at once, sink and journal whole, nobody left, and the next run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deadline import guard
from tests.faults import flow_runs
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate import Gatekeeper

INTERRUPTED = {-2, 130, 1}

HEAD = """
import asyncio, sys
from pathlib import Path
import raveler as rv
from tests import work
from tests.faults import flow_runs
from tests.gate import Gate

gate, kind, folder = Gate(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
place, hangs = sys.argv[4:]
sink = flow_runs.SINKS[kind](folder)

def is_the_one(item):
    return hangs == "hang" and item == 161

def source():
    for item in range(flow_runs.ITEMS):
        if place == "source" and is_the_one(item):
            work.announce_and_hang(gate)
        yield item

def hang(row):
    if is_the_one(row[0]):
        work.announce_and_hang(gate)
    return row

async def hang_later(row):
    if is_the_one(row[0]):
        gate.announce()
        await asyncio.Event().wait()
    return row

with rv.Runtime(workers=2) as rt:
    flow = flow_runs.flow(rt, source(), str(folder / "log"), sink.journal)
"""

STAGES = {
    "source": "",
    "process": "flow = flow.map(hang)",
    "thread": 'flow = flow.map(hang, on="thread")',
    "loop": "flow = flow.map(hang_later)",
}

TAIL = """
    flow.batch(flow_runs.BATCH).to(sink.target(rt)).run()
"""


@pytest.mark.parametrize("kind", flow_runs.SINKS)
@pytest.mark.parametrize("place", STAGES)
def test_interrupt_leaves_sink_and_journal_whole(
    place: str, kind: str, tmp_path: Path, keeper: Gatekeeper, record_property: Callable[[str, object], None]
) -> None:
    script = HEAD + "    " + STAGES[place] + TAIL
    args = (keeper.gate.folder, kind, str(tmp_path), place)
    with running(script, *args, "hang", folder=tmp_path) as flow:
        keeper.wait_for(1)
        flow.interrupt()
        ended = flow.end(goal_s=1)
    record_property("seconds", ended.seconds)
    assert ended.seconds < guard(1)
    assert ended.left_behind == {}
    assert ended.code in INTERRUPTED, ended.err
    assert ended.err.count("Traceback") == 1, ended.err
    assert ended.err.count("KeyboardInterrupt") == 1
    sink = flow_runs.SINKS[kind](tmp_path)
    rows = sink.content()
    assert rows == flow_runs.expected()[: len(rows)]
    again = run_script(script, *args, "pass", folder=tmp_path)
    assert (again.code, again.err) == (0, "")
    assert sink.content() == flow_runs.expected()


HANGING_SINK = """
import sys, threading
import raveler as rv
from tests.gate import Gate

def write(item):
    if item == 5:
        Gate(sys.argv[1]).announce()
        threading.Event().wait()

with rv.Runtime(workers=2) as rt:
    rt.flow(range(100)).map(abs).to(write).run()
"""


def test_interrupt_ends_a_flow_whose_sink_hangs(tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(HANGING_SINK, keeper.gate.folder, folder=tmp_path) as flow:
        keeper.wait_for(1)
        flow.interrupt()
        ended = flow.end(goal_s=1)
    assert ended.left_behind == {}
    assert ended.code in INTERRUPTED


CAUGHT = """
import sys
import raveler as rv
from tests import work
from tests.gate import Gate

gate = Gate(sys.argv[1])

def hang(value):
    if value == 5:
        work.announce_and_hang(gate)
    return value

with rv.Runtime(workers=2) as rt:
    seen = []
    try:
        for value in rt.flow(range(100)).map(hang, window=2).map(work.double, on="thread", window=2):
            seen.append(value)
    except KeyboardInterrupt:
        print(seen, rt.flow(range(3)).map(work.double).list(), flush=True)
        raise
"""


def test_caller_that_catches_the_interrupt_can_go_on(tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(CAUGHT, keeper.gate.folder, folder=tmp_path) as flow:
        keeper.wait_for(1)
        flow.interrupt()
        ended = flow.end(goal_s=1)
    seen, after = ended.out.split("] ")
    assert after == "[0, 2, 4]\n"
    assert (seen + "]") in {str([2 * index for index in range(count)]) for count in range(6)}
    assert ended.left_behind == {}


AWAITED = """
import asyncio, sys
import raveler as rv
from tests import work
from tests.gate import Gate

gate = Gate(sys.argv[1])

async def main():
    async with rv.Runtime(workers=2) as rt:
        async for _ in rt.flow([gate] * 9).map(work.identity).map(work.announce_and_hang):
            pass

asyncio.run(main())
"""


def test_interrupt_ends_a_flow_that_is_awaited(tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(AWAITED, keeper.gate.folder, folder=tmp_path) as flow:
        keeper.wait_for(1)
        flow.interrupt()
        ended = flow.end(goal_s=1)
    assert ended.seconds < guard(1)
    assert ended.left_behind == {}
    assert ended.code in INTERRUPTED
