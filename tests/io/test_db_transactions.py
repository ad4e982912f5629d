"""Rules of transactions: all or nothing, whatever ends them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.databases import Database
    from tests.io.servers import Postgres


@pytest.fixture
def notes(db: rv.db.Database) -> rv.db.Database:
    """Give a database with an empty table ``notes``."""
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)").result()
    return db


def ids(db: rv.db.Database) -> list[int]:
    """Return what is in the table."""
    return [row[0] for row in db.fetch("SELECT id FROM notes ORDER BY id").result()]


def test_transaction_commits_at_its_end(notes: rv.db.Database) -> None:
    with notes.transaction() as transaction:
        transaction.execute("INSERT INTO notes VALUES (1)").result()
        transaction.execute("INSERT INTO notes VALUES (2)").result()
    assert ids(notes) == [1, 2]


def test_transaction_is_rolled_back_by_an_error(notes: rv.db.Database) -> None:
    with pytest.raises(KeyError), notes.transaction() as transaction:  # noqa: PT012
        transaction.execute("INSERT INTO notes VALUES (1)").result()
        raise KeyError("out")
    assert ids(notes) == []


def test_transaction_is_rolled_back_by_an_error_of_its_own(notes: rv.db.Database) -> None:
    with pytest.raises(rv.DatabaseError), notes.transaction() as transaction:  # noqa: PT012
        transaction.execute("INSERT INTO notes VALUES (1)").result()
        transaction.execute("INSERT INTO nowhere VALUES (1)").result()
    assert ids(notes) == []


def test_transaction_sees_what_others_do_not(notes: rv.db.Database) -> None:
    with notes.transaction() as transaction:
        transaction.execute("INSERT INTO notes VALUES (1)").result()
        assert transaction.fetch_value("SELECT COUNT(*) FROM notes").result() == 1
        assert notes.fetch_value("SELECT COUNT(*) FROM notes").result() == 0


def test_transaction_has_every_verb(notes: rv.db.Database, database: Database) -> None:
    with notes.transaction() as transaction:
        transaction.execute_many(f"INSERT INTO notes VALUES ({database.mark(1)})", [(1,), (2,)]).result()
        transaction.table("notes").insert([{"id": 3}]).result()
        transaction.copy_in("notes", [(4,)], columns=("id",)).result()
        assert [row[0] for row in transaction.fetch("SELECT id FROM notes ORDER BY id").result()] == [1, 2, 3, 4]
        assert [row[0] for row in transaction.stream("SELECT id FROM notes ORDER BY id")] == [1, 2, 3, 4]
        assert transaction.fetch_one("SELECT MAX(id) FROM notes").result()[0] == 4
    assert ids(notes) == [1, 2, 3, 4]


def test_statement_that_nobody_waits_for_is_rolled_back_too(notes: rv.db.Database) -> None:
    for number in range(50):
        with pytest.raises(KeyError), notes.transaction() as transaction:  # noqa: PT012
            transaction.copy_in("notes", [(number,)], columns=("id",))
            transaction.execute(f"INSERT INTO notes VALUES ({1000 + number})")
            raise KeyError("out")
    with notes.transaction() as transaction:
        transaction.execute("INSERT INTO notes VALUES (1)").result()
    assert ids(notes) == [1]


def test_row_that_is_refused_while_the_first_ones_are_on_their_way_leaves_nothing(notes: rv.db.Database) -> None:
    for base in range(5):
        rows: list[tuple[Any]] = [(100_000 * base + number,) for number in range(20_000)]
        with pytest.raises(TypeError), notes.transaction() as transaction:
            transaction.copy_in("notes", [*rows, (object(),)], columns=("id",))
    assert ids(notes) == []


def test_inner_transaction_is_a_savepoint(notes: rv.db.Database) -> None:
    with notes.transaction() as outer:
        outer.execute("INSERT INTO notes VALUES (1)").result()
        with pytest.raises(KeyError), outer.transaction() as inner:  # noqa: PT012
            inner.execute("INSERT INTO notes VALUES (2)").result()
            raise KeyError("inner")
        with outer.transaction() as inner:
            inner.execute("INSERT INTO notes VALUES (3)").result()
    assert ids(notes) == [1, 3]


def test_failed_statement_in_a_savepoint_does_not_spoil_the_outer_transaction(notes: rv.db.Database) -> None:
    with notes.transaction() as outer:
        outer.execute("INSERT INTO notes VALUES (1)").result()
        with pytest.raises(rv.DatabaseError), outer.transaction() as inner:
            inner.execute("INSERT INTO notes VALUES (1)").result()
        outer.execute("INSERT INTO notes VALUES (2)").result()
    assert ids(notes) == [1, 2]


def test_outer_rollback_takes_the_inner_with_it(notes: rv.db.Database) -> None:
    with pytest.raises(KeyError), notes.transaction() as outer:  # noqa: PT012
        with outer.transaction() as inner:
            inner.execute("INSERT INTO notes VALUES (1)").result()
        raise KeyError("outer")
    assert ids(notes) == []


def test_transaction_inside_a_loop(notes: rv.db.Database, run_loop: RunLoop) -> None:
    async def main() -> None:
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO notes VALUES (1)")
            async with transaction.transaction() as inner:
                await inner.execute("INSERT INTO notes VALUES (2)")
        with pytest.raises(KeyError):  # noqa: PT012
            async with notes.transaction() as transaction:
                await transaction.execute("INSERT INTO notes VALUES (3)")
                raise KeyError("out")

    run_loop(main)
    assert ids(notes) == [1, 2]


def test_cancelled_coroutine_rolls_its_transaction_back(notes: rv.db.Database, run_asyncio_loop: RunLoop) -> None:
    async def write(written: asyncio.Event) -> None:
        async with notes.transaction() as transaction:
            await transaction.execute("INSERT INTO notes VALUES (1)")
            written.set()
            await asyncio.Event().wait()

    async def main() -> None:
        written = asyncio.Event()
        writing = asyncio.ensure_future(write(written))
        await written.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    run_asyncio_loop(main)
    assert ids(notes) == []
    notes.execute("INSERT INTO notes VALUES (1)").result()
    assert ids(notes) == [1]


def test_statement_cancelled_in_the_middle_rolls_back(postgres: Postgres, run_asyncio_loop: RunLoop) -> None:
    async def main() -> Any:
        async with rv.db.connect(postgres.url, pool_size=1) as db:
            await db.execute("DROP TABLE IF EXISTS notes")
            await db.execute("CREATE TABLE notes (id INTEGER)")
            with pytest.raises(TimeoutError):  # noqa: PT012
                async with asyncio.timeout(0.3):
                    async with db.transaction() as transaction:
                        await transaction.execute("INSERT INTO notes VALUES (1)")
                        await transaction.execute("SELECT pg_sleep(60)")
            return await db.fetch_value("SELECT COUNT(*) FROM notes")

    assert run_asyncio_loop(main) == 0


def test_finished_transaction_refuses(notes: rv.db.Database) -> None:
    with notes.transaction() as transaction:
        pass
    with pytest.raises((rv.DatabaseError, RuntimeError)):
        transaction.execute("INSERT INTO notes VALUES (1)").result()
    assert ids(notes) == []


def test_transaction_that_nobody_ends_is_rolled_back(notes: rv.db.Database) -> None:
    transaction = notes.transaction().__enter__()
    transaction.execute("INSERT INTO notes VALUES (1)").result()
    del transaction
    assert ids(notes) == []
    notes.execute("INSERT INTO notes VALUES (2)").result()


def test_transactions_in_threads_do_not_mix(notes: rv.db.Database, database: Database) -> None:
    insert = f"INSERT INTO notes VALUES ({database.mark(1)})"
    failures: list[BaseException] = []

    def write(base: int) -> None:
        try:
            for index in range(5):
                with notes.transaction() as transaction:
                    transaction.execute(insert, base + 2 * index).result()
                    transaction.execute(insert, base + 2 * index + 1).result()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(1000 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(ids(notes)) == 60


def test_transaction_whose_client_is_killed_is_rolled_back(
    notes: rv.db.Database, database: Database, tmp_path: Path
) -> None:
    source = """
import sys
import raveler as rv
with rv.db.connect(sys.argv[1]) as db, db.transaction() as transaction:
    transaction.execute("INSERT INTO notes VALUES (1)").result()
    print("written", flush=True)
    sys.stdin.read()
"""
    with running(source, database.url, folder=tmp_path) as script:
        script.expect("written")
        script.kill()
    assert ids(notes) == []
    notes.execute("INSERT INTO notes VALUES (1)").result()
    assert ids(notes) == [1]
