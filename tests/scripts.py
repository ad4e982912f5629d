"""Parents that a test may kill: Python scripts run as processes of their own, with a mark and a deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from tests import census
from tests.deadline import eventually, guard, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent


def environment(mark: str, **extra: str) -> dict[str, str]:
    """Return the environment of a script: ours, its mark, and a path to this suite."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {census.MARK: mark, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | extra


@dataclass
class Ended:
    """How a script ended."""

    code: int
    out: str
    err: str
    seconds: float
    left_behind: dict[int, census.Process]

    def check(self) -> Ended:
        """Fail unless the script ended well, said nothing on stderr and left nobody behind."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        assert self.err == ""
        assert self.left_behind == {}
        return self


class Script:
    """A running script: talk to it, signal it, see it end."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        """Watch a started process."""
        self.process = process
        self.mark = mark
        self._seen = b""

    @property
    def pid(self) -> int:
        """The process of the script itself."""
        return self.process.pid

    def expect(self, text: str, goal_s: float = 3.0) -> str:
        """Read the script's output until it holds ``text``; return all that was read."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        deadline = time.monotonic() + guard(goal_s)
        while text.encode() not in self._seen:
            chunk = os.read(descriptor, 65536) if readable(descriptor, goal_s) else b""
            self._seen += chunk
            if not chunk or time.monotonic() > deadline:
                raise AssertionError(f"the script never said {text!r}: {self._seen!r} {self._errors()!r}")
        return self._seen.decode()

    def say(self, text: str) -> None:
        """Write a line to the script's input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def interrupt(self) -> None:
        """Do what a terminal does at Ctrl-C: signal the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the script itself and nobody else."""
        self.process.kill()

    def end(self, goal_s: float = 3.0) -> Ended:
        """Wait for the end and for everybody whom the script started."""
        began = time.monotonic()
        try:
            out, err = self.process.communicate(timeout=guard(goal_s))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the script did not end: {self._seen!r}") from None
        seconds = time.monotonic() - began
        try:
            eventually(lambda: not census.marked(self.mark), goal_s=1.0)
        except AssertionError:
            pass
        left = census.marked(self.mark)
        return Ended(self.process.returncode, (self._seen + out).decode(), err.decode(), seconds, left)

    def _errors(self) -> bytes:
        assert self.process.stderr is not None
        descriptor = self.process.stderr.fileno()
        return os.read(descriptor, 65536) if readable(descriptor, 0.05) else b""


@contextmanager
def running(
    source: str,
    *args: str,
    how: str = "file",
    folder: Path | None = None,
    prefix: Sequence[str] = (),
    env: dict[str, str] | None = None,
) -> Iterator[Script]:
    """Run ``source`` as a script in a session of its own, from a file, ``-c`` or stdin; clean up whatever happens."""
    mark = uuid.uuid4().hex
    text = dedent(source)
    command = [*prefix, sys.executable]
    if how == "file":
        assert folder is not None
        path = folder / f"script_{mark[:8]}.py"
        path.write_text(text)
        command += [str(path), *args]
    elif how == "-c":
        command += ["-c", text, *args]
    else:
        command += ["-", *args]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment(mark, **(env or {})),
    )
    script = Script(process, mark)
    if how == "stdin":
        assert process.stdin is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        process.stdin = None
    try:
        yield script
    finally:
        for pid in {process.pid, *census.marked(mark)}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def run_script(source: str, *args: str, goal_s: float = 3.0, **options: Any) -> Ended:
    """Run ``source`` to its end."""
    with running(source, *args, **options) as script:
        return script.end(goal_s)
