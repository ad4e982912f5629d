"""What a database and a transaction can do, and the transaction itself."""

from __future__ import annotations

import itertools

from raveler import _raveler
from raveler._core import native
from raveler._core import options as _options
from raveler._core.batches import BatchResults
from raveler._core.table import Table
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

_BATCH = 1000
_SAVEPOINTS = itertools.count()


class Verbs:
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


class Transaction(Verbs):
    """A transaction, or a savepoint in one: the verbs of a database, for one ``with`` or ``async with`` block."""

    def __init__(self, parent: Verbs) -> None:
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
        runtime = native.runtime_of(self._runtime)
        # Until the end is ordered the session stays where `_undo` finds it, and in no variable that a traceback keeps.
        if self._name is None:
            task = self._session().control(runtime, self._own, "commit" if is_good else "rollback")
        else:
            task = self._session().control(runtime, self._own, "release" if is_good else "rollback_to", self._name)
        self._inner = None
        return task

    def _undo(self) -> None:
        """Roll back what is still open: an exception from another thread may come between any two lines of a block."""
        if self._inner is None:
            return
        try:
            self._end(is_good=False).result()
        except (DatabaseError, RuntimeClosed):
            # It has ended, or its connection has.
            self._inner = None


def _check_shape(shape: str) -> None:
    if shape not in {"tuples", "dicts"}:
        message = f'as_ must be "tuples" or "dicts" here, not {shape!r}; fetch() gives "arrow" too'
        raise ValueError(message)
