"""Lines made of aligned columns that fit a width: what matters least goes first, then text is cut."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = 2


class Span(NamedTuple):
    """Text in one style: one of the names that `screen` can paint, or none."""

    text: str
    style: str = ""


Line: TypeAlias = "tuple[Span, ...]"
"""Text in several styles, one beside the other: a whole line, or a cell of one."""


class Column(NamedTuple):
    """The cells of one column, from top to bottom."""

    cells: Sequence[Line]
    rank: int
    """How much it matters: where there is no room for all, the higher rank has it."""
    is_left: bool = False

    @property
    def width(self) -> int:
        """The width of its widest cell."""
        return max(map(width_of_line, self.cells), default=0)


def fitted(columns: Iterable[Column], width: int) -> list[Column]:
    """Return the columns that have text and fit, in their order; at least one stays, whatever the width."""
    filled = [column for column in columns if column.width]
    kept: list[Column] = []
    for column in sorted(filled, key=lambda column: -column.rank):
        if not kept or width_of_all([*kept, column]) <= width:
            kept.append(column)
    return [column for column in filled if any(column is other for other in kept)]


def width_of_all(columns: Sequence[Column]) -> int:
    """Return how wide the columns are beside each other."""
    return sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)


def lines(columns: Sequence[Column]) -> list[Line]:
    """Return the columns beside each other as lines, without blanks at the end."""
    return [_line(row, columns) for row in zip(*(column.cells for column in columns), strict=True)]


def titled(title: str, cells: Sequence[Line], rank: int, *, is_left: bool = False) -> Column:
    """Return a column with a title; where no cell has text, it has no title either."""
    return Column([cell(title if any(cells) else "", "dim"), *cells], rank, is_left=is_left)


def cell(text: str, style: str = "") -> Line:
    """Return text in one style."""
    return (Span(text, style),) if text else ()


def gauge(part: float, width: int, *, is_plain: bool) -> Line:
    """Return a bar that is filled to that part; with ASCII alone if it is plain."""
    part = min(1.0, max(0.0, part))
    if is_plain:
        filled = int(part * width)
        return (Span("#" * filled, "cyan"), Span("-" * (width - filled), "dim"))
    whole, half = divmod(int(part * width * 2), 2)
    return (Span("━" * whole + "╸" * half, "cyan"), Span("─" * (width - whole - half), "dim"))


def cut(line: Line, width: int) -> Line:
    """Return as much of a line as fits; what is cut shows an ellipsis."""
    if width_of_line(line) <= width:
        return line
    kept: list[Span] = []
    for span in line:
        room = width - width_of_line(kept)
        if width_of(span.text) >= room:
            # The line is longer than this span, so something is lost even if the span itself would just fit.
            return (*kept, Span(_shortened(span.text, room), span.style))
        kept.append(span)
    return tuple(kept)


def shortened(text: str, width: int) -> str:
    """Return the text, or as much of it as fits before an ellipsis."""
    return text if width_of(text) <= width else _shortened(text, width)


def width_of(text: str) -> int:
    """Return how many cells of a terminal the text takes: letters of East Asia take two, accents that combine none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def width_of_line(line: Sequence[Span]) -> int:
    """Return how many cells of a terminal the line takes."""
    return sum(width_of(span.text) for span in line)


def printable(text: str) -> str:
    """Return text that stays on its line and commands no terminal, whatever a user has put into a name."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _shortened(text: str, width: int) -> str:
    while text and width_of(text) > max(0, width - 1):
        text = text[:-1]
    return f"{text}…" if width > 0 else ""


def _line(row: Sequence[Line], columns: Sequence[Column]) -> Line:
    spans: list[Span] = []
    blank = ""
    for content, column in zip(row, columns, strict=True):
        padding = " " * (column.width - width_of_line(content))
        before, after = ("", padding) if column.is_left else (padding, "")
        if content:
            spans += [Span(blank + before), *content]
            blank = after + " " * GAP
        else:
            blank += padding + " " * GAP
    return tuple(span for span in spans if span.text)
