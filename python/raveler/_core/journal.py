"""The journal of one call: which items of its source are finished, and what became of them."""

from __future__ import annotations

import json
import pickle

from raveler._core import blame
from raveler._core.failures import dump_lasting, load_error
from raveler._core.fingerprint import Fingerprint
from raveler._core.generic import Generic, T
from raveler._core.journal_keys import key_of
from raveler._core.window import close_source
from raveler.exceptions import JournalError, JournalMismatch, NotSerializable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from raveler._core.journal_store import Row, Store

_PAGE = 256


class Journal:
    """Knows what is finished; positions count the items of the source from 0, over all runs.

    One thread pulls the source, another one may record.
    """

    done: int
    """Items 0 to ``done - 1`` are finished."""
    state: dict[str, Any]
    """What was given with the last record; empty at first."""

    def __init__(self, store: Store, done: int, state: dict[str, Any]) -> None:
        """Take what `open` found."""
        self._store = store
        self._first = done
        self.done = done
        self.state = state
        self._keys: list[str | None] = []
        self._items: Iterator[Any] | None = None
        self._verified = 0
        self._is_closed = False

    @classmethod
    def open(cls, store: Store, what: Fingerprint, *, reset: bool) -> Journal:
        """Return the journal of a call, begun or taken up again.

        Raises:
            JournalMismatch: If it belongs to another call; says what changed.
            JournalError: If it can't be used.
        """
        try:
            held = store.load()
            if held is None or reset:
                store.begin(what.as_json())
            else:
                _check(store, held, what)
            done, state = store.take()
            return cls(store, done, json.loads(state))
        except BaseException:
            store.close()
            raise

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._store.name

    def source(self, items: Iterator[T]) -> Iterator[T]:
        """Return the items that are left of a source; the finished ones are pulled first and compared with their keys.

        Raises:
            JournalMismatch: From the iteration, if they are not those that the journal was written for.
        """
        self._items = items
        return _Source(self._left(), items, self._first)

    def outcomes(self) -> Iterator[list[Any]]:
        """Yield the recorded outcomes of each finished item, once its item of the source was compared."""
        for first in range(0, self._first, _PAGE):
            stop = min(first + _PAGE, self._first)
            self._verify(stop)
            for position, data in enumerate(self._store.outcomes(first, stop), start=first):
                yield self._unpacked(position, data)

    def pack(self, position: int, outcomes: list[Any]) -> bytes:
        """Return the outcomes of an item as bytes that a later process can read.

        Raises:
            NotSerializable: If one of them can't be written.
        """
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                outcomes = [
                    _Failed(dump_lasting(each)) if isinstance(each, BaseException) else each for each in outcomes
                ]
                break
        try:
            return pickle.dumps(outcomes, 5)
        except Exception as error:
            raise self._refusal(position, outcomes, error) from error

    def rows(self, upto: int | None) -> list[Row]:
        """Return what is to be recorded of the items from ``done`` to ``upto - 1``, or of all that were pulled."""
        count = len(self._keys) if upto is None else upto - self.done
        return [(self.done + index, key, None) for index, key in enumerate(self._keys[:count])]

    def advance(self, rows: list[Row], state: dict[str, Any]) -> None:
        """Take note that rows were recorded in a transaction of the caller's, which is committed now."""
        del self._keys[: len(rows)]
        self.done += len(rows)
        self.state = state

    def record(self, upto: int | None, outcomes: list[list[Any]] | None, state: dict[str, Any]) -> None:
        """Record the items from ``done`` to ``upto - 1``, or all that were pulled, in one durable transaction."""
        if outcomes is None:
            rows = self.rows(upto)
            self._store.write(rows, json.dumps(state))
            self.advance(rows, state)
        else:
            self.record_packed([self.pack(self.done + index, each) for index, each in enumerate(outcomes)], state)

    def record_packed(self, outcomes: list[bytes], state: dict[str, Any]) -> None:
        """Record the next items with their outcomes, which `pack` made."""
        keys = self._keys[: len(outcomes)]
        rows: list[Row] = list(zip(range(self.done, self.done + len(outcomes)), keys, outcomes, strict=True))
        self._store.write(rows, json.dumps(state))
        self.advance(rows, state)

    def commit(self, transaction: Any, rows: list[Row], state: dict[str, Any]) -> None:
        """Write rows into an open transaction of the store's database; `advance` follows once it is committed."""
        store: Any = self._store
        store.commit(transaction, rows, json.dumps(state))

    @property
    def pulled(self) -> int:
        """The number of items that were pulled, the finished ones among them."""
        return self.done + len(self._keys)

    def close(self) -> None:
        """Let the journal go; another run may open it then."""
        if not self._is_closed:
            self._is_closed = True
            self._store.close()

    def _left(self) -> Iterator[Any]:
        items = self._items
        if items is None:
            return
        keep = self._keys.append
        try:
            self._verify(self._first)
            for item in items:
                keep(key_of(item))
                yield item
        finally:
            close_source(items)

    def _verify(self, stop: int) -> None:
        """Compare the items of the source with their keys, up to the one before ``stop``."""
        items = self._items
        if items is None:
            return
        while self._verified < stop:
            upto = min(stop, self._verified + _PAGE)
            for key in self._store.keys(self._verified, upto):
                try:
                    item = next(items)
                except StopIteration:
                    raise self._other_source(f"the source ended after {self._verified} items") from None
                found = key_of(item)
                if key is not None and found != key:
                    raise self._other_source(f"item {self._verified} of the source was {key} and is {found}")
                self._verified += 1

    def _other_source(self, what: str) -> JournalMismatch:
        error = JournalMismatch(
            f"{what}, and the journal {self.name} holds {self._first} finished items of another source: give it the "
            f"same items in the same order, or begin again with journal_reset=True"
        )
        error.changes = (what,)
        return error

    def _unpacked(self, position: int, data: bytes) -> list[Any]:
        try:
            outcomes: list[Any] = pickle.loads(data)
            return [load_error(each.data) if type(each) is _Failed else each for each in outcomes]
        except Exception as error:
            message = (
                f"the outcome of item {position} in the journal {self.name} can't be read: {type(error).__name__}: "
                f"{error}; run the script that wrote it, or begin again with journal_reset=True"
            )
            raise JournalError(message) from error

    def _refusal(self, position: int, outcomes: list[Any], reason: Exception) -> NotSerializable:
        label = f"the outcome of item {position}"
        path, part = blame.path_to(outcomes[0] if len(outcomes) == 1 else outcomes, label, _is_refused)
        error = NotSerializable(
            f"{path} can't be written to the journal {self.name}: {type(part).__module__}.{type(part).__qualname__} "
            f"can't be pickled ({type(reason).__name__}: {reason}); return what it is made from"
        )
        error.path = path
        return error


class _Source(Generic[T]):
    """An iterator that tells how many items are left, where the source does."""

    def __init__(self, left: Iterator[T], items: Iterator[T], done: int) -> None:
        """Iterate over ``left``, which comes from ``items`` without the finished ones."""
        self._left = left
        self._items = items
        self._done = done

    def __iter__(self) -> Iterator[T]:
        """Return the generator itself, which is quicker."""
        return self._left

    def __next__(self) -> T:
        """Return the next item."""
        return next(self._left)

    def __length_hint__(self) -> int:
        """Return how many items are left, if the source knows.

        Raises:
            TypeError: If it does not.
        """
        hint: Any = getattr(self._items, "__length_hint__", None)
        if hint is None:
            raise TypeError
        return max(0, int(hint()) - self._done)

    def close(self) -> None:
        """Close the source, begun or not."""
        close_source(self._left)
        close_source(self._items)


class _Failed:
    """Stands for an exception that is an outcome."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        """Keep what `dump_lasting` made."""
        self.data = data


def _check(store: Store, held: str, what: Fingerprint) -> None:
    try:
        changes = what.changes_since(Fingerprint.from_json(held))
    except ValueError as error:
        message = f"the journal {store.name} is damaged: {error}; begin again with journal_reset=True"
        raise JournalError(message) from error
    if changes:
        mismatch = JournalMismatch(
            f"the journal {store.name} belongs to another call: {'; '.join(changes)}; undo the change, give the new "
            f"call a journal of its own, or begin again with journal_reset=True"
        )
        mismatch.changes = tuple(changes)
        raise mismatch


def _is_refused(value: object) -> bool:
    try:
        pickle.dumps(value, 5)
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ raises
        return True
    return False
