"""One contestant as the runner sees it: a process that is told to measure, and is ended when it hangs."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.row import Setting

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 2.0
START = "from bench.contest import main; main()"


class LaneError(Exception):
    """A contestant that gives no figure."""


class AbsentError(LaneError):
    """A contestant that isn't installed."""


class Lane:
    """The process of one contestant in one row."""

    def __init__(self, table: str, row: str, name: str, setting: Setting) -> None:
        self.name = name
        self.figures: list[float] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, table, row, name, str(setting.workers), "quick" if setting.quick else "full"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until the contestant has prepared itself.

        Raises:
            AbsentError: If it isn't installed.
            LaneError: If it fails or takes too long.
        """
        self._answer(timeout)

    def measure(self, timeout: float) -> None:
        """Take one more figure.

        Raises:
            LaneError: If the contestant fails or takes too long.
        """
        try:
            self._stdin.write(b"\n")
            self._stdin.flush()
        except BrokenPipeError as error:
            raise LaneError("ended by itself") from error
        self.figures.append(self._answer(timeout)["figure"])

    def end(self, timeout: float) -> None:
        """Let the contestant clean up, and kill what is left of it."""
        try:
            self._stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._stdout.close()
        self._errors.close()

    def kill(self) -> None:
        """Kill the contestant and its children.

        The trackers that remove what a library left in shared memory ignore SIGTERM and get a moment to do it.
        """
        self._process.kill()
        self._process.wait()
        end = time.monotonic() + GRACE_S
        try:
            os.killpg(self._process.pid, signal.SIGTERM)
            while time.monotonic() < end:
                self._reap()
                os.killpg(self._process.pid, 0)
                time.sleep(0.02)
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _reap(self) -> None:
        try:
            while os.waitpid(-self._process.pid, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    @property
    def _stdout(self) -> Any:
        return self._process.stdout

    def _answer(self, timeout: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                self.kill()
                raise LaneError(f"no answer within {timeout:.0f} s")
        line = self._stdout.readline()
        if not line:
            raise LaneError(f"died with status {self._process.wait()}: {self._last_error()}")
        answer: dict[str, Any] = json.loads(line)
        if "absent" in answer:
            raise AbsentError(answer["absent"])
        if "failed" in answer:
            raise LaneError(answer["failed"])
        return answer

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def adopt_orphans() -> None:
    """Make processes that lose their parent in a lane children of this one, so that none gets away."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(grace: float) -> int:
    """Reap the processes that lanes left behind; kill those that don't end by themselves, and return their number.

    Args:
        grace: Seconds that trackers and servers of the peers get to notice that they are alone.
    """
    end = time.monotonic() + grace
    killed = 0
    while orphans := children():
        late = time.monotonic() > end
        for pid in orphans:
            if late:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            os.waitpid(pid, 0 if late else os.WNOHANG)
        time.sleep(0.02)
    return killed


def children() -> list[int]:
    """Return the children of this process."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found]
