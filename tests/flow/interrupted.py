"""Exceptions at any line: what another thread may do to the one that writes, made repeatable."""

from __future__ import annotations

import sys
from linecache import getline
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class Interrupted(BaseException):
    """Stands for the exception that a runtime raises in the thread of a cancelled task."""


def interrupted_at(line: int, modules: tuple[str, ...], call: Callable[[], object]) -> bool:
    """Run ``call`` and raise `Interrupted` when it comes to its ``line``-th line in ``modules``; say whether it did.

    The interpreter delivers nothing between a block and its end, so the lines that open a block, and those that follow
    ``finally`` at once, are left out.
    """
    seen = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        del argument
        if frame.f_globals.get("__name__") not in modules:
            return None
        if event == "line" and not _is_border(frame.f_code.co_filename, frame.f_lineno):
            if seen == line:
                seen += 1
                raise Interrupted
            seen += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


def _is_border(file: str, number: int) -> bool:
    return (
        getline(file, number).lstrip().startswith(("with ", "try:")) or getline(file, number - 1).strip() == "finally:"
    )
