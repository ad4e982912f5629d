"""A file as a sink: one line an item, whole batches only."""

from __future__ import annotations

import os
import stat
import threading
import zlib

from raveler._core.sinks.lines import lines_for
from raveler._core.sinks.part import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler._core.database import Database
    from raveler._core.sinks.lines import Layout
    from raveler._core.sinks.sink import Commit, State

_SIZE = 1000
_TAIL = 4096


class _Place:
    """Where the last whole batch ends. One object, so that it changes in one step."""

    def __init__(self, end: int = 0, layout: Layout | None = None, tail: bytes = b"") -> None:
        self.end = end
        self.layout: Layout = {} if layout is None else layout
        self.tail = tail

    def behind(self, data: bytes, layout: Layout) -> _Place:
        """Return the place behind more data."""
        return _Place(self.end + len(data), layout, (self.tail + data[-_TAIL:])[-_TAIL:])


class FileSink:
    """Writes each item as a line: ``.jsonl`` as JSON, ``.csv`` as a row with a header, everything else as text.

    Without a journal the lines are gathered in a hidden file beside the path (``.NAME.part``), and the file gets its
    name when the flow ends, well or not: then the name shows all whole batches, and what stood there before is
    replaced. If the flow fails before the first batch, or its process is killed, what stood there before still does.

    With a journal the file gets its name at the first batch and grows under it, each batch forced to the disk before
    the journal knows it. A process that is killed may leave a piece of a batch at the end; the next run cuts it off and
    goes on behind the last batch that the journal has, so that every line is there exactly once.
    """

    database: Database | None = None

    def __init__(self, path: str, size: int | None) -> None:
        """Touch nothing yet."""
        self.name = f"file {os.path.basename(path) or path}"  # noqa: PTH119 - paths are text here
        self.size = _SIZE if size is None else size
        self._given = path
        self._lines = lines_for(path)
        self._lock = threading.Lock()
        self._part: Part | None = None
        self._place = _Place()
        self._is_journalled = False

    def open(self, state: State | None) -> None:
        """Open and lock the file, or the one beside it.

        Raises:
            OSError: If the folder is missing or can't be written to, or another run writes to the file.
            ValueError: If the path is no regular file, or the file is not the one that the journal knows.
        """
        target = os.path.realpath(self._given)
        if self._given.endswith("/") or os.path.isdir(target):  # noqa: PTH112
            message = (
                f'{self._given!r} is a folder; name a file in it, or give "file://…/" to get a file for each batch'
            )
            raise IsADirectoryError(message)
        self._is_journalled = state is not None
        self._place = _Place()
        if state:
            self._go_on(target, state)
            return
        try:
            found = os.stat(target)  # noqa: PTH116
        except FileNotFoundError:
            pass
        else:
            if not stat.S_ISREG(found.st_mode):
                message = f"{self._given!r} is no regular file; give a function that writes to it"
                raise ValueError(message)
        self._part = Part(target, beside=True)

    def _go_on(self, target: str, state: State) -> None:
        end: int = state["bytes"]
        try:
            part = Part(target, beside=False)
        except FileNotFoundError:
            message = (
                f"{self._given!r} is gone, and the journal has {end} bytes of it; start over with journal_reset=True"
            )
            raise ValueError(message) from None
        tail = part.read(min(end, _TAIL), max(0, end - _TAIL))
        if len(tail) < min(end, _TAIL) or zlib.crc32(tail) != state["check"]:
            part.close()
            message = (
                f"{self._given!r} is not as the journal left it at byte {end}; "
                f"bring the file back, or start over with journal_reset=True"
            )
            raise ValueError(message)
        part.cut(end)
        self._part = part
        self._place = _Place(end, state["layout"], tail)

    def write(self, batch: list[Any], commit: Commit | None) -> None:
        """Add the lines of a batch, or cut the file back to where they began.

        Raises:
            OSError: If the disk is full or fails.
            TypeError: If an item can't be a line of this file.
            ValueError: As above, by its value.
        """
        del commit
        with self._lock:
            if self._part is None:
                message = f"{self.name} is not open"
                raise ValueError(message)
            data, layout = self._lines(batch, self._place.layout)
            if not data:
                return
            self._part.append(data, self._place.end, durable=self._is_journalled)
            before, self._place = self._place, self._place.behind(data, layout)
            if self._is_journalled and not self._part.is_published:
                self._publish_first(self._part, before)

    def _publish_first(self, part: Part, before: _Place) -> None:
        try:
            part.publish()
        except OSError:
            # Under its name the batch is there; what is there is never taken back.
            if not part.has_name():
                self._place = before
            raise

    def state(self) -> State:
        """Return where the last batch ends, and what is needed to know the file again."""
        place = self._place
        return {"bytes": place.end, "check": zlib.crc32(place.tail), "layout": place.layout} if place.end else {}

    def close(self, *, failed: bool) -> None:
        """Cut off what is no whole batch, and give the file its name.

        Raises:
            OSError: If the disk or the folder refuses.
        """
        with self._lock:
            part, self._part = self._part, None
            if part is None:
                return
            try:
                part.cut(self._place.end)
                if self._place.end or not failed:
                    # After a failure there is nobody to tell that the disk may not have it.
                    part.publish(must_be_durable=not failed)
            finally:
                part.discard()
                part.close()
