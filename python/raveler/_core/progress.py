"""A progress bar in one line of text: items done, rate and time left; quiet when nobody looks."""

from __future__ import annotations

import sys
from time import monotonic

from raveler._core import amounts
from raveler._core.columns import GAP, Column, cell, fitted, gauge, lines, printable, width_of_all
from raveler._core.screen import screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from raveler._core.columns import Line
    from raveler._core.screen import Screen

_INTERVAL = 0.1
_WIDEST_GAUGE = 24
_NARROWEST_GAUGE = 8
_NARROW = 60


class Beat:
    """Says when it is time again: at once, and then at most ten times a second."""

    def __init__(self) -> None:
        """Let the first moment be now."""
        self._next = 0.0

    def due(self) -> bool:
        """Tell whether it is time, and if so, begin to wait for the next time."""
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + _INTERVAL
        return True


def meter(
    progress: bool | Callable[[int, int | None], object],  # noqa: FBT001 - part of the public signature
    name: str,
    total: int | None,
    *,
    is_of_bytes: bool = False,
) -> Meter | None:
    """Return what shows progress, of items or of bytes, or None if nothing does.

    Raises:
        TypeError: If ``progress`` is neither a truth value nor callable.
    """
    if isinstance(progress, bool):
        shown = screen(sys.stderr) if progress else None
        return Bar(shown, name, total, is_of_bytes=is_of_bytes) if shown is not None else None
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
    """Draws a line, at most ten times a second."""

    def __init__(self, shown: Screen, name: str, total: int | None, *, is_of_bytes: bool = False) -> None:
        """Start the clock."""
        super().__init__(self._maybe_draw, total)
        self._screen = shown
        self._name = printable(name)
        self._is_of_bytes = is_of_bytes
        self._start = monotonic()
        self._beat = Beat()
        self._drawn = False

    def finish(self) -> None:
        """Draw the last state and leave the line."""
        if self.done or self._drawn:
            self._screen.end([self.line(monotonic() - self._start)])

    def line(self, seconds: float) -> Line:
        """Return the text for what is done after that many seconds."""
        part = min(1.0, self.done / self.total) if self.total else None
        is_over = part is None or part == 1 or not self.done
        left = 0.0 if is_over else ((self.total or 0) - self.done) * seconds / self.done
        columns = [
            Column([cell(self._name, "bold")], 5, is_left=True),
            Column([cell("" if part is None else amounts.share(part))], 3),
            Column([cell(self._count())], 4),
            Column([cell(self._speed(seconds))], 2),
            Column([cell(amounts.clock(seconds) if is_over else f"{amounts.clock(left)} left")], 1),
        ]
        return lines(with_gauges(columns, [part], self._screen))[0]

    def _count(self) -> str:
        if self._is_of_bytes:
            of_all = f" of {amounts.size(self.total)}" if self.total else ""
            return f"{amounts.size(self.done)}{of_all}"
        return f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,} done"

    def _speed(self, seconds: float) -> str:
        if self._is_of_bytes:
            return f"{amounts.size(round(self.done / seconds) if seconds > 0 else 0)}/s"
        return amounts.rate(self.done, seconds)

    def _maybe_draw(self, _done: int, _total: int | None) -> None:
        if self._beat.due():
            self._drawn = True
            self._screen.show([self.line(monotonic() - self._start)])


def with_gauges(columns: list[Column], parts: list[float | None], shown: Screen) -> list[Column]:
    """Return the columns that fit the screen, with bars behind the first if there is room for them."""
    if all(part is None for part in parts):
        return fitted(columns, shown.width)
    # On a usual terminal a bar is worth more than the least of the columns; on a narrow one it is not.
    kept = fitted(columns, shown.width - (_NARROWEST_GAUGE + GAP if shown.width >= _NARROW else 0))
    width = min(_WIDEST_GAUGE, shown.width - width_of_all(kept) - GAP)
    if width >= _NARROWEST_GAUGE:
        bars = [() if part is None else gauge(part, width, is_plain=shown.is_plain) for part in parts]
        kept.insert(1, Column(bars, 0))
    return kept
