"""A table of a database or of a transaction: where rows go in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from raveler._core.native import OperationOptions
    from raveler._core.transaction import Verbs
    from raveler._raveler import Task


class Table:
    """A table of a database or transaction, by its name."""

    def __init__(self, owner: Verbs, name: str) -> None:
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
