"""Rules of ``progress=True``."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from tests import work
from tests.deadline import readable
from tests.scripts import ROOT

if TYPE_CHECKING:
    import pytest

    import raveler as rv
    from tests.conformance.engines import EngineUnderTest

SCRIPT = """
import sys
import raveler as rv
with rv.Runtime(workers=1, engine=sys.argv[1]) as rt:
    count = {"known": range(40), "unknown": iter(range(40))}[sys.argv[2]]
    print(sum(rt.map(abs, count, progress=True)))
"""


def test_bar_is_quiet_when_not_a_terminal(rt: rv.Runtime, capfd: pytest.CaptureFixture[str]) -> None:
    assert rt.map(work.double, range(20), progress=True).list() == [2 * index for index in range(20)]
    assert capfd.readouterr() == ("", "")


def test_bar_shows_the_items_done_on_a_terminal(engine: EngineUnderTest) -> None:

    for length in ("known", "unknown"):
        master, slave = pty.openpty()
        try:
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, engine.name, length],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave, check=True, cwd=ROOT,
            )  # fmt: skip
            shown = os.read(master, 65536) if readable(master, 0.1) else b""
        finally:
            os.close(slave)
            os.close(master)
        assert done.stdout.split() == [b"780"]
        assert b"40" in shown
