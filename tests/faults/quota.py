"""The one place that knows how raveler is asked which cores it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raveler import _raveler

if TYPE_CHECKING:
    from pathlib import Path


def usable_cores(root: Path) -> int:
    """Return the number of workers that raveler would start by itself, with the cgroup tree at ``root``."""
    return int(_raveler.cores(root=str(root))["usable"])
