"""Which kind of process this is."""

from __future__ import annotations

is_worker = False
"""True in a process that runs tasks for a parent."""

index = -1
"""The number of this worker among those of its parent; -1 in any other process."""


class OutOfTime(BaseException):
    """Raised in a process task that overran its timeout; not an `Exception`, so that tasks let it pass.

    Its ``finally`` blocks have half a second. Nobody outside the worker sees it: the caller gets a `TaskTimeout`.
    """
