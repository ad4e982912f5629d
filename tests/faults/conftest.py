"""The leak check and the runtimes that faults are made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _clean(no_leaks: None) -> None:
    """Check every test of this folder for leaks."""


@pytest.fixture(scope="session")
def io_is_warm() -> None:
    """Let the I/O runtime make what it keeps for the rest of the process: that is no leak."""
    with rv.Runtime(workers=1) as runtime:
        rv.files.read(__file__, runtime=runtime).result()


@pytest.fixture
def rt(_clean: None) -> Iterator[rv.Runtime]:
    """Give a runtime of two workers that ends with its test."""
    with rv.Runtime(workers=2) as runtime:
        yield runtime
