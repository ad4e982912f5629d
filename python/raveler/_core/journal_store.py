"""Where a journal is kept: what a store of one can do, and the store that is a file of SQLite."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from time import gmtime, strftime

from raveler._core.journal_lock import JournalLock
from raveler.exceptions import JournalError, JournalMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol, TypeAlias

    Row: TypeAlias = tuple[int, str | None, bytes | None]
    """The position of an item, its key, and its outcomes."""

    class Store(Protocol):
        """Keeps one journal."""

        @property
        def name(self) -> str:
            """What messages call it."""
            ...

        def load(self) -> str | None:
            """Open it and return the fingerprint that it holds; None if it is new."""
            ...

        def begin(self, fingerprint: str) -> None:
            """Forget everything and begin anew."""
            ...

        def take(self) -> tuple[int, str]:
            """Become the only one who writes; return the number of finished items and the state."""
            ...

        def keys(self, first: int, stop: int) -> list[str | None]:
            """Return the keys of the items from ``first`` to ``stop - 1``."""
            ...

        def outcomes(self, first: int, stop: int) -> Iterable[bytes]:
            """Return the outcomes of the items from ``first`` to ``stop - 1``, one by one."""
            ...

        def write(self, rows: Iterable[Row], state: str) -> None:
            """Record finished items and the state, durably, all or nothing."""
            ...

        def close(self) -> None:
            """Let it go."""
            ...


APPLICATION = 0x72766C6A
"""Stands in the header of the file: "rvlj"."""
FORMAT = 1

_TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE items (position INTEGER PRIMARY KEY, key TEXT, outcome BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)
_SET = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def now() -> str:
    """Return the time as text, in UTC."""
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime())


class FileStore:
    """A journal in a file of SQLite, for one process at a time; others may read it meanwhile."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Touch nothing yet."""
        self.name = os.fspath(path)
        self._pid = os.getpid()
        self._lock: JournalLock | None = None
        self._open: sqlite3.Connection | None = None
        self._state = ""

    def load(self) -> str | None:
        """Lock the file, open it, and return the fingerprint that it holds; None if it is new.

        Raises:
            JournalError: If another run has it, or it can't be opened.
            JournalMismatch: If it is something else than a journal.
        """
        if not Path(self.name).parent.is_dir():
            message = f"the journal {self.name} can't be opened: there is no such folder; make it first"
            raise JournalError(message)
        self._lock = JournalLock(self.name)
        with self._told("opened"):
            self._open = sqlite3.connect(self.name, isolation_level=None, check_same_thread=False)
            self._check()
            self._open.execute("PRAGMA journal_mode = WAL")
            self._open.execute("PRAGMA synchronous = FULL")
            return self._fact("fingerprint") if self._is_made() else None

    def begin(self, fingerprint: str) -> None:
        """Forget everything and begin anew."""
        with self._told("written"), self._transaction() as connection:
            for statement in ("DELETE FROM items", "DELETE FROM facts") if self._is_made() else _TABLES:
                connection.execute(statement)
            facts = {"fingerprint": fingerprint, "state": "{}", "begun": now(), "recorded": now(), "opened": "0"}
            connection.executemany(_SET, facts.items())

    def take(self) -> tuple[int, str]:
        """Return the number of finished items and the state, and count one more run."""
        with self._told("written"), self._transaction() as connection:
            connection.execute(_SET, ("opened", str(int(self._fact("opened") or 0) + 1)))
            (done,) = connection.execute("SELECT coalesce(max(position) + 1, 0) FROM items").fetchone()
            self._state = self._fact("state") or "{}"
            return done, self._state

    def keys(self, first: int, stop: int) -> list[str | None]:
        """Return the keys of the items from ``first`` to ``stop - 1``."""
        query = "SELECT key FROM items WHERE position >= ? AND position < ? ORDER BY position"
        with self._told("read"):
            return [key for (key,) in self._connection.execute(query, (first, stop))]

    def outcomes(self, first: int, stop: int) -> Iterator[bytes]:
        """Yield the outcomes of the items from ``first`` to ``stop - 1``; as they may be large, one by one."""
        query = "SELECT outcome FROM items WHERE position >= ? AND position < ? ORDER BY position"
        with self._told("read"):
            for (data,) in self._connection.execute(query, (first, stop)):
                yield data

    def write(self, rows: Iterable[Row], state: str) -> None:
        """Record finished items and the state, durably, all or nothing."""
        with self._told("written"), self._transaction() as connection:
            connection.executemany("INSERT INTO items VALUES (?, ?, ?)", rows)
            connection.execute(_SET, ("recorded", now()))
            if state != self._state:
                connection.execute(_SET, ("state", state))
        self._state = state

    def close(self) -> None:
        """Close the file and free it for others; what a fork of this process closes stays open here."""
        # SQLite must not be touched in a fork: it would drop what the parent still uses.
        if self._pid == os.getpid():
            if self._open is not None:
                self._open.close()
            self._open = None
            if self._lock is not None:
                self._lock.release()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            message = f"the journal {self.name} is closed"
            raise JournalError(message)
        return self._open

    def _fact(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _is_made(self) -> bool:
        return self._pragma("application_id") == APPLICATION

    def _pragma(self, name: str) -> int:
        (value,) = self._connection.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    def _check(self) -> None:
        """Refuse a database that holds something else: neither a run nor a reset may touch it."""
        if not self._is_made():
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables or self._pragma("application_id"):
                message = f"{self.name} is a database but no journal of raveler; give the journal a file of its own"
                raise JournalMismatch(message)
        elif self._pragma("user_version") != FORMAT:
            message = (
                f"the journal {self.name} has format {self._pragma('user_version')}, and this raveler writes format "
                f"{FORMAT}; finish it with the raveler that began it, or remove it"
            )
            raise JournalMismatch(message)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                message = f"{self.name} is no journal of raveler; give the journal a file of its own"
                raise JournalMismatch(message) from error
            message = (
                f"the journal {self.name} can't be {what}: {error}; what it recorded before is safe, and the same "
                f"call goes on from there"
            )
            raise JournalError(message) from error
