"""A runtime that has nothing to do does nothing: counted in context switches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests import census
from tests.deadline import eventually, let_pass
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

WINDOW_S = float(os.environ.get("RAVELER_TEST_IDLE_SECONDS", "3"))

SOURCE = """
    import sys
    import raveler as rv
    async def nothing():
        pass
    with rv.Runtime(workers=2) as rt:
        rt.map(abs, range(1000)).list()
        rt.map(len, [b"x" * 1_000_000] * 20).list()
        rt.options(on="thread").submit(abs, -1).result()
        rt.submit(nothing).result()
        print("ready", flush=True)
        sys.stdin.read()
"""


def switches(mark: str) -> dict[int, int]:
    """Return the context switches of every process of the script."""
    return {pid: census.context_switches(pid) for pid in census.marked(mark)}


def is_quiet(mark: str) -> bool:
    """Say whether nothing was switched for longer than freed memory is kept."""
    before = switches(mark)
    let_pass(6.0)
    return switches(mark) == before


def test_idle_runtime_uses_no_processor_at_all(tmp_path: Path) -> None:
    with running(SOURCE, folder=tmp_path) as script:
        script.expect("ready")
        eventually(lambda: is_quiet(script.mark), goal_s=3.0, what="six quiet seconds")
        before = switches(script.mark)
        assert len(before) >= 3
        let_pass(WINDOW_S)
        assert switches(script.mark) == before


def test_idle_runtime_gives_its_memory_back(tmp_path: Path) -> None:
    source = """
        import os, sys
        import raveler as rv
        def shared():
            return sum(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssShmem"))
        with rv.Runtime(workers=1) as rt:
            for size in rt.map(len, [bytes([n]) * 20_000_000 for n in range(10)]):
                pass
            print("peak", shared(), flush=True)
            sys.stdin.readline()
            print("later", shared(), flush=True)
    """
    with running(source, folder=tmp_path) as script:
        script.expect("peak")

        def shared_kib() -> int:
            status = (census.PROC / str(script.pid) / "status").read_text()
            return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssShmem"))

        eventually(lambda: shared_kib() < 32 << 10, goal_s=2.0, what="the return of freed blocks to the system")
        script.say("")
        script.end().check()
