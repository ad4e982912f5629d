"""A progress bar in one line of text: items done, rate and time left; quiet when nobody looks."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_INTERVAL = 0.1
_WIDTH = 24
_FAST = 10


def meter(
    progress: bool | Callable[[int, int | None], object],  # noqa: FBT001 - part of the public signature
    name: str,
    total: int | None,
) -> Meter | None:
    """Return what shows progress, or None if nothing does.

    Raises:
        TypeError: If ``progress`` is neither a truth value nor callable.
    """
    if isinstance(progress, bool):
        return Bar(sys.stderr, name, total) if progress and _is_terminal(sys.stderr) else None
    if callable(progress):
        return Meter(progress, total)
    message = f"progress must be True, False or a function of (done, total), not {progress!r}"
    raise TypeError(message)


class Meter:
    """Tells a function of the user's about every item."""

    def __init__(self, tell: Callable[[int, int | None], object], total: int | None) -> None:
        """Call ``tell(done, total)``; ``total`` is None if it is not known."""
        self._tell = tell
        self.total = total
        self.done = 0

    def step(self) -> None:
        """Count one more item."""
        self.done += 1
        self._tell(self.done, self.total)

    def finish(self) -> None:
        """Show the end."""


class Bar(Meter):
    """Draws a line on a terminal, at most ten times a second."""

    def __init__(self, stream: TextIO, name: str, total: int | None) -> None:
        """Start the clock."""
        super().__init__(self._maybe_draw, total)
        self._stream = stream
        self._name = name
        self._start = monotonic()
        self._next = 0.0
        self._drawn = False

    def finish(self) -> None:
        """Draw the last state and leave the line."""
        if self.done or self._drawn:
            self._draw()
            self._write("\n")

    def line(self, seconds: float) -> str:
        """Return the text for what is done after that many seconds."""
        rate = self.done / seconds if seconds > 0 else 0.0
        speed = f"{rate:,.0f}/s" if rate >= _FAST else f"{rate:.2f}/s"
        if not self.total:
            return f"{self._name}  {self.done:,} done  {speed}  {_clock(seconds)}"
        share = min(1.0, self.done / self.total)
        filled = int(share * _WIDTH)
        left = f"{_clock((self.total - self.done) / rate)} left" if rate and share < 1 else _clock(seconds)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        return f"{self._name}  [{bar}] {share:4.0%}  {self.done:,}/{self.total:,}  {speed}  {left}"

    def _maybe_draw(self, _done: int, _total: int | None) -> None:
        now = monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL
            self._draw()

    def _draw(self) -> None:
        self._drawn = True
        self._write(f"\r\x1b[K{self.line(monotonic() - self._start)}")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal is gone; the work is not.
            pass


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
