"""Quotas of control groups, version 1 and 2, on fake trees and on the machine's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.faults.quota import usable_cores
from tests.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = len(os.sched_getaffinity(0))


def version_2(root: Path, text: str) -> Path:
    """Make a tree of version 2 with this quota."""
    (root / "cgroup.controllers").write_text("cpu memory\n")
    (root / "cpu.max").write_text(text + "\n")
    return root


def version_1(root: Path, quota: int, period: int = 100_000, folder: str = "cpu") -> Path:
    """Make a tree of version 1 with this quota."""
    (root / folder).mkdir()
    (root / folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (root / folder / "cpu.cfs_period_us").write_text(f"{period}\n")
    return root


def test_no_quota_leaves_all_cores_of_the_affinity(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == ALL


def test_quota_of_version_2_is_obeyed(tmp_path: Path) -> None:
    assert usable_cores(version_2(tmp_path, "50000 100000")) == 1


def test_quota_of_one_and_a_half_cores_gives_one_or_two(tmp_path: Path) -> None:
    assert usable_cores(version_2(tmp_path, "150000 100000")) in (1, min(2, ALL))


def test_quota_of_max_is_none(tmp_path: Path) -> None:
    assert usable_cores(version_2(tmp_path, "max 100000")) == ALL


def test_quota_above_the_machine_gives_the_machine(tmp_path: Path) -> None:
    assert usable_cores(version_2(tmp_path, "100000000 100000")) == ALL


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_quota_of_version_1_is_obeyed(tmp_path: Path, folder: str) -> None:
    assert usable_cores(version_1(tmp_path, 50_000, folder=folder)) == 1


def test_quota_of_version_1_counts_its_period(tmp_path: Path) -> None:
    assert usable_cores(version_1(tmp_path, 10_000, period=10_000)) == 1


def test_quota_of_minus_one_is_none(tmp_path: Path) -> None:
    assert usable_cores(version_1(tmp_path, -1)) == ALL


@pytest.mark.parametrize("text", ["", "nonsense", "50000", "0 0", "-5 100000"])
def test_quota_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert 1 <= usable_cores(version_2(tmp_path, text)) <= ALL


def own_group() -> Path | None:
    """Make a real control group with a quota of 1.5 cores, where this machine lets us."""
    from pathlib import Path

    name = f"raveler-test-{os.getpid()}"
    root = Path("/sys/fs/cgroup")
    is_unified = (root / "cgroup.controllers").exists()
    group = root / name if is_unified else root / "cpu" / name
    try:
        group.mkdir()
        if is_unified:
            (group / "cpu.max").write_text("150000 100000")
        else:
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text("150000")
    except OSError:
        try:
            group.rmdir()
        except OSError:
            pass
        return None
    return group


@pytest.fixture
def group() -> Iterator[Path]:
    """Give a real control group, and remove it."""
    made = own_group()
    if made is None:
        pytest.skip("this machine lets us make no control group with a quota")
    yield made
    made.rmdir()


def test_real_quota_of_one_and_a_half_cores_works(group: Path, tmp_path: Path) -> None:
    source = """
        import os
        import raveler as rv
        with rv.Runtime() as rt:
            pids = set(rt.map(lambda _: os.getpid(), range(300), chunk=1))
            print(1 <= len(pids) <= 2)
    """

    join = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    assert run_script(source, folder=tmp_path, prefix=join, goal_s=4).check().out == "True\n"
