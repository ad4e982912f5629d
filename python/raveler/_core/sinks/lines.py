"""Batches as the bytes of a file: lines of text, of JSON or of CSV."""

# It looks into items of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import os
import reprlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # What a file knows about its lines, e.g. the columns in its header.
    Layout = dict[str, Any]
    # Takes a batch and the layout before it; returns the bytes and the layout behind it.
    Lines = Callable[[list[Any], Layout], tuple[bytes, Layout]]

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False)


def lines_for(path: str) -> Lines:
    """Return how items become lines in a file of this name."""
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a path may be none of this machine
    return {".jsonl": json_lines, ".ndjson": json_lines, ".csv": csv_lines}.get(ending, text_lines)


def text_lines(batch: list[Any], layout: Layout) -> tuple[bytes, Layout]:
    """Return text and bytes as they are, with a line end where there is none.

    Raises:
        TypeError: If an item is neither.
    """
    pieces: list[bytes] = []
    for item in batch:
        if isinstance(item, str):
            # As the system's own names of files may need it.
            piece = item.encode("utf-8", "surrogateescape")
        elif isinstance(item, bytes | bytearray | memoryview):
            piece = bytes(item)
        else:
            message = (
                f"a line of a text file must be str or bytes, and {reprlib.repr(item)} is a {type(item).__name__}; "
                f'map it to one, or name the file ".jsonl" or ".csv"'
            )
            raise TypeError(message)
        pieces.append(piece if piece.endswith(b"\n") else piece + b"\n")
    return b"".join(pieces), layout


def json_lines(batch: list[Any], layout: Layout) -> tuple[bytes, Layout]:
    """Return each item as one line of JSON in UTF-8.

    Raises:
        TypeError: If JSON can't hold an item.
        ValueError: If it holds a number that JSON doesn't have, or itself.
    """
    pieces: list[bytes] = []
    for item in batch:
        try:
            pieces.append(_json_line(item))
        except (TypeError, ValueError) as error:
            message = f"JSON can't hold {reprlib.repr(item)}: {error}; map it to what JSON has"
            raise (TypeError if isinstance(error, TypeError) else ValueError)(message) from error
    return b"".join(pieces), layout


def _json_line(item: Any) -> bytes:
    text = _JSON.encode(item)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8, and JSON has an escape for it.
        return _ASCII.encode(item).encode() + b"\n"


def csv_lines(batch: list[Any], layout: Layout) -> tuple[bytes, Layout]:
    """Return each item as a row of CSV; dicts and named tuples bring a header for the first line.

    Raises:
        TypeError: If an item is no row.
        ValueError: If a row differs from the first one in its columns.
    """
    import csv
    import io

    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    for item in batch:
        columns = _columns(item)
        if not layout:
            layout = {"columns": columns, "width": len(item)}
            if columns is not None:
                writer.writerow(columns)
        _check_row(item, columns, layout)
        writer.writerow(item if not isinstance(item, dict) else [item[name] for name in layout["columns"]])
    return file.getvalue().encode("utf-8", "surrogateescape"), layout


def _columns(item: Any) -> list[str] | None:
    if isinstance(item, dict):
        return list(item)
    if isinstance(item, tuple | list):
        fields: tuple[str, ...] | None = getattr(item, "_fields", None)
        return None if fields is None else list(fields)
    what = f"{reprlib.repr(item)} is a {type(item).__name__}"
    message = f"a row of CSV must be a tuple, a list or a dict, and {what}; map it to one"
    raise TypeError(message)


def _check_row(item: Any, columns: list[str] | None, layout: Layout) -> None:
    known: list[str] | None = layout["columns"]
    if isinstance(item, dict):
        if known is None or item.keys() != set(known):
            first = f"{layout['width']} values without names" if known is None else f"the columns {', '.join(known)}"
            message = (
                f"a row has the columns {', '.join(map(str, item))}, and the first one had {first}; make them equal"
            )
            raise ValueError(message)
        return
    if len(item) != layout["width"] or (columns is not None and known is not None and columns != known):
        message = (
            f"the row {reprlib.repr(item)} differs from the first one, of {layout['width']} values; make them equal"
        )
        raise ValueError(message)
