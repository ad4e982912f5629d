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


@pytest.fixture
def rt(_clean: None) -> Iterator[rv.Runtime]:
    """Give a runtime of two workers that ends with its test."""
    with rv.Runtime(workers=2) as runtime:
        yield runtime
