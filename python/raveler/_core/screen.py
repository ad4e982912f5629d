"""Where progress is drawn: a few lines on a terminal or in a notebook, drawn over in place.

The lines are ours and not those of rich, tqdm or indicatif: what is needed is to write some lines, go back up and write
them again, which is one string of four escape codes. A library would be a dependency of every user for that, and
indicatif would draw beside Python's own ``sys.stderr``.

The cursor rests on an empty line *above* what is drawn. So a line that the user prints meanwhile lands on that empty
line and stays whole, and the next drawing begins right under it. Nothing above the resting place is ever erased and
everything below it is, so old lines that a terminal has wrapped, because it became narrower, go as well.
"""

from __future__ import annotations

import os

from raveler._core.amounts import ascii_only
from raveler._core.columns import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from raveler._core.columns import Line, Span

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_LETTERS = "━╸─▶…µ"
_NOTEBOOK_WIDTH = 100
_USUAL_WIDTH = 80
_USUAL_HEIGHT = 24


def screen(stream: TextIO | None) -> Screen | None:
    """Return where to draw if ``stream`` leads to a terminal or into a notebook, else None: nobody looks."""
    if type(stream).__module__.partition(".")[0] == "ipykernel":
        return Notebook()
    try:
        is_terminal = stream is not None and stream.isatty()
    except ValueError:
        return None
    if stream is None or not is_terminal or os.environ.get("TERM") == "dumb":
        return None
    return Terminal(stream)


class Screen:
    """A place for a few lines that replace each other."""

    is_plain = False
    """Whether only ASCII can be shown."""

    @property
    def width(self) -> int:
        """How many columns there are now."""
        return _NOTEBOOK_WIDTH

    def show(self, lines: Sequence[Line]) -> None:
        """Draw the lines in place of those that were drawn last."""
        raise NotImplementedError

    def end(self, lines: Sequence[Line]) -> None:
        """Draw the lines for the last time and leave them."""
        self.show(lines)


class Terminal(Screen):
    """Lines on a terminal; one that goes away is written to no more."""

    def __init__(self, stream: TextIO) -> None:
        """Draw nothing yet."""
        self._stream = stream
        self._is_gone = False
        self._has_colours = not os.environ.get("NO_COLOR")
        self.is_plain = not _can_encode(stream)

    @property
    def width(self) -> int:
        """How many columns there are now; the last one stays free, because some terminals wrap when it is written."""
        return self._size()[0] - 1

    def show(self, lines: Sequence[Line]) -> None:
        """Draw under the resting place and go back to it; what is higher than the terminal is left out."""
        if not self._takes_more():
            return
        rows = [self._painted(line) for line in lines[: max(1, self._size()[1] - 2)]]
        self._write("\r" + "\x1b[K\r\n".join(["", *rows]) + f"\x1b[J\x1b[{len(rows)}A\r")

    def end(self, lines: Sequence[Line]) -> None:
        """Draw from the resting place on and leave the cursor below."""
        self._write("\r" + "\x1b[K\r\n".join(self._painted(line) for line in lines) + "\x1b[J\r\n")

    def _painted(self, line: Line) -> str:
        return "".join(self._paint(span) for span in cut(line, self.width))

    def _paint(self, span: Span) -> str:
        text = ascii_only(span.text) if self.is_plain else span.text
        code = _STYLES.get(span.style) if self._has_colours else None
        return f"\x1b[{code}m{text}\x1b[m" if code else text

    def _takes_more(self) -> bool:
        # A terminal that was stopped (Ctrl-S) must not stop the work; the next drawing shows what this one would have.
        from select import POLLOUT, poll

        try:
            waiting = poll()
            waiting.register(self._stream.fileno(), POLLOUT)
            return bool(waiting.poll(0))
        except (OSError, ValueError):
            return True

    def _size(self) -> tuple[int, int]:
        # Asked for each time, so that a terminal that was resized is met as it is.
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        return columns or _USUAL_WIDTH, rows or _USUAL_HEIGHT

    def _write(self, text: str) -> None:
        if self._is_gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal is gone; the work is not.
            self._is_gone = True


class Notebook(Screen):
    """Lines as plain text under the cell of a notebook, replaced in place."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._handle: Any = None

    def show(self, lines: Sequence[Line]) -> None:
        """Show the lines, in the same output as before."""
        text = "\n".join("".join(span.text for span in cut(line, self.width)) for line in lines)
        content = {"text/plain": text}
        if self._handle is not None:
            self._handle.update(content, raw=True)
            return
        from importlib import import_module

        # Not an import statement: IPython is there when a notebook is, and is no dependency.
        self._handle = import_module("IPython.display").display(content, raw=True, display_id=True)


def _can_encode(stream: TextIO) -> bool:
    try:
        _LETTERS.encode(getattr(stream, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
