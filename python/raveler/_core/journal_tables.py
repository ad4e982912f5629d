"""A journal in tables of the database that the results go to, so that both are committed together."""

from __future__ import annotations

import os

from raveler._core.journal_store import FORMAT, now
from raveler.exceptions import JournalError, JournalMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Any, Protocol, Self

    from raveler._core.journal_store import Row
    from raveler._raveler import DbSession, Task

    class Verbs(Protocol):
        """What a database and a transaction of `raveler.db` can do."""

        def _session(self) -> DbSession: ...

        def fetch(self, sql: str, *params: object) -> Task[Any]:
            """Return a task of the rows of a query."""
            ...

        def execute(self, sql: str, *params: object) -> Task[int]:
            """Return a task of the number of rows that a statement changed."""
            ...

        def copy_in(
            self, table: str, rows: Iterable[Sequence[object]], columns: Iterable[str] | None = None
        ) -> Task[int]:
            """Return a task that inserts rows."""
            ...

    class Transaction(Verbs, Protocol):
        """A transaction of `raveler.db`."""

        def __enter__(self) -> Self: ...
        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...

    class Database(Verbs, Protocol):
        """A database of `raveler.db`."""

        def transaction(self) -> Transaction:
            """Return a new transaction."""
            ...


_LONGEST_NAME = 190
_TABLES = (
    """CREATE TABLE IF NOT EXISTS raveler_journal (
        name VARCHAR(190) NOT NULL PRIMARY KEY, format INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        state TEXT NOT NULL, owner VARCHAR(40) NOT NULL, begun VARCHAR(40) NOT NULL, recorded VARCHAR(40) NOT NULL,
        opened BIGINT NOT NULL, commits BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS raveler_journal_items (
        name VARCHAR(190) NOT NULL, position BIGINT NOT NULL, item_key VARCHAR(80), PRIMARY KEY (name, position))""",
)


class TableStore:
    """A journal in the tables `raveler_journal` and `raveler_journal_items`, told from others there by its name.

    It keeps no outcomes: these are what the caller writes in the same transaction. Whoever opened it last writes it:
    one that was opened before is refused at its next commit, so nothing is ever recorded twice.
    """

    def __init__(self, database: Database, name: str) -> None:
        """Touch nothing yet."""
        if not 0 < len(name) <= _LONGEST_NAME:
            message = f"a journal's name must have 1 to {_LONGEST_NAME} letters, and {name!r} has {len(name)}"
            raise ValueError(message)
        self._database = database
        self._own_name = name
        self._owner = os.urandom(16).hex()
        where = database._session().describe()  # noqa: SLF001 - the core and its faces are one unit
        self._where = where
        self.name = f"{name} in {where}"

    def load(self) -> str | None:
        """Make the tables where they are missing, and return the fingerprint; None if the journal is new.

        Raises:
            JournalMismatch: If another format of raveler wrote it.
        """
        for statement in _TABLES:
            self._database.execute(statement).result()
        query = self._with_marks("SELECT format, fingerprint FROM raveler_journal WHERE name = ?")
        for written, fingerprint in self._database.fetch(query, self._own_name).result():
            if written != FORMAT:
                message = f"the journal {self.name} has format {written}, and this raveler writes format {FORMAT}"
                raise JournalMismatch(message)
            return str(fingerprint)
        return None

    def begin(self, fingerprint: str) -> None:
        """Forget everything and begin anew."""
        time = now()
        with self._database.transaction() as transaction:
            for delete in (
                "DELETE FROM raveler_journal_items WHERE name = ?",
                "DELETE FROM raveler_journal WHERE name = ?",
            ):
                transaction.execute(self._with_marks(delete), self._own_name).result()
            insert = "INSERT INTO raveler_journal VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)"
            values = (self._own_name, FORMAT, fingerprint, "{}", self._owner, time, time)
            transaction.execute(self._with_marks(insert), *values).result()

    def take(self) -> tuple[int, str]:
        """Become the one who writes, and return the number of finished items and the state."""
        with self._database.transaction() as transaction:
            # First, so that it waits for a commit of the run that had it, and what is read then is the last state.
            update = "UPDATE raveler_journal SET owner = ?, opened = opened + 1 WHERE name = ?"
            transaction.execute(self._with_marks(update), self._owner, self._own_name).result()
            query = self._with_marks("SELECT state FROM raveler_journal WHERE name = ?")
            [(state,)] = transaction.fetch(query, self._own_name).result()
            query = self._with_marks("SELECT max(position) FROM raveler_journal_items WHERE name = ?")
            [(last,)] = transaction.fetch(query, self._own_name).result()
        return 0 if last is None else int(last) + 1, str(state)

    def keys(self, first: int, stop: int) -> list[str | None]:
        """Return the keys of the items from ``first`` to ``stop - 1``."""
        query = """SELECT item_key FROM raveler_journal_items
            WHERE name = ? AND position >= ? AND position < ? ORDER BY position"""
        rows = self._database.fetch(self._with_marks(query), self._own_name, first, stop).result()
        return [key for (key,) in rows]

    def outcomes(self, first: int, stop: int) -> list[bytes]:
        """Return nothing: the outcomes are where the caller wrote them."""
        del first, stop
        return []

    def write(self, rows: Iterable[Row], state: str) -> None:
        """Record finished items and the state in a transaction of their own."""
        with self._database.transaction() as transaction:
            self.commit(transaction, rows, state)

    def commit(self, transaction: Transaction, rows: Iterable[Row], state: str) -> None:
        """Record finished items and the state in an open transaction, which commits them with all else in it.

        Raises:
            JournalError: If another run has opened the journal since; the transaction must be rolled back.
        """
        update = (
            "UPDATE raveler_journal SET state = ?, recorded = ?, commits = commits + 1 WHERE name = ? AND owner = ?"
        )
        values = (state, now(), self._own_name, self._owner)
        if transaction.execute(self._with_marks(update), *values).result() != 1:
            message = f"the journal {self.name} was opened by another run, which goes on from here; let only one run"
            raise JournalError(message)
        items = [(self._own_name, position, key) for position, key, _ in rows]
        if items:
            transaction.copy_in("raveler_journal_items", items, ("name", "position", "item_key")).result()

    def close(self) -> None:
        """Do nothing: the database belongs to the caller."""

    def _with_marks(self, sql: str) -> str:
        return with_marks(sql, self._where)


def with_marks(sql: str, where: str) -> str:
    """Return a statement with the places for its values as the database at that address writes them."""
    if not where.startswith("postgres"):
        return sql
    first, *rest = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
