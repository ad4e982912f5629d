"""The servers of the I/O tests, for what a flow writes to; and the leak check around each test that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.conftest import SERVERS, azure, database, google, mariadb, postgres, s3

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["azure", "database", "google", "mariadb", "postgres", "s3"]


@pytest.fixture(scope="session")
def _sinks_are_warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the default runtime and the I/O runtime make what they keep: that is no leak."""
    folder: Path = tmp_path_factory.mktemp("warm")
    with rv.db.connect(f"sqlite:///{folder / 'warm.db'}") as db:
        db.fetch_value("SELECT 1").result()
    rv.files.write(folder / "file", b"warm").result()
    rv.options(on="thread").submit(len, "warm").result()


@pytest.fixture
def _clean(request: pytest.FixtureRequest, _sinks_are_warm: None) -> None:
    """Check a test for processes, descriptors and shared memory that it left."""
    callspec = getattr(request.node, "callspec", None)
    kind = str(callspec.params.get("database")) if callspec else ""
    if kind in SERVERS:
        request.getfixturevalue(SERVERS[kind])  # before what is there is counted
    request.getfixturevalue("no_leaks")
