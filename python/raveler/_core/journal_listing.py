"""What is in a journal, in words for people: of a file, or of the tables in a database."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from raveler._core.fingerprint import Fingerprint
from raveler._core.journal_store import APPLICATION, FORMAT
from raveler._core.journal_tables import with_marks
from raveler.exceptions import DatabaseError, JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from raveler._core.journal_tables import Database

_LOCK = "hhqqi"
_WIDTH = 12


class Summary(NamedTuple):
    """What a journal says of itself."""

    name: str
    fingerprint: str
    state: str
    begun: str
    recorded: str
    opened: int
    done: int
    size: int | None
    """Bytes of the file and of what is not yet merged into it, if it is one."""
    writer: int | None
    """The process that writes it now, if that is known."""

    def lines(self) -> Iterator[str]:
        """Yield it as lines of text."""
        what = Fingerprint.from_json(self.fingerprint)
        size = "" if self.size is None else f", {self.size:,} bytes"
        times = "once" if self.opened == 1 else f"{self.opened:,} times"
        yield _line("journal", f"{self.name}{size}")
        yield _line("call", what.call)
        yield _line("finished", f"{self.done:,} items")
        yield _line("begun", f"{self.begun}, opened {times}, last written {self.recorded}")
        if self.writer is not None:
            yield _line("in use", f"process {self.writer} writes it")
        if self.state != "{}":
            yield _line("state", self.state)
        yield _line("depends on", f"seed {what.seed}, Python {what.python}, raveler {what.raveler}")
        for part in what.parts:
            label = str(part)
            for fact in (
                *(f"{name} = {value}" for name, value in sorted(part.options.items())),
                *(f"{name}: {value}" for name, value in part.facts.items()),
            ):
                yield f"  {label}: {fact}"


class FileListing:
    """A journal in a file, read beside the run that writes it."""

    def __init__(self, path: str) -> None:
        """Open it for reading.

        Raises:
            JournalError: If there is no such file, or it is no journal.
        """
        self._path = path
        if not Path(path).is_file():
            message = f"there is no journal {path}"
            raise JournalError(message)
        try:
            self._connection = _opened(path)
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            message = f"{path} is no journal of raveler: {error}"
            raise JournalError(message) from error
        if (application, version) != (APPLICATION, FORMAT):
            self._connection.close()
            message = (
                f"{path} is no journal of raveler"
                if application != APPLICATION
                else (f"the journal {path} has format {version}, and this raveler reads format {FORMAT}")
            )
            raise JournalError(message)

    def summaries(self) -> Iterator[Summary]:
        """Yield the one summary."""
        facts: dict[str, str] = dict(self._connection.execute("SELECT name, value FROM facts"))
        (done,) = self._connection.execute("SELECT coalesce(max(position) + 1, 0) FROM items").fetchone()
        files = (Path(self._path), Path(f"{self._path}-wal"))
        yield Summary(
            self._path,
            facts["fingerprint"],
            facts["state"],
            facts["begun"],
            facts["recorded"],
            int(facts["opened"]),
            done,
            sum(file.stat().st_size for file in files if file.exists()),
            _writer(f"{Path(self._path).resolve()}-lock"),
        )

    def items(self, _: Summary) -> Iterator[str]:
        """Yield a line for each finished item."""
        query = "SELECT position, key, length(outcome) FROM items ORDER BY position"
        for position, key, size in self._connection.execute(query):
            outcome = "" if size is None else f"  {size:,} bytes"
            yield f"{position:>{_WIDTH}}  {key or '(no key)'}{outcome}"

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class TableListing:
    """The journals in a database."""

    def __init__(self, database: Database) -> None:
        """Ask nothing yet."""
        self._database = database
        self._where = database._session().describe()  # noqa: SLF001 - the core and its faces are one unit

    def summaries(self) -> Iterator[Summary]:
        """Yield the summaries of all journals there, by their names."""
        query = "SELECT name, fingerprint, state, begun, recorded, opened FROM raveler_journal ORDER BY name"
        try:
            journals = self._database.fetch(query).result()
        except DatabaseError as error:
            message = f"no journal can be read in {self._where}: {error}"
            raise JournalError(message) from error
        for name, fingerprint, state, begun, recorded, opened in journals:
            count = "SELECT count(*) FROM raveler_journal_items WHERE name = ?"
            [(done,)] = self._fetch(count, name)
            yield Summary(name, fingerprint, state, begun, recorded, int(opened), int(done), None, None)

    def items(self, summary: Summary) -> Iterator[str]:
        """Yield a line for each finished item of one journal."""
        query = "SELECT position, item_key FROM raveler_journal_items WHERE name = ? ORDER BY position"
        for position, key in self._fetch(query, summary.name):
            yield f"{position:>{_WIDTH}}  {key or '(no key)'}"

    def close(self) -> None:
        """Do nothing: the database belongs to the caller."""

    def _fetch(self, query: str, *values: object) -> Iterable[Any]:
        rows: Iterable[Any] = self._database.fetch(with_marks(query, self._where), *values).result()
        return rows


def text(listing: FileListing | TableListing, *, with_items: bool) -> Iterator[str]:
    """Yield what is in it as lines of text.

    Raises:
        JournalError: If there is no journal in the database.
    """
    summary = None
    for summary in listing.summaries():
        yield from summary.lines()
        if with_items:
            yield from listing.items(summary)
        yield ""
    if summary is None:
        message = "this database holds no journal of raveler"
        raise JournalError(message)


def _line(label: str, content: str) -> str:
    return f"{label:<{_WIDTH}}{content}"


def _opened(path: str) -> sqlite3.Connection:
    address = f"file:{quote(str(Path(path).resolve()))}"
    connection = sqlite3.connect(f"{address}?mode=rw", uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.OperationalError:
        # Where it can't be written nobody writes it, so it need not be locked.
        connection.close()
        connection = sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True)
    return connection


def _writer(lock: str) -> int | None:
    """Return the process that has the lock, without taking it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_LOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else pid
