"""A server's guardian: starts it, stands outside this process's family, and ends it when this process does.

Servers fork as they like (a database makes a process for each connection), so they must not be counted among the
children of the tests. The guardian is orphaned on purpose; the pipe on its input is its lifeline.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests import census
from tests.deadline import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

END_S = 5.0


def watch(command: Sequence[str], user: str, log: str, end_signal: int) -> None:
    """Run ``command`` until the input of this process ends; then end it, with force when it does not listen."""
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(log).open("ab") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user or None, start_new_session=True
        )
    os.write(1, f"{json.dumps([os.getpid(), server.pid])}\n".encode())
    ended = os.pidfd_open(server.pid)
    # Workers of the tests may hold the other end of the lifeline too, so the word to stop comes by signal as well.
    told, tell = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.close(tell))
    select.select([0, ended, told], [], [])
    try:
        server.send_signal(end_signal)
        server.wait(END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


class Guarded:
    """A server process under guard."""

    def __init__(
        self,
        command: Sequence[str],
        log: str,
        *,
        user: str = "",
        end_signal: signal.Signals = signal.SIGTERM,
        env: dict[str, str] | None = None,
    ) -> None:
        """Start the server; its output goes to the file ``log``."""
        surroundings = {name: value for name, value in os.environ.items() if name != census.MARK} | (env or {})
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps([list(command), user, log, int(end_signal)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=surroundings | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the guardian died"
        self._guardian, self.pid = json.loads(line)
        self._process.stdout.close()
        self._process.wait()

    def kill(self) -> None:
        """Kill the server as a crash would, and see it gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the server and its guardian; does nothing the second time."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        self._process.stdin.close()
        try:
            os.kill(self._guardian, signal.SIGTERM)
        except ProcessLookupError:
            return
        eventually(lambda: not self._is_guarded(), goal_s=END_S + 1, what="the end of a server")

    def tail(self) -> str:
        """Return the last lines that the server wrote."""
        return Path(self.log).read_bytes()[-2000:].decode(errors="replace")

    def _is_guarded(self) -> bool:
        entry = census.process(self._guardian)
        return entry is not None and entry.state not in "ZX"


if __name__ == "__main__":
    watch(*json.loads(sys.argv[1]))
