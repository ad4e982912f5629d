"""A journal in the tables of a database: committed with the results or not at all, and written by one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core.fingerprint import Fingerprint, part
from raveler._core.journal import Journal
from raveler._core.journal_tables import TableStore

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = Fingerprint.of((part("map", len),), seed=0)
ITEMS = ["a", ("b", 1), object(), "d"]


def opened(db: rv.db.Database, call: Fingerprint = CALL, *, name: str = "index", reset: bool = False) -> Journal:
    return Journal.open(TableStore(db, name), call, reset=reset)


def pulled(journal: Journal, items: Any = ITEMS) -> Iterator[Any]:
    source = journal.source(iter(items))
    list(source)
    return source


def test_new_journal_is_empty(db: rv.db.Database) -> None:
    journal = opened(db)
    assert (journal.done, journal.state) == (0, {})
    assert journal.name.startswith("index in ")


def test_finished_items_are_found_again(db: rv.db.Database) -> None:
    journal = opened(db)
    pulled(journal)
    journal.record(3, None, {"batch": 1})

    again = opened(db)
    assert (again.done, again.state) == (3, {"batch": 1})
    assert list(again.source(iter(ITEMS))) == ["d"]


def test_results_and_journal_are_committed_together(db: rv.db.Database) -> None:
    db.execute("CREATE TABLE words (word VARCHAR(20))").result()
    journal = opened(db)
    pulled(journal)
    rows = journal.rows(2)
    with db.transaction() as transaction:
        transaction.execute("INSERT INTO words VALUES ('kept')").result()
        journal.commit(transaction, rows, {"batch": 1})
    journal.advance(rows, {"batch": 1})

    def lose() -> None:
        with db.transaction() as transaction:
            transaction.execute("INSERT INTO words VALUES ('lost')").result()
            journal.commit(transaction, journal.rows(None), {"batch": 2})
            message = "power"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="power"):
        lose()
    again = opened(db)
    assert (again.done, again.state) == (2, {"batch": 1})
    assert db.fetch("SELECT word FROM words").result() == [("kept",)]


def test_other_items_are_refused(db: rv.db.Database) -> None:
    pulled(journal := opened(db))
    journal.record(None, None, {})
    again = opened(db)
    with pytest.raises(rv.JournalMismatch, match=r"item 1 of the source was \('b', 1\) and is \('b', 2\)"):
        next(again.source(iter(["a", ("b", 2), object(), "d"])))


def test_other_call_is_refused_until_a_reset(db: rv.db.Database) -> None:
    pulled(journal := opened(db))
    journal.record(None, None, {"batch": 1})
    other = Fingerprint.of((part("map", abs),), seed=0)
    with pytest.raises(rv.JournalMismatch, match="the function of map was len and is abs"):
        opened(db, other)
    assert opened(db).done == 4
    anew = opened(db, other, reset=True)
    assert (anew.done, anew.state) == (0, {})


def test_journals_of_other_names_are_left_alone(db: rv.db.Database) -> None:
    for name in ("one", "two"):
        pulled(journal := opened(db, name=name))
        journal.record(None, None, {"name": name})
    opened(db, name="one", reset=True)
    assert (opened(db, name="one").done, opened(db, name="two").done) == (0, 4)
    assert opened(db, name="two").state == {"name": "two"}


def test_run_that_lost_its_journal_to_another_one_commits_nothing(db: rv.db.Database) -> None:
    db.execute("CREATE TABLE words (word VARCHAR(20))").result()
    first = opened(db)
    pulled(first)
    second = opened(db)
    pulled(second)

    def commit() -> None:
        with db.transaction() as transaction:
            transaction.execute("INSERT INTO words VALUES ('twice')").result()
            first.commit(transaction, first.rows(None), {})

    with pytest.raises(rv.JournalError, match="was opened by another run"):
        commit()
    second.record(None, None, {})
    assert db.fetch("SELECT word FROM words").result() == []
    assert opened(db).done == 4


def test_refused_call_takes_the_journal_from_nobody(db: rv.db.Database) -> None:
    first = opened(db)
    pulled(first)
    with pytest.raises(rv.JournalMismatch):
        opened(db, Fingerprint.of((), seed=0))
    first.record(None, None, {})
    assert opened(db).done == 4


def test_state_alone_can_be_recorded(db: rv.db.Database) -> None:
    journal = opened(db)
    journal.record(0, None, {"batch": 1})
    journal.record(0, None, {"batch": 1})
    assert opened(db).state == {"batch": 1}


def test_many_items_are_recorded_and_compared(db: rv.db.Database) -> None:
    items = [f"item {number}" for number in range(2000)]
    pulled(journal := opened(db), items)
    journal.record(None, None, {})
    assert list(opened(db).source(iter([*items, "more"]))) == ["more"]


def test_name_must_fit(db: rv.db.Database) -> None:
    for name in ("", "x" * 191):
        with pytest.raises(ValueError, match="a journal's name must have 1 to 190 letters"):
            TableStore(db, name)
