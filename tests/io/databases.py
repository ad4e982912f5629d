"""One face for the three kinds of database in tests: an address, and the words in which their SQL differs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.servers import MariaDb, Postgres

_NUMBERS = itertools.count()


class Database(Protocol):
    """What a test knows about its database."""

    kind: str

    @property
    def url(self) -> str:
        """The address, with credentials."""
        ...

    def mark(self, position: int) -> str:
        """Return the placeholder of the parameter at ``position``, counted from 1."""
        ...


class Sqlite:
    """A file of SQLite."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"sqlite:///{self.path}"

    def mark(self, position: int) -> str:
        """Return a question mark with its number."""
        return f"?{position}"


class PostgresSchema:
    """A schema of its own in the running PostgreSQL."""

    kind = "postgresql"

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.name = f"test_{next(_NUMBERS)}"
        server.ask(f"CREATE DATABASE {self.name} TEMPLATE template0")

    @property
    def url(self) -> str:
        """The address of the database made for one test."""
        return self.server.url.removesuffix("postgres") + self.name

    def mark(self, position: int) -> str:
        """Return a dollar with the number."""
        return f"${position}"

    def drop(self) -> None:
        """Remove everything that the test made."""
        self.server.ask(f"DROP DATABASE {self.name} WITH (FORCE)")


class MariaSchema:
    """A schema of its own in the running MariaDB."""

    kind = "mysql"

    def __init__(self, server: MariaDb) -> None:
        self.server = server
        self.name = f"test_{next(_NUMBERS)}"
        server.ask(f"CREATE DATABASE {self.name}")

    @property
    def url(self) -> str:
        """The address of the schema made for one test."""
        return self.server.url.removesuffix("tests") + self.name

    def mark(self, position: int) -> str:
        """Return a question mark, whatever the position."""
        del position
        return "?"

    def drop(self) -> None:
        """Remove everything that the test made."""
        self.server.ask(f"DROP DATABASE {self.name}")
