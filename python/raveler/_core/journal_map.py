"""A map that keeps a journal: the run that does what is missing, behind the results of earlier runs."""

from __future__ import annotations

from raveler._core.fingerprint import Fingerprint, part
from raveler._core.journal import Journal
from raveler._core.journal_results import JournaledResults
from raveler._core.journal_store import FileStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from raveler._core.results import Results
    from raveler._core.runtime import Runtime

DECIDING = frozenset({"errors", "key", "on", "retries", "retry_on", "star", "timeout", "writable"})
"""The options that can change a result; the others say how fast it comes."""


def fingerprint(runtime: Runtime, function: object, options: dict[str, Any]) -> Fingerprint:
    """Return what the results of a map depend on."""
    deciding = {name: value for name, value in options.items() if name in DECIDING}
    return Fingerprint.of((part("map", function, deciding),), seed=runtime.seed)


def results(
    runtime: Runtime,
    path: str,
    call: Fingerprint,
    make: Callable[..., Results[Any]],
    source: Callable[[], Iterator[Any]],
    *,
    reset: bool,
) -> Results[Any]:
    """Return the results of all items: those that the journal holds, then those of the run that ``make`` makes.

    Raises:
        JournalMismatch: If the journal belongs to another call.
        JournalError: If it can't be used.
    """
    journal = Journal.open(FileStore(path), call, reset=reset)
    try:
        run = make(journal.source(source()), first=journal.done, marks=True)
        is_skipping = call.parts[0].options.get("errors") == "'skip'"
        return JournaledResults(run, journal, is_skipping=is_skipping, is_inline=runtime.engine == "serial")
    except BaseException:
        journal.close()
        raise
