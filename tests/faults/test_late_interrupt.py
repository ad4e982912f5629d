"""A thread task is cancelled when it has just ended: the interrupt must reach nobody, and leave nothing set."""

from __future__ import annotations

from tests.scripts import run_script

LATE = """
import sys, threading
from raveler._core.thread_place import ThreadPlace

place, call = ThreadPlace(), object()
place._running[call] = threading.get_ident()
place._abandoned[call] = "a call"
place._leave(call)
assert not place._running and not place._abandoned

def traced():
    return 1

sys.settrace(lambda *_: None)
print(traced())
"""


def test_interrupt_that_comes_too_late_is_received_and_traced_code_goes_on() -> None:
    ended = run_script(LATE, how="-c")
    assert (ended.code, ended.out.strip()) == (0, "1"), ended
