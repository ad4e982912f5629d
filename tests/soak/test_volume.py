"""Long runs over many items: memory stays where it was."""

from __future__ import annotations

import os

import pytest

import raveler as rv
from tests import census, work

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900), pytest.mark.usefixtures("no_leaks")]


def test_ten_million_items_of_a_generator_need_no_more_memory() -> None:
    with rv.Runtime(workers=2) as rt:
        rt.map(work.double, range(100_000)).for_each(abs)
        before = census.resident_bytes(os.getpid())
        total = sum(rt.map(work.double, (index for index in range(10_000_000))))
        assert total == 10_000_000 * 9_999_999
        assert census.resident_bytes(os.getpid()) - before < 32 << 20


def test_a_thousand_runtimes_leave_nothing_behind() -> None:
    for index in range(1000):
        with rv.Runtime(workers=2) as rt:
            assert rt.submit(work.double, index).result() == 2 * index


def test_a_million_submitted_tasks_leave_no_memory_behind() -> None:
    with rv.Runtime(workers=2) as rt:

        def round_of_tasks() -> None:
            tasks = [rt.submit(work.double, index) for index in range(50_000)]
            assert sum(task.result() for task in tasks) == 50_000 * 49_999

        round_of_tasks()
        before = census.resident_bytes(os.getpid())
        for _ in range(20):
            round_of_tasks()
        assert census.resident_bytes(os.getpid()) - before < 32 << 20
