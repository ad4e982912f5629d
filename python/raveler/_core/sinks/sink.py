"""What a sink is: where the batches of a flow end, each of them whole or not at all."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from raveler._core.database import Database
    from raveler._core.transaction import Transaction

    Commit = Callable[[Transaction], None]
    State = dict[str, Any]

    class Sink(Protocol):
        """Where the batches of one run go.

        All calls block. ``write`` may be left by any exception at any line, one that another thread raises included:
        then nothing of its batch is there, or all of it, and it may be called again.
        """

        name: str
        size: int
        """How many items make a batch when no stage says it."""
        database: Database | None
        """The database that the batches go to; a journal can be a part of their transactions."""

        def open(self, state: State | None) -> None:
            """Make ready for the first batch, so that what is wrong with the target shows before the work begins.

            Args:
                state: What `state` gave at the last batch that the journal has, ``{}`` if it has none yet; None without
                    a journal.
            """
            ...

        def write(self, batch: list[Any], commit: Commit | None) -> None:
            """Write all of a batch, or nothing; a database lets ``commit`` take part in its transaction."""
            ...

        def state(self) -> State:
            """Return what `open` needs to go on exactly behind the last batch, as JSON can hold it."""
            ...

        def close(self, *, failed: bool) -> None:
            """End it, once, from any thread, whatever happened before: whole batches stay.

            A write that is under way is told to stop where that is possible, and waited for.
            """
            ...
