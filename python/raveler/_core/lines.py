"""A text stream that sends whole lines to the parent."""

from __future__ import annotations

import io
from _thread import RLock

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_LONGEST = 64 * 1024


class LineWriter(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr`` of a worker."""

    def __init__(self, kind: int, original: Any) -> None:
        """Send lines as messages of that kind; ``original`` lends its descriptor."""
        super().__init__()
        self._kind = kind
        self._original = original
        self._unfinished: list[bytes] = []
        self._size = 0
        self._lock = RLock()
        self.buffer = _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, on every machine."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """Lone surrogates pass."""
        return "surrogateescape"

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False: bars and colours belong to the parent."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of the original stream."""
        return int(self._original.fileno())

    def write(self, text: str, /) -> int:
        """Send the lines that are whole and keep the rest."""
        self.write_bytes(text.encode("utf-8", "surrogateescape"))
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        """Write each string."""
        for line in lines:
            self.write(line)

    def write_bytes(self, data: bytes) -> None:
        """Send the lines that are whole and keep the rest."""
        with self._lock:
            whole, newline, rest = data.rpartition(b"\n")
            if newline:
                self._send(b"".join((*self._unfinished, whole, newline)))
            if rest:
                if not self._unfinished:
                    _raveler._request_flush()  # noqa: SLF001 - the core and its extension are one unit
                self._unfinished.append(rest)
                self._size += len(rest)
                if self._size > _LONGEST:
                    self.finish_line()

    def finish_line(self) -> None:
        """Send what there is, whole line or not."""
        with self._lock:
            if self._unfinished:
                self._send(b"".join(self._unfinished))

    def _send(self, data: bytes) -> None:
        self._unfinished, self._size = [], 0
        _raveler._send(self._kind, data)  # noqa: SLF001 - the core and its extension are one unit


class _Bytes(io.BufferedIOBase):
    """The binary face of a line writer."""

    def __init__(self, writer: LineWriter) -> None:
        """Write into ``writer``."""
        super().__init__()
        self._writer = writer

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write bytes that are text in UTF-8."""
        self._writer.write_bytes(bytes(data))
        return len(data)
