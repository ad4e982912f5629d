"""The servers of this folder, started when a test first wants one, and the leak check around each test."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest

import raveler as rv
from tests.conformance.loops import ASYNCIO_LOOPS, LOOPS
from tests.io import certificates as issue
from tests.io import servers
from tests.io.databases import Database, Sqlite
from tests.io.odd import Odd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path
    from typing import Any, TypeAlias

    from tests.io.certificates import Certificates

    RunLoop: TypeAlias = Callable[[Callable[[], Awaitable[Any]]], Any]


T = TypeVar("T")

SERVERS = {"postgresql": "postgres", "mysql": "mariadb"}
"""The fixture of the server behind each kind of database that has one."""


def started(start: Callable[[], T]) -> T:
    """Start a server; where it is missing, skip the test, but fail in continuous integration, which installs all."""
    try:
        return start()
    except servers.NotInstalled as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@dataclass(frozen=True)
class Store:
    """A bucket of some object store, and what a transfer needs to get there."""

    root: str
    options: dict[str, str]

    def url(self, name: str) -> str:
        """Return the address of an object."""
        return f"{self.root}/{name}"


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of this folder."""
    config.addinivalue_line(
        "markers", "keeps_connections: the calls of the module keep theirs, so no leak is looked for"
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give certificates that were made for this run."""
    return issue.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Odd]:
    """Give the odd server."""
    server = Odd(tmp_path_factory.mktemp("odd"), certificates)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[servers.Nginx]:
    """Give an nginx."""
    server = started(lambda: servers.Nginx(tmp_path_factory.mktemp("nginx") / "home", certificates))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """Give a PostgreSQL."""
    server = started(servers.Postgres)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.MariaDb]:
    """Give a MariaDB."""
    server = started(servers.MariaDb)
    yield server
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def _io_is_warm(odd: Odd, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the default runtime and the I/O runtime make what they keep: that is no leak."""

    async def nothing() -> None:
        pass

    for run in LOOPS.values():
        try:
            run(nothing)
        except pytest.skip.Exception:
            continue
    with rv.http.Client() as client:
        client.get(odd.url("/bytes/1")).result()
    path = tmp_path_factory.mktemp("warm") / "file"
    rv.files.write(path, b"warm").result()
    rv.options(on="thread").submit(len, "warm").then(str).result()
    rv.submit(nothing).result()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest, _io_is_warm: None) -> None:
    """Check every test of this folder for leaks."""
    callspec = getattr(request.node, "callspec", None)
    kind = str(callspec.params.get("database")) if callspec else ""
    if kind in SERVERS:
        request.getfixturevalue(SERVERS[kind])  # before what is there is counted
    if not request.node.get_closest_marker("keeps_connections"):
        request.getfixturevalue("no_leaks")


@pytest.fixture
def client(_clean: None) -> Iterator[rv.http.Client]:
    """Give an HTTP client whose options are all at their default."""
    with rv.http.Client() as opened:
        yield opened


@pytest.fixture(params=LOOPS)
def run_loop(request: pytest.FixtureRequest) -> RunLoop:
    """Give each event loop in turn."""
    return LOOPS[request.param]


@pytest.fixture(params=ASYNCIO_LOOPS)
def run_asyncio_loop(request: pytest.FixtureRequest) -> RunLoop:
    """Give each loop of asyncio in turn."""
    return LOOPS[request.param]


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give each kind of database in turn, with an empty namespace for the test."""
    if request.param == "sqlite":
        yield Sqlite(tmp_path / "test.db")
        return
    if request.param == "postgresql":
        from tests.io.databases import PostgresSchema

        schema = PostgresSchema(request.getfixturevalue("postgres"))
        yield schema
        schema.drop()
        return
    from tests.io.databases import MariaSchema

    catalogue = MariaSchema(request.getfixturevalue("mariadb"))
    yield catalogue
    catalogue.drop()


@pytest.fixture
def db(_clean: None, database: Database) -> Iterator[rv.db.Database]:
    """Give an open database of each kind in turn."""
    with rv.db.connect(database.url) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a bucket of an S3 server."""
    process, port = started(lambda: servers.s3(tmp_path_factory.mktemp("s3")))
    endpoint = f"http://127.0.0.1:{port}"
    servers.put(f"{endpoint}/bucket")
    keys = {"aws_access_key_id": "ada", "aws_secret_access_key": "secret", "aws_region": "us-east-1"}
    yield Store("s3://bucket", keys | {"aws_endpoint": endpoint, "aws_allow_http": "true"})
    process.stop()


@pytest.fixture(scope="session")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a bucket of a Google Cloud Storage server."""
    process, port = started(lambda: servers.google(tmp_path_factory.mktemp("google")))
    endpoint = f"http://127.0.0.1:{port}"
    servers.post(f"{endpoint}/storage/v1/b", b'{"name": "bucket"}')
    account = {
        "gcs_base_url": endpoint,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    yield Store("gs://bucket", {"google_service_account_key": json.dumps(account)})
    process.stop()


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a container of an Azure blob server."""
    process, port = started(lambda: servers.azurite(tmp_path_factory.mktemp("azure")))
    account, key = servers.AZURE_ACCOUNT
    endpoint = f"http://127.0.0.1:{port}/{account}"
    servers.make_container(endpoint, account, key, "bucket")
    names = {"azure_storage_account_name": account, "azure_storage_account_key": key}
    yield Store("az://bucket", names | {"azure_storage_endpoint": endpoint, "azure_allow_http": "true"})
    process.stop()
