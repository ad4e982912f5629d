"""User code forks the parent of a live runtime: the child is safe, the parent unharmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import os, subprocess, sys, warnings
import raveler as rv
warnings.simplefilter("ignore", DeprecationWarning)

def reap(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

CASES = {
    "child that uses a new runtime": """
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    pid = os.fork()
    if pid == 0:
        with rv.Runtime(workers=1) as own:
            ok = own.map(abs, range(-50, 0)).list() == list(range(50, 0, -1))
        os._exit(0 if ok else 1)
    print(reap(pid), rt.submit(abs, -2).result())
""",
    "child that uses the default runtime anew": """
assert rv.submit(abs, -1).result() == 1
pid = os.fork()
if pid == 0:
    ok = rv.submit(abs, -7).result() == 7
    os._exit(0 if ok else 1)
print(reap(pid), rv.submit(abs, -2).result())
""",
    "child that exits as usual": """
assert rv.submit(abs, -1).result() == 1
pid = os.fork()
if pid == 0:
    sys.exit(0)
print(reap(pid), rv.submit(abs, -2).result())
""",
    "child that leaves the block": """
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    pid = os.fork()
    if pid:
        print(reap(pid), rt.submit(abs, -2).result())
if pid == 0:
    sys.exit(0)
""",
    "fork while tasks are in flight": """
import time
with rv.Runtime(workers=2) as rt:
    tasks = [rt.submit(pow, index, 2) for index in range(2000)]
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    code = reap(pid)
    assert [task.result() for task in tasks] == [index ** 2 for index in range(2000)]
    print(code, 2)
""",
    "multiprocessing child by fork": """
import multiprocessing
def child():
    assert rv.submit(abs, -7).result() == 7
assert rv.submit(abs, -1).result() == 1
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
print(process.exitcode, rv.submit(abs, -2).result())
""",
    "subprocess": """
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    done = subprocess.run([sys.executable, "-c", "pass"])
    print(done.returncode, rt.submit(abs, -2).result())
""",
    "subprocess that inherits descriptors": """
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    done = subprocess.run(["sh", "-c", "exit 0"], close_fds=False)
    print(done.returncode, rt.submit(abs, -2).result())
""",
    "fork from a thread": """
import threading
codes = []
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    def fork():
        pid = os.fork()
        if pid == 0:
            os._exit(0 if rv.submit(abs, -7).result() == 7 else 1)
        codes.append(reap(pid))
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    print(codes[0], rt.submit(abs, -2).result())
""",
}


@pytest.mark.parametrize("case", CASES)
def test_fork_harms_neither_child_nor_parent(case: str, tmp_path: Path) -> None:
    assert run_script(HEAD + CASES[case], folder=tmp_path, goal_s=2).check().out == "0 2\n"


def test_child_that_uses_the_parents_runtime_gets_an_error_and_no_hang(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
with rv.Runtime(workers=2) as rt:
    assert rt.submit(abs, -1).result() == 1
    pid = os.fork()
    if pid == 0:
        try:
            code = 0 if rt.submit(abs, -3).result(timeout=20) == 3 else 1
        except TimeoutError:
            code = 2
        except (rv.RavelerError, RuntimeError):
            code = 0
        os._exit(code)
    print(reap(pid), rt.submit(abs, -2).result())
"""
    )
    assert run_script(source, folder=tmp_path, goal_s=2).check().out == "0 2\n"


def test_child_of_a_fork_does_not_keep_the_workers_alive(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
with rv.Runtime(workers=1) as rt:
    worker = rt.submit(os.getpid).result()
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.read(ready, 1)
        os._exit(0)
    os.close(ready)
try:
    os.kill(worker, 0)
    gone = False
except ProcessLookupError:
    gone = True
os.close(go)
print(reap(pid), gone)
"""
    )
    assert run_script(source, folder=tmp_path, goal_s=2).check().out == "0 True\n"
