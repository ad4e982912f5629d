"""Files as sinks in tests: written from opening to closing, and what is in their folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raveler._core.sinks import open_sink

if TYPE_CHECKING:
    from pathlib import Path

    from raveler._core.sinks.sink import Sink


def written(path: Path | str, *batches: list[Any], state: dict[str, Any] | None = None, failed: bool = False) -> Sink:
    """Write batches to a file from its opening to its closing."""
    sink = open_sink(path)
    try:
        sink.open(state)
        for batch in batches:
            sink.write(batch, None)
    finally:
        sink.close(failed=failed)
    return sink


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())
