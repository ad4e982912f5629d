"""Rules of queries, the same for SQLite, PostgreSQL and MySQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from tests.io.conftest import RunLoop
    from tests.io.databases import Database


@pytest.fixture
def words(db: rv.db.Database, database: Database) -> rv.db.Database:
    """Give a database with a table ``words`` of ten rows."""
    db.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word VARCHAR(50))").result()
    insert = f"INSERT INTO words VALUES ({database.mark(1)}, {database.mark(2)})"
    db.execute_many(insert, [(index, f"word {index}") for index in range(10)]).result()
    return db


def test_fetch_gives_all_rows_as_tuples(words: rv.db.Database) -> None:
    task = words.fetch("SELECT id, word FROM words ORDER BY id")
    assert isinstance(task, rv.Task)
    rows = task.result()
    assert [tuple(row) for row in rows] == [(index, f"word {index}") for index in range(10)]


def test_fetch_gives_dicts_when_asked(words: rv.db.Database) -> None:
    rows = words.fetch("SELECT id, word FROM words WHERE id < 2 ORDER BY id", as_="dicts").result()
    assert rows == [{"id": 0, "word": "word 0"}, {"id": 1, "word": "word 1"}]


def test_fetch_of_nothing_is_an_empty_list(words: rv.db.Database) -> None:
    assert list(words.fetch("SELECT * FROM words WHERE id > 100").result()) == []


def test_unknown_form_is_an_error_that_names_the_known_ones(words: rv.db.Database) -> None:
    with pytest.raises(ValueError, match=r"tuples.*dicts.*arrow"):
        words.fetch("SELECT 1", as_="pandas").result()  # type: ignore[arg-type]


def test_fetch_one_gives_a_row_or_none(words: rv.db.Database, database: Database) -> None:
    sql = f"SELECT id, word FROM words WHERE id = {database.mark(1)}"
    assert tuple(words.fetch_one(sql, 3).result()) == (3, "word 3")
    assert words.fetch_one(sql, 300).result() is None


def test_fetch_value_gives_the_first_column_or_none(words: rv.db.Database, database: Database) -> None:
    sql = f"SELECT word FROM words WHERE id = {database.mark(1)}"
    assert words.fetch_value(sql, 3).result() == "word 3"
    assert words.fetch_value(sql, 300).result() is None


def test_execute_gives_the_number_of_rows(words: rv.db.Database, database: Database) -> None:
    assert words.execute(f"DELETE FROM words WHERE id < {database.mark(1)}", 4).result() == 4
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 6


def test_execute_many_is_all_or_nothing(words: rv.db.Database, database: Database) -> None:
    insert = f"INSERT INTO words VALUES ({database.mark(1)}, {database.mark(2)})"
    with pytest.raises(rv.DatabaseError):
        words.execute_many(insert, [(100, "new"), (101, "new"), (3, "twice")]).result()
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 10


def test_execute_many_gives_the_number_of_rows_and_takes_none(words: rv.db.Database, database: Database) -> None:
    insert = f"INSERT INTO words VALUES ({database.mark(1)}, {database.mark(2)})"
    assert words.execute_many(insert, [(index, "x") for index in range(100, 1100)]).result() == 1000
    assert words.execute_many(insert, []).result() == 0


def test_execute_many_takes_a_generator(words: rv.db.Database, database: Database) -> None:
    insert = f"INSERT INTO words VALUES ({database.mark(1)}, {database.mark(2)})"
    assert words.execute_many(insert, ((index, "x") for index in range(100, 200))).result() == 100


def test_fetch_many_gives_the_rows_of_each_set_of_parameters(words: rv.db.Database, database: Database) -> None:
    sql = f"SELECT word FROM words WHERE id = {database.mark(1)}"
    found = words.fetch_many(sql, [(index,) for index in (5, 3, 300, 1)]).result()
    assert [[tuple(row) for row in rows] for rows in found] == [[("word 5",)], [("word 3",)], [], [("word 1",)]]


@pytest.mark.parametrize("evil", ["'; DROP TABLE words; --", '" OR 1=1', "\\", "%s", "$1", "?", ":a", "a\nb", "💣"])
def test_parameters_are_bound_and_never_formatted(words: rv.db.Database, database: Database, evil: str) -> None:
    words.execute(f"INSERT INTO words VALUES (77, {database.mark(1)})", evil).result()
    assert words.fetch_value("SELECT word FROM words WHERE id = 77").result() == evil
    assert words.fetch(f"SELECT id FROM words WHERE word = {database.mark(1)}", evil).result()[0][0] == 77


def test_wrong_number_of_parameters_is_an_error(words: rv.db.Database, database: Database) -> None:
    sql = f"SELECT * FROM words WHERE id = {database.mark(1)}"
    for parameters in ((), (1, 2)):
        with pytest.raises((rv.DatabaseError, TypeError, ValueError)):
            words.fetch(sql, *parameters).result()
    assert words.fetch_value("SELECT 1").result() == 1


@pytest.mark.parametrize("sql", ["CHOOSE 1", "SELECT * FROM missing_table", "SELECT missing_column FROM words", ""])
def test_bad_sql_is_a_database_error_with_the_reason(words: rv.db.Database, sql: str) -> None:
    with pytest.raises(rv.DatabaseError) as caught:
        words.fetch(sql).result()
    if "missing" in sql:
        assert "missing" in str(caught.value)
    assert words.fetch_value("SELECT 1").result() == 1


def test_broken_constraint_is_a_database_error(words: rv.db.Database) -> None:
    with pytest.raises(rv.DatabaseError, match=r"(?i)unique|duplicate"):
        words.execute("INSERT INTO words VALUES (1, 'twice')").result()


def test_queries_are_awaited(words: rv.db.Database, run_loop: RunLoop) -> None:
    async def main() -> Any:
        return await words.fetch_value("SELECT COUNT(*) FROM words")

    assert run_loop(main) == 10


def test_queries_run_at_once(words: rv.db.Database, database: Database, run_asyncio_loop: RunLoop) -> None:
    sql = f"SELECT word FROM words WHERE id = {database.mark(1)}"

    async def main() -> list[Any]:
        return await asyncio.gather(*(words.fetch_value(sql, index % 10) for index in range(500)))

    assert run_asyncio_loop(main) == [f"word {index % 10}" for index in range(500)]


def test_many_writes_at_once_are_all_there(words: rv.db.Database, database: Database) -> None:
    insert = f"INSERT INTO words VALUES ({database.mark(1)}, {database.mark(2)})"
    for task in [words.execute(insert, index, "x") for index in range(1000, 1300)]:
        assert task.result() == 1
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 310


@pytest.mark.usefixtures("words")
def test_database_is_used_in_workers(database: Database) -> None:
    url = database.url

    def count() -> int:
        with rv.db.connect(url) as own:
            found: int = own.fetch_value("SELECT COUNT(*) FROM words").result()
            return found

    with rv.Runtime(workers=1) as rt:
        assert rt.submit(count).result() == 10


def test_rows_feed_tasks(words: rv.db.Database) -> None:
    with rv.Runtime(workers=1) as rt:
        assert rt.submit(len, words.fetch("SELECT * FROM words")).result() == 10


def test_closed_database_refuses(database: Database) -> None:
    with rv.db.connect(database.url) as db:
        db.fetch_value("SELECT 1").result()
    with pytest.raises((rv.DatabaseError, RuntimeError), match="closed"):
        db.fetch_value("SELECT 1").result()


def test_database_is_an_async_context_manager(database: Database, run_loop: RunLoop) -> None:
    async def main() -> Any:
        async with rv.db.connect(database.url) as db:
            return await db.fetch_value("SELECT 1")

    assert run_loop(main) == 1


@pytest.mark.parametrize("url", ["oracle://host/db", "no address", "", "postgresql://:port/"])
def test_bad_address_is_an_error(url: str) -> None:
    with pytest.raises((ValueError, rv.DatabaseError)):
        rv.db.connect(url).fetch_value("SELECT 1").result()


def test_stream_gives_rows_in_order(words: rv.db.Database) -> None:
    rows = words.stream("SELECT id FROM words ORDER BY id", batch=3)
    assert [row[0] for row in rows] == list(range(10))


def test_stream_is_read_inside_a_loop(words: rv.db.Database, run_loop: RunLoop) -> None:
    async def main() -> list[int]:
        return [row[0] async for row in words.stream("SELECT id FROM words ORDER BY id", batch=3)]

    assert run_loop(main) == list(range(10))


def test_stream_left_early_gives_its_connection_back(words: rv.db.Database) -> None:
    for _ in range(30):
        rows = iter(words.stream("SELECT id FROM words ORDER BY id", batch=2))
        assert next(rows)[0] == 0
        del rows
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 10


def test_stream_of_bad_sql_is_an_error(words: rv.db.Database) -> None:
    with pytest.raises(rv.DatabaseError):
        list(words.stream("SELECT * FROM missing_table"))


def test_identifiers_are_quoted(db: rv.db.Database) -> None:
    name = 'odd "name` of; a table'
    quote = "`" if db.fetch_value("SELECT 1").result() and "mysql" in repr(db).lower() else '"'
    quoted = quote + name.replace(quote, quote * 2) + quote
    db.execute(f"CREATE TABLE {quoted} (a INTEGER, b INTEGER)").result()
    db.table(name).insert([{"a": 1, "b": 2}]).result()
    assert db.fetch_value(f"SELECT COUNT(*) FROM {quoted}").result() == 1


def test_insert_takes_dicts_and_tuples(words: rv.db.Database) -> None:
    assert words.table("words").insert([{"id": 20, "word": "a"}, {"word": "b", "id": 21}]).result() == 2
    assert words.table("words").insert([(22, "c"), (23, None)], columns=("id", "word")).result() == 2
    rows = words.fetch("SELECT id, word FROM words WHERE id >= 20 ORDER BY id").result()
    assert [tuple(row) for row in rows] == [(20, "a"), (21, "b"), (22, "c"), (23, None)]


def test_insert_of_nothing_is_nothing(words: rv.db.Database) -> None:
    assert words.table("words").insert([]).result() == 0


def test_insert_is_all_or_nothing(words: rv.db.Database) -> None:
    with pytest.raises(rv.DatabaseError):
        words.table("words").insert([{"id": 50, "word": "new"}, {"id": 1, "word": "twice"}]).result()
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 10


def test_insert_of_rows_that_differ_is_an_error(words: rv.db.Database) -> None:
    with pytest.raises((ValueError, TypeError, rv.DatabaseError)):
        words.table("words").insert([(1, 2, 3)], columns=("id", "word")).result()


def test_copy_in_takes_many_rows_from_a_generator(words: rv.db.Database) -> None:
    rows = ((index, f"w{index}") for index in range(1000, 51_000))
    assert words.copy_in("words", rows, columns=("id", "word")).result() == 50_000
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 50_010
    assert words.fetch_value("SELECT word FROM words WHERE id = 50999").result() == "w50999"


def test_error_of_the_generator_leaves_nothing_behind(words: rv.db.Database) -> None:
    def rows() -> Any:
        for index in range(1000, 5000):
            yield index, "x"
        raise KeyError("the source broke")

    with pytest.raises(KeyError, match="the source broke"):
        words.copy_in("words", rows(), columns=("id", "word")).result()
    assert words.fetch_value("SELECT COUNT(*) FROM words").result() == 10


def test_arrow_needs_no_pyarrow_to_be_made_and_is_read_by_it(words: rv.db.Database) -> None:
    table = words.fetch("SELECT id, word FROM words ORDER BY id", as_="arrow").result()
    assert hasattr(table, "__arrow_c_stream__")
    pyarrow = pytest.importorskip("pyarrow")
    found = pyarrow.table(table)
    assert found.column_names == ["id", "word"]
    assert found.column("id").to_pylist() == list(range(10))
    assert found.column("word").to_pylist() == [f"word {index}" for index in range(10)]
