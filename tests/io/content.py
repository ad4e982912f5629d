"""The bytes that the odd server sends: told by their position, so that a misplaced range shows."""

from __future__ import annotations

import hashlib
import struct

_LINE = 16


def content(start: int, stop: int, version: int = 0) -> bytes:
    """Return the bytes ``start`` to ``stop`` of a file of any size."""
    first, last = start // _LINE, -(-stop // _LINE)
    block = b"".join(struct.pack("<QQ", line, version) for line in range(first, last))
    return block[start - first * _LINE : stop - first * _LINE]


def digest(size: int, version: int = 0) -> str:
    """Return the SHA-256 of the first ``size`` bytes."""
    return hashlib.sha256(content(0, size, version)).hexdigest()


def version_tag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"version-{version}"'
