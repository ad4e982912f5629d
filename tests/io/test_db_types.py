"""Rules of types: what goes in comes out, and an unknown type is text and no error."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.io.databases import Database
    from tests.io.servers import MariaDb, Postgres


UTC = dt.UTC
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))


@pytest.fixture
def pg(_clean: None, postgres: Postgres) -> Iterator[rv.db.Database]:
    """Give an open PostgreSQL database."""
    with rv.db.connect(postgres.url) as db:
        yield db


@pytest.fixture
def my(_clean: None, mariadb: MariaDb) -> Iterator[rv.db.Database]:
    """Give an open MySQL database."""
    with rv.db.connect(mariadb.url) as db:
        yield db


def same(found: object, expected: object) -> bool:
    """Compare values, their types, and NaN with itself."""
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    return type(found) is type(expected) and found == expected


COMMON: list[tuple[str, Any]] = [
    ("BIGINT", 0),
    ("BIGINT", -(2**63)),
    ("BIGINT", 2**63 - 1),
    ("DOUBLE PRECISION", 0.1),
    ("DOUBLE PRECISION", -1.7976931348623157e308),
    ("DOUBLE PRECISION", 5e-324),
    ("TEXT", ""),
    ("TEXT", "Grüße 💣 'quoted'"),
    ("TEXT", "x" * 60_000),
]


@pytest.mark.parametrize(("kind", "value"), COMMON, ids=lambda value: str(value)[:20])
def test_common_types_survive_a_round_trip(db: rv.db.Database, database: Database, kind: str, value: Any) -> None:
    db.execute(f"CREATE TABLE one (value {kind})").result()
    db.execute(f"INSERT INTO one VALUES ({database.mark(1)})", value).result()
    assert same(db.fetch_value("SELECT value FROM one").result(), value)


def test_null_is_none(db: rv.db.Database, database: Database) -> None:
    db.execute("CREATE TABLE one (a BIGINT, b TEXT)").result()
    db.execute(f"INSERT INTO one VALUES ({database.mark(1)}, {database.mark(2)})", None, None).result()
    assert tuple(db.fetch_one("SELECT a, b FROM one").result()) == (None, None)


def test_bytes_survive_a_round_trip(db: rv.db.Database, database: Database) -> None:
    kind = "BYTEA" if database.kind == "postgresql" else "BLOB"
    db.execute(f"CREATE TABLE one (value {kind})").result()
    data = bytes(range(256))
    db.execute(f"INSERT INTO one VALUES ({database.mark(1)})", data).result()
    assert same(db.fetch_value("SELECT value FROM one").result(), data)


def test_integer_that_does_not_fit_is_an_error_and_never_a_wrong_number(db: rv.db.Database, database: Database) -> None:
    db.execute("CREATE TABLE one (value BIGINT)").result()
    with pytest.raises((rv.DatabaseError, OverflowError, ValueError)):
        db.execute(f"INSERT INTO one VALUES ({database.mark(1)})", 2**63).result()


def test_object_that_no_database_knows_is_a_type_error_at_the_call(db: rv.db.Database, database: Database) -> None:
    with pytest.raises(TypeError, match="object"):
        db.fetch_value(f"SELECT {database.mark(1)}", object()).result()


POSTGRES: list[tuple[str, Any]] = [
    ("boolean", True),
    ("boolean", False),
    ("smallint", -5),
    ("integer", 2**31 - 1),
    ("real", 0.5),
    ("double precision", math.nan),
    ("double precision", math.inf),
    ("double precision", -math.inf),
    ("numeric", Decimal("12345678901234567890.123456789")),
    ("numeric", Decimal("-0.000001")),
    ("numeric", Decimal("1E+20")),
    ("numeric", Decimal(0)),
    ("varchar(10)", "abc"),
    ("bytea", b"\x00\xff"),
    ("date", dt.date(2024, 2, 29)),
    ("date", dt.date(1, 1, 1)),
    ("date", dt.date(9999, 12, 31)),
    ("time", dt.time(23, 59, 59, 999_999)),
    ("timestamp", dt.datetime(1969, 12, 31, 23, 59, 59, 1)),  # noqa: DTZ001 - a naive one is meant
    ("timestamptz", dt.datetime(2024, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
    ("interval", dt.timedelta(days=3, seconds=4, microseconds=5)),
    ("interval", dt.timedelta(days=-3)),
    ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    ("bigint[]", [1, 2, None, 4]),
    ("text[]", ["a", "b,c", '"', "", None]),
    ("text[]", []),
    ("double precision[]", [0.5, -1.0]),
    ("uuid[]", [uuid.UUID(int=5)]),
    ("integer[]", [[1, 2], [3, 4]]),
]


@pytest.mark.parametrize(("kind", "value"), POSTGRES, ids=lambda value: str(value)[:25])
def test_postgres_types_survive_a_round_trip(pg: rv.db.Database, kind: str, value: Any) -> None:
    found = pg.fetch_value(f"SELECT $1::{kind}", value).result()
    assert same(found, value)


def test_postgres_keeps_the_moment_whatever_the_zone(pg: rv.db.Database) -> None:
    moment = dt.datetime(2024, 6, 1, 12, 0, tzinfo=EAST)
    found = pg.fetch_value("SELECT $1::timestamptz", moment).result()
    assert found == moment
    assert found.tzinfo is not None


def test_postgres_time_with_zone_keeps_its_zone(pg: rv.db.Database) -> None:
    found = pg.fetch_value("SELECT '12:30:00+05:30'::timetz").result()
    assert found == dt.time(12, 30, tzinfo=EAST)


@pytest.mark.parametrize("kind", ["json", "jsonb"])
@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ä"]}, [], {}, [{"b": {}}]])
def test_postgres_json_comes_back_as_objects(pg: rv.db.Database, kind: str, value: Any) -> None:
    assert pg.fetch_value(f"SELECT $1::{kind}", value).result() == value
    assert pg.fetch_value(f"SELECT '{json.dumps(value)}'::{kind}").result() == value


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("'[1,5)'::int4range", "[1,5)"),
        ("'empty'::int8range", "empty"),
        ("'192.168.0.1/24'::inet", "192.168.0.1/24"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("'happy'::mood", "happy"),
        ("'5'::positive", "5"),
        ("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
        ("'abc'::name", "abc"),
    ],
)
def test_postgres_type_that_python_lacks_comes_back_as_text(pg: rv.db.Database, literal: str, text: str) -> None:
    if "mood" in literal or "positive" in literal:
        pg.execute("DROP TYPE IF EXISTS mood").result()
        pg.execute("DROP DOMAIN IF EXISTS positive").result()
        pg.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')").result()
        pg.execute("CREATE DOMAIN positive AS text").result()
    assert pg.fetch_value(f"SELECT {literal}").result() == text


@pytest.mark.parametrize(
    "literal", ["point(1,2)", "B'101'", "'a b'::tsvector", "row(1,'a')", "'1 year 2 months'::interval", "'1'::money"]
)
def test_postgres_type_that_nobody_knows_is_no_error(pg: rv.db.Database, literal: str) -> None:
    assert isinstance(pg.fetch_value(f"SELECT {literal}").result(), str)


@pytest.mark.parametrize(
    "literal", ["'infinity'::date", "'infinity'::timestamp", "'-infinity'::timestamptz", "'0001-01-01 BC'::date"]
)
def test_postgres_moment_that_python_cannot_hold_is_text_and_no_error(pg: rv.db.Database, literal: str) -> None:
    assert pg.fetch_value(f"SELECT {literal}").result() is not None


def test_postgres_numeric_nan_is_a_decimal_nan(pg: rv.db.Database) -> None:
    assert pg.fetch_value("SELECT 'NaN'::numeric").result().is_nan()


MYSQL: list[tuple[str, Any]] = [
    ("TINYINT", -5),
    ("BIGINT UNSIGNED", 2**64 - 1),
    ("FLOAT", 0.5),
    ("DECIMAL(30, 9)", Decimal("123456789012345678901.123456789")),
    ("VARCHAR(10)", "ä"),
    ("VARBINARY(10)", b"\x00\xff"),
    ("DATE", dt.date(2024, 2, 29)),
    ("DATETIME(6)", dt.datetime(2024, 6, 1, 12, 0, 0, 123_456)),  # noqa: DTZ001 - a naive one is meant
    ("TIME(6)", dt.timedelta(hours=30, microseconds=5)),
]


@pytest.mark.parametrize(("kind", "value"), MYSQL, ids=lambda value: str(value)[:25])
def test_mysql_types_survive_a_round_trip(my: rv.db.Database, kind: str, value: Any) -> None:
    my.execute("DROP TABLE IF EXISTS one").result()
    my.execute(f"CREATE TABLE one (value {kind})").result()
    my.execute("INSERT INTO one VALUES (?)", value).result()
    assert same(my.fetch_value("SELECT value FROM one").result(), value)


@pytest.mark.parametrize("date", ["0000-00-00", "2024-00-00"])
def test_mysql_date_that_is_none_is_no_error(my: rv.db.Database, date: str) -> None:
    my.execute("DROP TABLE IF EXISTS one").result()
    my.execute("CREATE TABLE one (value DATE)").result()
    my.execute("SET sql_mode = ''").result()
    my.execute(f"INSERT IGNORE INTO one VALUES ('{date}')").result()
    found = my.fetch_value("SELECT value FROM one").result()
    assert found is None or isinstance(found, str)


SQLITE: list[Any] = [True, 1.5, math.inf, "text", b"\x00", None, -1]


@pytest.mark.parametrize("value", SQLITE, ids=str)
def test_sqlite_values_survive_a_round_trip(value: Any) -> None:
    with rv.db.connect("sqlite::memory:") as db:
        found = db.fetch_value("SELECT ?", value).result()
    assert found == value


def test_sqlite_nan_is_null_as_sqlite_has_it() -> None:
    with rv.db.connect("sqlite::memory:") as db:
        assert db.fetch_value("SELECT ?", math.nan).result() is None


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.50"),
        dt.date(2024, 2, 29),
        dt.time(12, 30),
        dt.datetime(2024, 6, 1, 12, 0, tzinfo=UTC),
        uuid.UUID(int=7),
        {"a": 1},
        [1, 2],
    ],
    ids=lambda value: type(value).__name__,
)
def test_sqlite_stores_richer_types_without_an_error(value: Any) -> None:
    with rv.db.connect("sqlite::memory:") as db:
        assert isinstance(db.fetch_value("SELECT ?", value).result(), str | bytes | float | int)


def test_arrow_has_the_types_of_the_columns(pg: rv.db.Database) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    sql = (
        "SELECT 1::bigint AS a, 0.5::float8 AS b, true AS c, 'x'::text AS d, '\\x00'::bytea AS e, "
        "'2024-02-29'::date AS f, '2024-02-29 12:00:00+00'::timestamptz AS g, NULL::integer AS h"
    )
    table = pyarrow.table(pg.fetch(sql, as_="arrow").result())
    kinds = [str(field.type) for field in table.schema]
    assert kinds[:3] == ["int64", "double", "bool"]
    assert kinds[5].startswith("date32")
    assert kinds[6].startswith("timestamp[us, tz=")
    (row,) = table.to_pylist()
    assert (row["a"], row["b"], row["c"], row["d"], row["e"], row["h"]) == (1, 0.5, True, "x", b"\x00", None)
    assert row["f"] == dt.date(2024, 2, 29)
