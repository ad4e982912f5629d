"""A table as a sink: each batch is one transaction, which a journal can be a part of."""

from __future__ import annotations

import threading

from raveler._core.database import Database
from raveler._core.transaction import Transaction
from raveler.exceptions import DatabaseError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler._core.sinks.sink import Commit, State
    from raveler._core.table import Table
    from raveler._core.transaction import Verbs
    from raveler._raveler import Task

_SIZE = 1000
# What servers say when a table is missing, whatever else their messages hold.
_MISSING = ("no such table", "does not exist", "doesn't exist", "unknown database")


class TableSink:
    """Inserts each batch in a transaction of its own.

    Rows are dicts, whose keys are the columns, or tuples and lists with a value for each column of the table in its
    order. In a table of an open transaction each batch is a savepoint.
    """

    def __init__(self, table: Table, size: int | None) -> None:
        """Ask the database nothing yet."""
        self.name = f"table {table.name}"
        self.size = _SIZE if size is None else size
        self._table = table
        self._owner: Verbs = table._owner  # noqa: SLF001 - the core is one unit
        self.database = self._owner if isinstance(self._owner, Database) else None
        self._columns: list[str] = []
        self._lock = threading.Lock()
        self._waiting_for: Task[Any] | None = None
        self._is_given_up = False

    def open(self, state: State | None) -> None:
        """Look the columns of the table up.

        Raises:
            DatabaseError: If there is no such table, or the database can't be reached.
            TypeError: If there is a journal and the table is one of an open transaction.
        """
        if state is not None and self.database is None:
            message = (
                f"{self.name} belongs to an open transaction, whose batches a journal can't rely on; use the database"
            )
            raise TypeError(message)
        self._is_given_up = False
        query = f"SELECT * FROM {self._quoted()} LIMIT 0"  # noqa: S608 - the name is quoted
        try:
            self._columns = self._owner.fetch(query, as_="arrow").result().column_names
        except DatabaseError as error:
            if not any(words in str(error).lower() for words in _MISSING):
                error.add_note(f"raised when the columns of {self.name} were looked up")
                raise
            message = f"there is no {self.name} in {self._whole()!r}: {error}; create it before the flow runs"
            raise DatabaseError(message) from error

    def write(self, batch: list[Any], commit: Commit | None) -> None:
        """Insert all rows of a batch in one transaction, or none.

        Raises:
            DatabaseError: If the database refuses a row or the commit.
            TypeError: If an item is no row, or a value has a type that no database knows.
            ValueError: If a row has more or fewer values than there are columns.
        """
        with self._lock:
            transaction = self._owner.transaction()
            is_committing = False
            try:
                transaction._opened(self._result_of(transaction._begin()))  # noqa: SLF001 - the core is one unit
                if batch:
                    rows = transaction.copy_in(self._table.name, batch, self._columns_of(batch[0]))
                    self._result_of(rows)
                if commit is not None:
                    commit(transaction)
                is_committing = True
                transaction._end(is_good=True).result()  # noqa: SLF001 - the core is one unit
            except DatabaseError as error:
                if is_committing and _may_be_done(error):
                    error.add_note(
                        f"the answer to a commit did not arrive: all {len(batch)} rows are in {self.name}, or none; "
                        f"a flow with a journal finds out when it is run again"
                    )
                raise
            finally:
                transaction._undo()  # noqa: SLF001 - the core is one unit
                self._waiting_for = None

    def state(self) -> State:
        """Return nothing: what is in the database is known there."""
        return {}

    def close(self, *, failed: bool) -> None:
        """Let the batch under way end; after a failure it is taken back. The database stays open."""
        self._is_given_up = failed
        waiting_for = self._waiting_for
        if failed and waiting_for is not None:
            waiting_for.cancel()
        with self._lock:
            pass

    def _result_of(self, task: Task[Any]) -> Any:
        self._waiting_for = task
        if self._is_given_up:
            task.cancel()
        return task.result()

    def _columns_of(self, row: object) -> tuple[str, ...] | list[str] | None:
        if isinstance(row, dict):
            return None
        fields: tuple[str, ...] | None = getattr(row, "_fields", None)
        if fields is not None:
            return fields
        if isinstance(row, tuple | list) and len(row) != len(self._columns):  # pyright: ignore[reportUnknownArgumentType]
            message = (
                f"a row has {len(row)} values and {self.name} has {len(self._columns)} columns "  # pyright: ignore[reportUnknownArgumentType]
                f"({', '.join(self._columns)}); give a value for each, or dicts with the columns that you mean"
            )
            raise ValueError(message)
        return self._columns

    def _whole(self) -> Verbs:
        """Return the database at the root of all transactions."""
        owner = self._owner
        while isinstance(owner, Transaction):
            owner = owner._parent  # noqa: SLF001 - the core is one unit
        return owner

    def _quoted(self) -> str:
        session = self._whole()._session()  # noqa: SLF001 - the core is one unit
        quote = "`" if session.describe().startswith("mysql:") else '"'
        return ".".join(f"{quote}{part.replace(quote, quote * 2)}{quote}" for part in self._table.name.split("."))


def _may_be_done(error: DatabaseError) -> bool:
    """Say whether the connection was lost: an answer of the server itself has a code."""
    code = str(getattr(error, "code", ""))
    return not code or code.startswith(("08", "57"))
