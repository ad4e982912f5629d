"""A minute without work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deadline import eventually, let_pass
from tests.faults.test_idle import SOURCE, is_quiet, switches
from tests.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.soak, pytest.mark.timeout(180)]


def test_runtime_that_is_idle_for_a_minute_uses_no_processor_at_all(tmp_path: Path) -> None:
    with running(SOURCE, folder=tmp_path) as script:
        script.expect("ready")
        eventually(lambda: is_quiet(script.mark), goal_s=1.5, what="six quiet seconds")
        before = switches(script.mark)
        let_pass(60)
        assert switches(script.mark) == before
