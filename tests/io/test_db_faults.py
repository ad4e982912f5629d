"""Rules of databases that fail: restarts, wrong passwords, pools that are empty, queries that are given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.deadline import eventually
from tests.io.servers import free_port
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.servers import MariaDb, Postgres


def running_queries(postgres: Postgres, word: str) -> int:
    """Return how many sessions of the server run a query with this word in it."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        f"AND query LIKE '%{word}%' AND pid <> pg_backend_pid()"
    )
    return int(postgres.ask(sql))


def test_restarted_postgres_is_found_again_by_the_pool(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url) as db:
        assert [task.result() for task in [db.fetch_value("SELECT 1") for _ in range(20)]] == [1] * 20
        postgres.restart()
        eventually(lambda: db.fetch_value("SELECT 2").exception() is None, goal_s=3, what="a query that succeeds")
        assert [task.result() for task in [db.fetch_value("SELECT 3") for _ in range(20)]] == [3] * 20


def test_restarted_mariadb_is_found_again_by_the_pool(mariadb: MariaDb) -> None:
    with rv.db.connect(mariadb.url) as db:
        assert [task.result() for task in [db.fetch_value("SELECT 1") for _ in range(20)]] == [1] * 20
        mariadb.restart()
        eventually(lambda: db.fetch_value("SELECT 2").exception() is None, goal_s=3, what="a query that succeeds")


def test_query_under_way_at_a_restart_is_an_error_and_no_hang(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url) as db:
        task = db.execute("SELECT pg_sleep(60) /* restart */")
        eventually(lambda: running_queries(postgres, "restart"), what="the query")
        postgres.restart()
        with pytest.raises(rv.DatabaseError):
            task.result()


def test_cancelled_query_ends_on_the_server_and_its_connection_is_whole(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url, pool_size=1) as db:
        task = db.execute("SELECT pg_sleep(60) /* cancelled */")
        eventually(lambda: running_queries(postgres, "cancelled"), what="the query")
        task.cancel()
        eventually(lambda: not running_queries(postgres, "cancelled"), goal_s=2, what="the end of the query")
        assert db.fetch_value("SELECT 5").result() == 5


def test_cancelled_awaiter_ends_its_query(postgres: Postgres, run_asyncio_loop: RunLoop) -> None:
    async def main() -> object:
        async with rv.db.connect(postgres.url, pool_size=1) as db:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await db.execute("SELECT pg_sleep(60) /* awaited */")
            return await db.fetch_value("SELECT 6")

    assert run_asyncio_loop(main) == 6
    eventually(lambda: not running_queries(postgres, "awaited"), goal_s=2, what="the end of the query")


def test_endless_query_of_sqlite_is_interrupted(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    with rv.db.connect(f"sqlite:///{tmp_path / 'test.db'}") as db:
        tasks = [db.fetch_value(endless) for _ in range(4)]
        for task in tasks:
            task.cancel()
        assert db.fetch_value("SELECT 7").result() == 7


def test_exhausted_pool_is_an_error_in_words_after_its_timeout(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url, pool_size=2, timeout=0.3) as db:
        with db.transaction() as first, db.transaction() as second:
            first.fetch_value("SELECT 1").result()
            second.fetch_value("SELECT 1").result()
            with pytest.raises((rv.DatabaseError, TimeoutError), match=r"(?i)pool.*2|2.*connections"):
                db.fetch_value("SELECT 1").result()
        assert db.fetch_value("SELECT 1").result() == 1


def test_pool_never_has_more_connections_than_it_may(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url, pool_size=3) as db:
        for task in [db.fetch_value("SELECT 1") for _ in range(300)]:
            task.result()
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ada' AND backend_type = 'client backend'"
        assert db.fetch_value(count).result() <= 3 + 1


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_wrong_password_is_an_error_that_does_not_tell_it(request: pytest.FixtureRequest, kind: str) -> None:
    url = request.getfixturevalue(kind).url.replace("secret", "hidden-word")
    with rv.db.connect(url) as db:
        assert "hidden-word" not in repr(db)
        with pytest.raises(rv.DatabaseError, match=r"(?i)password|denied|auth") as caught:
            db.fetch_value("SELECT 1").result()
    assert "hidden-word" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_server_that_is_not_there_is_an_error_that_names_it(scheme: str) -> None:
    port = free_port()
    with rv.db.connect(f"{scheme}://ada:hidden@127.0.0.1:{port}/db", timeout=5) as db:
        caught = db.fetch_value("SELECT 1").exception()
    assert isinstance(caught, rv.DatabaseError)
    assert "127.0.0.1" in str(caught)
    assert str(port) in str(caught)
    assert "hidden" not in str(caught)


def test_host_that_does_not_exist_is_an_error_that_names_it() -> None:
    with rv.db.connect("postgresql://ada@nowhere.invalid/db", timeout=5) as db:
        caught = db.fetch_value("SELECT 1").exception()
    assert isinstance(caught, rv.DatabaseError)
    assert "nowhere.invalid" in str(caught)


def test_database_that_does_not_exist_is_an_error_that_names_it(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url.removesuffix("postgres") + "no_such_one") as db:
        caught = db.fetch_value("SELECT 1").exception()
    assert isinstance(caught, rv.DatabaseError)
    assert "no_such_one" in str(caught)


def test_tls_that_the_server_lacks_is_an_error_where_it_is_required(postgres: Postgres) -> None:
    for mode in ("disable", "prefer"):
        with rv.db.connect(f"{postgres.url}?sslmode={mode}") as db:
            assert db.fetch_value("SELECT 1").result() == 1
    for mode in ("require", "verify-full"):
        with (
            rv.db.connect(f"{postgres.url}?sslmode={mode}") as db,
            pytest.raises(rv.DatabaseError, match=r"(?i)tls|ssl"),
        ):
            db.fetch_value("SELECT 1").result()


def test_parameters_are_in_no_error(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url) as db, pytest.raises(rv.DatabaseError) as caught:
        db.fetch_value("SELECT 1 / ($1::bigint - 4242424242)", 4_242_424_242).result()
    assert "division by zero" in str(caught.value)


def test_retry_of_a_query_is_made_only_when_said(postgres: Postgres) -> None:
    with rv.db.connect(postgres.url) as db:
        db.execute("DROP TABLE IF EXISTS tries").result()
        db.execute("CREATE TABLE tries (id INTEGER)").result()
        with pytest.raises(rv.DatabaseError):
            db.execute("INSERT INTO tries SELECT 1 / 0").result()
        assert db.fetch_value("SELECT COUNT(*) FROM tries").result() == 0


def test_folder_that_is_not_there_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with rv.db.connect(f"sqlite:///{tmp_path}/missing/test.db") as db, pytest.raises(rv.DatabaseError, match="missing"):
        db.fetch_value("SELECT 1").result()


def test_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database at all, only text " * 100)
    with rv.db.connect(f"sqlite:///{tmp_path / 'text'}") as db, pytest.raises(rv.DatabaseError, match=r"(?i)database"):
        db.fetch("SELECT * FROM sqlite_master").result()


OTHER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print(other.execute("SELECT a FROM t").fetchall(), flush=True)
sys.stdin.readline()
other.execute("INSERT INTO t VALUES (6)")
other.execute("COMMIT")
other.close()
"""


def test_sqlite_file_is_shared_with_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with rv.db.connect(f"sqlite:///{path}") as db:
        db.execute("CREATE TABLE t (a INTEGER)").result()
        db.execute("INSERT INTO t VALUES (5)").result()
        with running(OTHER, str(path), folder=tmp_path) as other:
            other.expect("[(5,)]")
            other.say("go on")
            other.end().check()
        assert db.fetch_value("SELECT SUM(a) FROM t").result() == 11
        assert db.fetch_value("PRAGMA journal_mode").result() == "wal"


def test_lock_of_another_program_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with rv.db.connect(f"sqlite:///{path}") as db:
        db.execute("CREATE TABLE t (a INTEGER)").result()
        with running(OTHER, str(path), folder=tmp_path) as other:
            other.expect("[]")
            task = db.execute("INSERT INTO t VALUES (1)")
            other.say("go on")
            other.end().check()
        task.result()
        assert db.fetch_value("SELECT COUNT(*) FROM t").result() == 2


def test_in_memory_database_is_one_for_all_its_queries() -> None:
    with rv.db.connect("sqlite::memory:") as db:
        db.execute("CREATE TABLE t (a INTEGER)").result()
        for task in [db.execute("INSERT INTO t VALUES (?)", index) for index in range(50)]:
            task.result()
        assert db.fetch_value("SELECT COUNT(*) FROM t").result() == 50


def test_full_disk_is_a_database_error_and_the_data_stay_whole(tmp_path: Path) -> None:
    source = """
import resource, signal, sys
import raveler as rv
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
db = rv.db.connect(f"sqlite:///{sys.argv[1]}")
db.execute("CREATE TABLE t (a TEXT)").result()
db.execute("INSERT INTO t VALUES ('kept')").result()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    db.execute("INSERT INTO t VALUES (?)", "x" * 5_000_000).result()
except rv.DatabaseError:
    print(db.fetch_value("SELECT COUNT(*) FROM t").result())
db.close()
"""
    assert run_script(source, str(tmp_path / "test.db"), folder=tmp_path).check().out == "1\n"


def test_forked_child_uses_the_database_anew(postgres: Postgres, tmp_path: Path) -> None:
    source = """
import os, sys, warnings
import raveler as rv
warnings.simplefilter("ignore", DeprecationWarning)
db = rv.db.connect(sys.argv[1])
assert db.fetch_value("SELECT 1").result() == 1
pid = os.fork()
if pid == 0:
    own = rv.db.connect(sys.argv[1])
    os._exit(0 if own.fetch_value("SELECT 2").result(timeout=30) == 2 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), db.fetch_value("SELECT 3").result())
db.close()
"""
    assert run_script(source, postgres.url, folder=tmp_path).check().out == "0 3\n"


@pytest.mark.timeout(120)
def test_million_rows_are_streamed_in_bounded_memory(postgres: Postgres, tmp_path: Path) -> None:
    source = """
import re, sys
from pathlib import Path
import raveler as rv
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024
with rv.db.connect(sys.argv[1]) as db:
    db.fetch_value("SELECT 1").result()
    before, count = peak(), 0
    for row in db.stream("SELECT i, repeat('x', 100) FROM generate_series(1, 1000000) AS i"):
        count += 1
print(count, peak() - before < 50_000_000)
"""
    assert run_script(source, postgres.url, folder=tmp_path, goal_s=9).check().out == "1000000 True\n"
