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

import itertools
from numbers import Real

from raveler import _raveler
from raveler._core import native
from raveler._core import options as _options
from raveler._core.batches import BatchResults
from raveler.exceptions import DatabaseError, RuntimeClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Literal, Self, Unpack

    from raveler._core.native import OperationOptions
    from raveler._core.results import Results
    from raveler._core.runtime import Runtime
    from raveler._raveler import Task

    Shape = Literal["tuples", "dicts", "arrow"]
    RowShape = Literal["tuples", "dicts"]

ArrowTable = _raveler.ArrowTable

__all__ = ["ArrowTable", "Database", "Table", "Transaction", "connect"]

_BATCH = 1000
_SAVEPOINTS = itertools.count()


def _check_shape(shape: str) -> None:
    if shape not in {"tuples", "dicts"}:
        message = f'as_ must be "tuples" or "dicts" here, not {shape!r}; fetch() gives "arrow" too'
        raise ValueError(message)


class _Verbs:
    """What a database and a transaction can do."""

    _runtime: Runtime | None
    _defaults: dict[str, Any]
    _own: _raveler.NativeOptions

    def _session(self) -> _raveler.DbSession:
        raise NotImplementedError

    def fetch(self, sql: str, *params: object, as_: Shape = "tuples", **options: Unpack[OperationOptions]) -> Task[Any]:
        """Return a task of all rows of a query.

        Args:
            sql: The query.
            params: A value for each of its places.
            as_: What a row is: ``"tuples"``, ``"dicts"``; or ``"arrow"`` for one table that has ``__arrow_c_stream__``.
            options: The options of an operation.

        Raises:
            TypeError: If a value has a type that no database knows.
            ValueError: If there is no such shape.
            DatabaseError: From the task, if the database refuses the query or can't be reached.

        Example:
            >>> with rv.db.connect("sqlite::memory:") as db:
            ...     db.fetch("SELECT 1 AS n UNION SELECT 2", as_="dicts").result()
            [{'n': 1}, {'n': 2}]
        """
        runtime, own = self._call(options)
        return self._session().fetch(runtime, own, sql, params, ("all", as_))

    def fetch_one(
        self, sql: str, *params: object, as_: RowShape = "tuples", **options: Unpack[OperationOptions]
    ) -> Task[Any]:
        """Return a task of the first row of a query, or of None. Arguments as in `fetch`."""
        _check_shape(as_)
        runtime, own = self._call(options)
        return self._session().fetch(runtime, own, sql, params, ("first", as_))

    def fetch_value(self, sql: str, *params: object, **options: Unpack[OperationOptions]) -> Task[Any]:
        """Return a task of the first value of the first row, or of None. Arguments as in `fetch`."""
        runtime, own = self._call(options)
        return self._session().fetch(runtime, own, sql, params, ("value", "tuples"))

    def fetch_many(
        self,
        sql: str,
        params: Iterable[Sequence[object]],
        *,
        as_: RowShape = "tuples",
        **options: Unpack[OperationOptions],
    ) -> Task[list[list[Any]]]:
        """Return a task of the rows of a query for each set of parameters, in their order; many are under way at once.

        Example:
            >>> with rv.db.connect("sqlite::memory:") as db:
            ...     db.fetch_many("SELECT ? * 2", [(1,), (2,)]).result()
            [[(2,)], [(4,)]]
        """
        _check_shape(as_)
        runtime, own = self._call(options)
        return self._session().fetch_many(runtime, own, sql, params, as_)

    def execute(self, sql: str, *params: object, **options: Unpack[OperationOptions]) -> Task[int]:
        """Return a task of the number of rows that a statement changed.

        Text without parameters may hold several statements, divided by semicolons.
        """
        runtime, own = self._call(options)
        return self._session().execute(runtime, own, sql, params)

    def execute_many(
        self, sql: str, params: Iterable[Sequence[object]], **options: Unpack[OperationOptions]
    ) -> Task[int]:
        """Return a task that runs a statement for each set of parameters, all or none; it gives the rows changed."""
        runtime, own = self._call(options)
        return self._session().execute_many(runtime, own, sql, params)

    def stream(
        self,
        sql: str,
        *params: object,
        batch: int = _BATCH,
        as_: RowShape = "tuples",
        **options: Unpack[OperationOptions],
    ) -> Results[Any]:
        """Return the rows of a query one by one, for ``for`` and ``async for``; few of them are in memory at a time.

        The server goes only as far ahead as ``batch`` rows. Inside a transaction other statements may run between two
        rows; outside one the query has a connection for itself until it is read to its end or closed.

        Args:
            sql: The query.
            params: A value for each of its places.
            batch: Rows that are fetched at once.
            as_: What a row is: ``"tuples"`` or ``"dicts"``.
            options: The options of an operation.

        Example:
            >>> with rv.db.connect("sqlite::memory:") as db, db.stream("SELECT 1 UNION SELECT 2") as rows:
            ...     [n for (n,) in rows]
            [1, 2]
        """
        _check_shape(as_)
        runtime, own = self._call(options)
        rows = self._session().stream(sql, params, _options.count("batch", batch), as_)
        results: Results[Any] = BatchResults("db.stream", lambda: rows.batch(runtime, own), rows.close)
        runtime._track(results)  # noqa: SLF001 - the core and its extension are one unit
        return results

    def transaction(self) -> Transaction:
        """Return a transaction, for a ``with`` or ``async with`` block; within a transaction it is a savepoint.

        The end of the block commits. An error that leaves it, or its cancellation, rolls everything back.

        Example:
            >>> with rv.db.connect("sqlite::memory:") as db, db.transaction() as transaction:
            ...     _ = transaction.execute("CREATE TABLE t (n INTEGER)").result()
            ...     transaction.execute("INSERT INTO t VALUES (?)", 1).result()
            1
        """
        return Transaction(self)

    def table(self, name: str) -> Table:
        """Return a table by its name; a dot divides it from its schema."""
        return Table(self, name)

    def copy_in(
        self,
        table: str,
        rows: Iterable[Sequence[object] | Mapping[str, object]],
        columns: Iterable[str] | None = None,
        **options: Unpack[OperationOptions],
    ) -> Task[int]:
        """Return a task that writes rows into a table the fastest way that the database has, all or none.

        PostgreSQL takes them by a binary COPY. The rows are read before the call returns and kept in a compact form;
        the first are on their way while the rest is read.

        Args:
            table: The table; a dot divides it from its schema.
            rows: Tuples, or dicts that all have the same keys.
            columns: The columns of the values; dicts bring them with them.
            options: The options of an operation.

        Raises:
            TypeError: If a value has a type that no database knows.
            ValueError: If rows differ in their values, or tuples come without ``columns``.
        """
        runtime, own = self._call(options)
        names = None if columns is None else list(columns)
        return self._session().insert(runtime, own, table, names, rows)

    def _call(self, options: OperationOptions) -> tuple[Runtime, _raveler.NativeOptions]:
        runtime = native.runtime_of(self._runtime)
        if not options:
            return runtime, self._own
        return runtime, _raveler.NativeOptions(native.checked({**self._defaults, **options}, self._runtime))


class Database(_Verbs):
    """A database, made by `connect`; it opens connections as they are needed.

    It is safe to use from many threads and event loops at once.
    """

    def __init__(self, session: _raveler.DbSession, runtime: Runtime | None, defaults: dict[str, Any]) -> None:
        """Take what Rust has made; users call `connect`."""
        self._inner = session
        self._runtime = runtime
        self._defaults = defaults
        self._own = _raveler.NativeOptions(native.checked(defaults, runtime))

    def _session(self) -> _raveler.DbSession:
        return self._inner

    def close(self) -> None:
        """End what is under way, then close the connections; every later call is an error."""
        task = self._closing()
        if task is not None:
            task.result()

    def _closing(self) -> Task[None] | None:
        try:
            return self._inner.control(native.runtime_of(self._runtime), _raveler.NativeOptions({}), "close")
        except RuntimeClosed:
            # The runtime has dropped everything that was under way.
            return None

    def __enter__(self) -> Self:
        """Return itself; nothing is opened before the first statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return itself; nothing is opened before the first statement."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it while the event loop goes on."""
        task = self._closing()
        if task is not None:
            await task

    def __repr__(self) -> str:
        """Return the address without credentials."""
        return f"<raveler.db.Database {self._inner.describe()}>"


class Transaction(_Verbs):
    """A transaction, or a savepoint in one: the verbs of a database, for one ``with`` or ``async with`` block."""

    def __init__(self, parent: _Verbs) -> None:
        """Begin nothing yet."""
        self._parent = parent
        self._runtime = parent._runtime  # noqa: SLF001 - a transaction is a part of its database
        self._defaults = parent._defaults  # noqa: SLF001 - a transaction is a part of its database
        self._own = parent._own  # noqa: SLF001 - a transaction is a part of its database
        self._inner: _raveler.DbSession | None = None
        self._name = f"s{next(_SAVEPOINTS)}" if isinstance(parent, Transaction) else None

    def _session(self) -> _raveler.DbSession:
        if self._inner is None:
            message = "the transaction is not open; use it in a with block of its own"
            raise DatabaseError(message)
        return self._inner

    def __enter__(self) -> Self:
        """Begin it."""
        self._opened(self._begin().result())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit it, or roll it back after an error."""
        task = self._end(error is None)
        try:
            task.result()
        except DatabaseError:
            # What went wrong first is what the caller must see.
            if error is None:
                raise

    async def __aenter__(self) -> Self:
        """Begin it while the event loop goes on."""
        self._opened(await self._begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit it, or roll it back after an error or a cancellation."""
        task = self._end(error is None)
        try:
            await task
        except DatabaseError:
            if error is None:
                raise

    def _begin(self) -> Task[Any]:
        if self._inner is not None:
            message = "the transaction is open already; begin another one"
            raise DatabaseError(message)
        runtime = native.runtime_of(self._runtime)
        session = self._parent._session()  # noqa: SLF001 - a transaction is a part of its database
        if self._name is None:
            return session.begin(runtime, self._own)
        return session.control(runtime, self._own, "savepoint", self._name)

    def _opened(self, session: _raveler.DbSession | None) -> None:
        self._inner = self._parent._session() if session is None else session  # noqa: SLF001 - a transaction is a part of its database

    def _end(self, is_good: bool) -> Task[None]:  # noqa: FBT001 - one caller for each value
        session = self._session()
        self._inner = None
        runtime = native.runtime_of(self._runtime)
        if self._name is None:
            return session.control(runtime, self._own, "commit" if is_good else "rollback")
        return session.control(runtime, self._own, "release" if is_good else "rollback_to", self._name)


class Table:
    """A table of a database or transaction, by its name."""

    def __init__(self, owner: _Verbs, name: str) -> None:
        """Ask the database nothing: that the table is missing shows at the first use."""
        self._owner = owner
        self._name = name

    @property
    def name(self) -> str:
        """The name that was given."""
        return self._name

    def insert(
        self,
        rows: Iterable[Sequence[object] | Mapping[str, object]],
        columns: Iterable[str] | None = None,
        **options: Unpack[OperationOptions],
    ) -> Task[int]:
        """Return a task that inserts rows, all or none, and gives their number. Arguments as in `Database.copy_in`.

        Example:
            >>> with rv.db.connect("sqlite::memory:") as db:
            ...     _ = db.execute("CREATE TABLE points (x INTEGER, y INTEGER)").result()
            ...     db.table("points").insert([(1, 2), (3, 4)], columns=("x", "y")).result()
            2
        """
        return self._owner.copy_in(self._name, rows, columns, **options)

    def __repr__(self) -> str:
        """Return the name and where it is."""
        return f"<raveler.db.Table {self._name!r} of {self._owner!r}>"


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
