"""A gate between the test and its tasks: tasks say that they have come, the test lets them pass."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.deadline import eventually

_MANY = 4096


@dataclass(frozen=True)
class Gate:
    """The side of the tasks; travels to any process."""

    folder: str

    def announce(self, word: bytes = b".") -> None:
        """Tell the gatekeeper that somebody is here."""
        with Path(self.folder, "arrivals").open("wb", buffering=0) as pipe:
            pipe.write(word)

    def pass_through(self, word: bytes = b".") -> None:
        """Announce and wait until the gatekeeper lets one more pass."""
        self.announce(word)
        with Path(self.folder, "passes").open("rb", buffering=0) as pipe:
            pipe.read(1)


class Gatekeeper:
    """The side of the test: counts who came, lets them pass."""

    def __init__(self, folder: Path) -> None:
        """Make the two pipes of the gate in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("arrivals", "passes"):
            os.mkfifo(folder / name)
        self.gate = Gate(str(folder))
        self.arrived = b""
        self._arrivals = os.open(folder / "arrivals", os.O_RDWR | os.O_NONBLOCK)
        self._passes = os.open(folder / "passes", os.O_RDWR | os.O_NONBLOCK)

    def collect(self) -> bytes:
        """Return every word announced so far."""
        try:
            self.arrived += os.read(self._arrivals, _MANY)
        except BlockingIOError:
            pass
        return self.arrived

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` words in all were announced."""
        eventually(lambda: len(self.collect()) >= count, goal_s=2.0, what=f"the arrival of {count} tasks")

    def release(self, count: int = 1) -> None:
        """Let ``count`` more pass."""
        os.write(self._passes, b"." * count)

    def release_after(self, arrivals: int, count: int) -> threading.Thread:
        """Start a thread that waits for ``arrivals`` words and then lets ``count`` pass."""

        def wait_and_release() -> None:
            self.wait_for(arrivals)
            self.release(count)

        thread = threading.Thread(target=wait_and_release)
        thread.start()
        return thread

    def close(self) -> None:
        """Let everybody pass and take the gate down."""
        try:
            os.write(self._passes, b"." * _MANY)
        except BlockingIOError:
            pass
        for name in ("arrivals", "passes"):
            Path(self.gate.folder, name).unlink()
        os.close(self._arrivals)
        os.close(self._passes)
