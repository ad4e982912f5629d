"""Rules of tables as sinks: a batch is a transaction, and a journal can be a part of it."""

from __future__ import annotations

import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import raveler as rv
from raveler._core.sinks import open_sink
from tests.deadline import eventually
from tests.flow.cutter import Cutter
from tests.flow.interrupted import interrupted_at
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.io.databases import Database
    from tests.io.servers import MariaDb, Postgres

pytestmark = pytest.mark.usefixtures("_clean")

MODULES = ("raveler._core.sinks.table", "raveler._core.transaction", "raveler._core.table")


class Word(NamedTuple):
    """A row whose columns have names, in an order of its own."""

    n: int
    word: str


@pytest.fixture
def db(_clean: None, database: Database) -> Iterator[rv.db.Database]:
    """Give each kind of database in turn, with the empty tables ``words`` and ``marks``."""
    with rv.db.connect(database.url) as opened:
        opened.execute("CREATE TABLE words (word VARCHAR(20), n INTEGER PRIMARY KEY)").result()
        opened.execute("CREATE TABLE marks (done INTEGER)").result()
        yield opened


def rows(db: rv.db.Database) -> list[Any]:
    """Return what is in the table."""
    found: list[Any] = db.fetch("SELECT n, word FROM words ORDER BY n").result()
    return found


def marks(db: rv.db.Database) -> list[int]:
    """Return what the journal of these tests has."""
    return [row[0] for row in db.fetch("SELECT done FROM marks ORDER BY done").result()]


def mark(number: int) -> Any:
    """Return what writes a mark within a transaction."""

    def commit(transaction: rv.db.Transaction) -> None:
        transaction.table("marks").insert([(number,)], columns=("done",)).result()

    return commit


def test_rows_of_every_kind_go_in(db: rv.db.Database) -> None:
    sink = open_sink(db.table("words"))
    assert (sink.name, sink.size, sink.database) == ("table words", 1000, db)
    sink.open(None)
    sink.write([("a", 1), ["b", 2]], None)
    sink.write([{"n": 3, "word": "c"}, {"word": "d", "n": 4}], None)
    sink.write([Word(5, "e")], None)
    sink.write([{"n": 6}], None)
    sink.write([], None)
    sink.close(failed=False)
    assert rows(db) == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (6, None)]


def test_journal_commits_with_the_batch(db: rv.db.Database) -> None:
    sink = open_sink(db.table("words"))
    sink.open({})
    sink.write([("a", 1)], mark(1))
    sink.write([], mark(2))
    assert sink.state() == {}
    sink.close(failed=False)
    assert (rows(db), marks(db)) == ([(1, "a")], [1, 2])


def test_journal_that_fails_takes_its_batch_with_it(db: rv.db.Database) -> None:
    def fail(transaction: rv.db.Transaction) -> None:
        mark(1)(transaction)
        raise KeyError("journal")

    sink = open_sink(db.table("words"))
    sink.open({})
    with pytest.raises(KeyError):
        sink.write([("a", 1)], fail)
    sink.write([("a", 1)], mark(2))
    sink.close(failed=True)
    assert (rows(db), marks(db)) == ([(1, "a")], [2])


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (("x", 1), rv.DatabaseError, "(?s).*"),
        (("x",), ValueError, "value"),
        (("x", object()), TypeError, "object"),
        ("text", TypeError, "tuples, lists or dicts"),
        ({"nothing": 5}, (ValueError, rv.DatabaseError), "(?s).*"),
    ],
)
def test_row_that_is_refused_leaves_its_batch_out(db: rv.db.Database, bad: Any, error: Any, words: str) -> None:
    sink = open_sink(db.table("words"))
    sink.open({})
    sink.write([("a", 1)], mark(1))
    with pytest.raises(error, match=words):
        sink.write([("b", 2), bad, ("c", 3)], mark(2))
    sink.close(failed=True)
    assert (rows(db), marks(db)) == ([(1, "a")], [1])
    sink.open({})
    sink.write([("b", 2)], mark(3))
    sink.close(failed=False)
    assert (rows(db), marks(db)) == ([(1, "a"), (2, "b")], [1, 3])


def test_tuple_of_another_width_is_an_error_that_names_the_columns(db: rv.db.Database) -> None:
    sink = open_sink(db.table("words"))
    sink.open(None)
    with pytest.raises(ValueError, match=r"1 values and table words has 2 columns \(word, n\).*dicts"):
        sink.write([("a",)], None)
    sink.close(failed=True)


def test_table_that_does_not_exist_shows_at_open(db: rv.db.Database) -> None:
    sink = open_sink(db.table("nowhere"))
    with pytest.raises(rv.DatabaseError, match=r"no table nowhere in .*; create it before the flow runs"):
        sink.open(None)
    sink.close(failed=True)


def test_server_that_is_not_there_is_told_apart(db: rv.db.Database) -> None:
    del db
    with rv.db.connect("postgresql://ada@127.0.0.1:9/nothing", timeout=2) as other:
        with pytest.raises(rv.DatabaseError, match=r"127\.0\.0\.1") as caught:
            open_sink(other.table("words")).open(None)
        assert "create it" not in str(caught.value)
        assert caught.value.__notes__ == ["raised when the columns of table words were looked up"]


def test_name_with_quotes_is_no_way_in(db: rv.db.Database) -> None:
    for name in ('words"; DROP TABLE words; --', "words`; DROP TABLE words; --", "a b"):
        with pytest.raises(rv.DatabaseError):
            open_sink(db.table(name)).open(None)
    assert rows(db) == []


def test_table_of_a_transaction_takes_batches_as_savepoints(db: rv.db.Database) -> None:
    with db.transaction() as transaction:
        sink = open_sink(transaction.table("words"))
        assert sink.database is None
        sink.open(None)
        sink.write([("a", 1)], None)
        with pytest.raises(rv.DatabaseError):
            sink.write([("b", 2), ("c", 1)], None)
        sink.write([("d", 4)], None)
        sink.close(failed=False)
        with pytest.raises(TypeError, match="open transaction"):
            open_sink(transaction.table("words")).open({})
    assert rows(db) == [(1, "a"), (4, "d")]


def test_exception_at_any_line_leaves_whole_batches(db: rv.db.Database) -> None:
    line = 0
    for line in count():
        sink = open_sink(db.table("words"))
        sink.open({})
        batch = [("x", 10 * line), ("y", 10 * line + 1)]
        try:
            was_interrupted = interrupted_at(line, MODULES, partial(sink.write, batch, mark(line)))
        finally:
            sink.close(failed=True)
        taken = {row[0] for row in rows(db)} & {10 * line, 10 * line + 1}
        assert len(taken) == (2 if line in marks(db) else 0)
        if not was_interrupted:
            assert taken
            break
    assert line > 20


def test_close_gives_a_batch_up_that_waits_for_a_lock(db: rv.db.Database, database: Database) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            sink.write([("a", 1)], mark(1))
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    sink = open_sink(db.table("words"))
    sink.open({})
    with rv.db.connect(database.url) as other, other.transaction() as transaction:
        transaction.table("words").insert([("held", 1)], columns=("word", "n")).result()
        writing = threading.Thread(target=write)
        writing.start()
        eventually(lambda: sink._waiting_for is not None, what="the write")  # type: ignore[attr-defined]
        sink.close(failed=True)
        writing.join(10)
        assert [type(error) for error in failures] == [rv.TaskCancelled]
    assert (rows(db), marks(db)) == ([(1, "held")], [])
    sink.open({})
    sink.write([("b", 2)], mark(2))
    sink.close(failed=False)
    assert (rows(db), marks(db)) == ([(1, "held"), (2, "b")], [2])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("server", ["postgres", "mariadb"])
def test_connection_lost_at_a_commit_leaves_all_or_nothing(
    request: pytest.FixtureRequest, server: str, *, after: bool
) -> None:
    url: str = request.getfixturevalue(server).url
    with rv.db.connect(url) as db:
        for name in ("words", "marks"):
            db.execute(f"DROP TABLE IF EXISTS {name}").result()
        db.execute("CREATE TABLE words (word VARCHAR(20), n INTEGER PRIMARY KEY)").result()
        db.execute("CREATE TABLE marks (done INTEGER)").result()
        with Cutter(url, after=after) as cutter, rv.db.connect(cutter.url, retries=3) as behind:
            sink = open_sink(behind.table("words"))
            sink.open({})
            sink.write([("a", 1)], mark(1))
            cutter.is_armed = True
            with pytest.raises(rv.DatabaseError) as caught:
                sink.write([("b", 2), ("c", 3)], mark(2))
            assert "the answer to a commit did not arrive: all 2 rows are in table words, or none" in str(
                caught.value.__notes__
            )
            sink.close(failed=True)
        whole = ([(1, "a"), (2, "b"), (3, "c")], [1, 2]) if after else ([(1, "a")], [1])
        eventually(lambda: (rows(db), marks(db)) == whole, what="the end of the transaction")


def test_server_that_is_restarted_within_a_batch_leaves_it_out(postgres: Postgres) -> None:
    def restart(transaction: rv.db.Transaction) -> None:
        del transaction
        postgres.restart()

    with rv.db.connect(postgres.url) as db:
        db.execute("DROP TABLE IF EXISTS words").result()
        db.execute("CREATE TABLE words (word VARCHAR(20), n INTEGER PRIMARY KEY)").result()
        sink = open_sink(db.table("words"))
        sink.open({})
        sink.write([("a", 1)], None)
        with pytest.raises(rv.DatabaseError):
            sink.write([("b", 2)], restart)
        eventually(lambda: db.fetch_value("SELECT 1").exception() is None, goal_s=3, what="a query that succeeds")
        assert rows(db) == [(1, "a")]
        sink.write([("b", 2)], None)
        sink.close(failed=False)
        assert rows(db) == [(1, "a"), (2, "b")]


def test_statement_refused_by_the_commit_has_no_note(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url) as db:
        db.execute("DROP TABLE IF EXISTS later").result()
        db.execute("CREATE TABLE later (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)").result()
        sink = open_sink(db.table("later"))
        sink.open(None)
        with pytest.raises(rv.DatabaseError, match="later_n_key") as caught:
            sink.write([(1,), (1,)], None)
        assert not hasattr(caught.value, "__notes__")
        sink.close(failed=True)
        assert db.fetch_value("SELECT COUNT(*) FROM later").result() == 0


def test_schema_of_a_table_is_divided_by_a_dot(postgres: Postgres, mariadb: MariaDb) -> None:
    for url, schema in ((postgres.url, "public"), (mariadb.url, "tests")):
        with rv.db.connect(url) as db:
            db.execute("DROP TABLE IF EXISTS words").result()
            db.execute("CREATE TABLE words (word VARCHAR(20), n INTEGER PRIMARY KEY)").result()
            sink = open_sink(db.table(f"{schema}.words"))
            sink.open(None)
            sink.write([("a", 1)], None)
            sink.close(failed=False)
            assert rows(db) == [(1, "a")]


FULL = """
import resource, signal, sys
import raveler as rv
from raveler._core.sinks import open_sink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
db = rv.db.connect(f"sqlite:///{sys.argv[1]}")
db.execute("CREATE TABLE t (a TEXT)").result()
sink = open_sink(db.table("t"))
sink.open({})
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
batches = 0
try:
    while True:
        sink.write([("x" * 1000,)] * 30, None)
        batches += 1
except rv.DatabaseError as error:
    assert "full" in str(error) or "disk" in str(error), error
sink.close(failed=True)
print(batches > 0, db.fetch_value("SELECT COUNT(*) FROM t").result() == 30 * batches)
db.close()
"""


def test_full_disk_leaves_whole_batches(tmp_path: Path) -> None:
    assert run_script(FULL, str(tmp_path / "test.db"), folder=tmp_path).check().out == "True True\n"


FOREVER = """
import sys
import raveler as rv
from raveler._core.sinks import open_sink
with rv.db.connect(sys.argv[1]) as db:
    sink = open_sink(db.table("words"))
    sink.open({})
    number = db.fetch_value("SELECT COALESCE(MAX(n), 0) FROM words").result()
    try:
        while True:
            batch = [("x", number + index) for index in range(1, 501)]
            sink.write(batch, lambda to: to.table("marks").insert([(number // 500,)], columns=("done",)).result())
            number += 500
            print("batch", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        sink.close(failed=True)
"""


@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_end_of_the_process_leaves_whole_batches(
    db: rv.db.Database, database: Database, tmp_path: Path, how: str
) -> None:
    for _ in range(3):
        with running(FOREVER, database.url, folder=tmp_path) as script:
            script.expect("batch")
            getattr(script, how)()
            assert how == "kill" or script.end().code == 0
            script.process.wait()
    numbers = [row[0] for row in rows(db)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert marks(db) == list(range(len(numbers) // 500))
