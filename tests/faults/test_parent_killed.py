"""The parent is killed without a chance to say goodbye: its workers go too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import census
from tests.deadline import still_alive_after
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gate import Gatekeeper

SOURCE = """
    import sys
    import raveler as rv
    from tests import work
    from tests.gate import Gate
    gate = Gate(sys.argv[1])
    with rv.Runtime(workers=2) as rt:
        for _ in range(2):
            rt.submit(work.announce_then, gate, sys.argv[2])
        print("ready", flush=True)
        sys.stdin.read()
"""

IDLE = """
    import sys
    import raveler as rv
    with rv.Runtime(workers=2) as rt:
        rt.map(abs, range(10)).list()
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("doing", ["hang_in_python", "hang_deaf", "hang_in_c", "hang_ignoring_signals"])
def test_workers_go_with_their_parent(doing: str, tmp_path: Path, keeper: Gatekeeper) -> None:
    with running(SOURCE, keeper.gate.folder, doing, folder=tmp_path) as script:
        script.expect("ready")
        keeper.wait_for(2)
        family = census.marked(script.mark).keys() - {script.pid}
        assert len(family) >= 2
        script.kill()
        assert still_alive_after(family, 1.0) == []
        # The script itself may still be on its way out.
        assert census.marked(script.mark).keys() <= {script.pid}


def test_idle_workers_go_with_their_parent(tmp_path: Path) -> None:
    with running(IDLE, folder=tmp_path) as script:
        script.expect("ready")
        family = census.marked(script.mark).keys() - {script.pid}
        assert family
        script.kill()
        assert still_alive_after(family, 1.0) == []


def test_workers_started_from_a_thread_that_has_ended_stay(tmp_path: Path) -> None:
    source = """
        import threading
        import raveler as rv
        with rv.Runtime(workers=2) as rt:
            thread = threading.Thread(target=lambda: rt.map(abs, range(10)).list())
            thread.start()
            thread.join()
            print(rt.map(abs, range(100)).list() == list(range(100)))
            print(rt.submit(abs, -1).result())
    """
    with running(source, folder=tmp_path) as script:
        assert script.end().check().out == "True\n1\n"
