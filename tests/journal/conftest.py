"""The leak check, a runtime and the databases that journals are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.conftest import SERVERS, database, mariadb, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.io.databases import Database

__all__ = ["database", "mariadb", "postgres"]


@pytest.fixture(scope="session", autouse=True)
def _process_is_warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the default runtime make what it keeps: that is no leak."""
    path = tmp_path_factory.mktemp("warm") / "file"
    rv.files.write(path, b"warm").result()
    rv.options(on="thread").submit(len, "warm").then(str).result()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest, _process_is_warm: None) -> None:
    """Check every test of this folder for leaks."""
    callspec = getattr(request.node, "callspec", None)
    kind = str(callspec.params.get("database")) if callspec else ""
    if kind in SERVERS:
        request.getfixturevalue(SERVERS[kind])  # before what is there is counted
    request.getfixturevalue("no_leaks")


@pytest.fixture
def db(_clean: None, database: Database) -> Iterator[rv.db.Database]:
    """Give an open database of each kind in turn."""
    with rv.db.connect(database.url) as opened:
        yield opened


@pytest.fixture
def rt(_clean: None) -> Iterator[rv.Runtime]:
    """Give a runtime of two workers that ends with its test."""
    with rv.Runtime(workers=2, seed=7) as runtime:
        yield runtime


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a journal that is not there yet."""
    return tmp_path / "run.db"
