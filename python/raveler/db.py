"""Databases: SQLite, PostgreSQL and MySQL behind one interface whose work is done in Rust, off the interpreter.

Every call but ``stream``, ``transaction`` and ``table`` returns a `Task` at once: wait for its result, give it a
callback, chain it, or await it. Parameters are always bound, never written into the statement; their places are ``?``
for SQLite and MySQL, and ``$1``, ``$2`` for PostgreSQL (and SQLite).

Example:
    >>> import raveler as rv
    >>> with rv.db.connect("sqlite::memory:") as db:
    ...     _ = db.execute("CREATE TABLE words (id INTEGER, word TEXT)").result()
    ...     _ = db.table("words").insert([{"id": 1, "word": "ring"}, {"id": 2, "word": "slot"}]).result()
    ...     db.fetch("SELECT word FROM words WHERE id > ?", 1).result()
    [('slot',)]
"""

from __future__ import annotations

from numbers import Real

from raveler import _raveler
from raveler._core import options as _options
from raveler._core.database import Database
from raveler._core.table import Table
from raveler._core.transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from raveler._core.runtime import Runtime

ArrowTable = _raveler.ArrowTable

__all__ = ["ArrowTable", "Database", "Table", "Transaction", "connect"]


def connect(
    url: str,
    *,
    pool_size: int = 8,
    timeout: float = 30.0,
    statement_cache: int = 256,
    limit: str | Sequence[str] | None = None,
    retries: int | None = None,
    runtime: Runtime | None = None,
) -> Database:
    """Return a database; it connects when it is first used.

    Addresses are ``sqlite:path/to/file.db`` (two or three slashes before the path are fine, ``?mode=ro`` reads only),
    ``sqlite::memory:``, ``postgresql://user:password@host:port/name`` and ``mysql://user:password@host:port/name``.
    PostgreSQL takes ``?sslmode=``: ``disable``; ``prefer`` (the default: TLS if the server has it, nobody's certificate
    is checked); ``require`` and ``verify-full``, which check the certificate against the system's authorities or the
    PEM file ``sslrootcert=``. With ``require``, ``sslverify=none`` checks nothing. MySQL takes the same, but
    ``disable`` is its default.

    An SQLite file must not be open in the module `sqlite3` of the same process at the same time: each brings an SQLite
    of its own, and two of them in one process can't see each other's locks. Other processes may use the file meanwhile.

    Args:
        url: The address.
        pool_size: The most connections to a server.
        timeout: Seconds that an operation waits for a free connection, and a connection for the server.
        statement_cache: Prepared statements that each connection keeps.
        limit: Named limits of the runtime that every operation takes a permit of.
        retries: Further attempts after errors that may pass, such as a lost connection; for statements that are safe to
            repeat.
        runtime: The runtime that the tasks belong to; by default the default one.

    Raises:
        ValueError: If there is no driver for the address, or a value is out of range.

    Example:
        >>> db = rv.db.connect("sqlite::memory:")
        >>> db.fetch_value("SELECT 6 * 7").result()
        42
        >>> db.close()
    """
    if not isinstance(url, str):
        message = f"url must be a str, not {type(url).__name__}"
        raise TypeError(message)
    if not isinstance(timeout, Real) or not 0 < float(timeout) < 1e9:  # noqa: PLR2004 - thirty years
        message = f"timeout must be a number of seconds above 0, not {timeout!r}"
        raise ValueError(message)
    if not isinstance(statement_cache, int) or statement_cache < 0:
        message = f"statement_cache must be a whole number from 0 on, not {statement_cache!r}"
        raise ValueError(message)
    given = {"limit": limit, "retries": retries}
    defaults = {name: value for name, value in given.items() if value is not None}
    session = _raveler.DbSession(url, _options.count("pool_size", pool_size), float(timeout), statement_cache)
    return Database(session, runtime, defaults)
