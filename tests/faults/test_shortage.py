"""Too many workers, too few descriptors, no room in /dev/shm, nowhere to write: it works, or says so at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work
from tests.faults.mounts import private_mounts
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gate import Gatekeeper

WORK = """
    import raveler as rv
    with rv.Runtime(workers=2) as rt:
        data = b"x" * 3_000_000
        tasks = [rt.submit(pow, index, 2) for index in range(3000)]
        assert [task.result() for task in tasks] == [index ** 2 for index in range(3000)]
        assert rt.map(len, [data] * 20).list() == [3_000_000] * 20
        assert rt.submit(len, rt.share(data)).result() == 3_000_000
    print("works")
"""

FEW = ["prlimit", "--nofile=256:256"]


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
def test_any_number_of_workers_works(workers: int) -> None:
    with rv.Runtime(workers=workers) as rt:
        assert rt.map(work.double, range(3000), chunk=1).list() == [2 * index for index in range(3000)]


def test_sixty_four_workers_run_at_the_same_time(keeper: Gatekeeper) -> None:
    with rv.Runtime(workers=64) as rt:
        tasks = [rt.submit(work.pass_gate, keeper.gate, index) for index in range(64)]
        keeper.wait_for(64)
        keeper.release(64)
        assert [task.result() for task in tasks] == list(range(64))


def test_one_mebibyte_of_dev_shm_is_enough(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"'
    prefix = [*private_mounts(), "sh", "-c", mount, "sh"]
    assert run_script(WORK, folder=tmp_path, prefix=prefix).check().out == "works\n"


def test_nothing_is_ever_named_in_dev_shm(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m none /dev/shm && "$@" && ls -A /dev/shm'
    source = WORK.replace("    print(", "        import os\n        print(os.listdir('/dev/shm'))\n    print(")
    ended = run_script(source, folder=tmp_path, prefix=[*private_mounts(), "sh", "-c", mount, "sh"])
    assert ended.check().out == "[]\nworks\n"


def test_no_dev_shm_is_needed(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=4k,ro none /dev/shm && exec "$@"'
    prefix = [*private_mounts(), "sh", "-c", mount, "sh"]
    assert run_script(WORK, folder=tmp_path, prefix=prefix).check().out == "works\n"


def test_read_only_home_and_working_directory_are_enough(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    mount = f'mount --bind {bare} {bare} && mount -o remount,bind,ro {bare} && cd {bare} && exec "$@"'
    prefix = [*private_mounts(), "sh", "-c", mount, "sh"]
    env = {"HOME": str(bare), "TMPDIR": str(bare), "XDG_CACHE_HOME": str(bare)}
    assert run_script(WORK, folder=tmp_path, prefix=prefix, env=env).check().out == "works\n"


def test_256_descriptors_are_enough(tmp_path: Path) -> None:
    assert run_script(WORK, folder=tmp_path, prefix=FEW).check().out == "works\n"


def test_256_descriptors_are_enough_for_64_workers_or_it_says_so_at_once(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        try:
            with rv.Runtime(workers=64) as rt:
                assert rt.map(abs, range(1000), chunk=1).list() == list(range(1000))
            print("works")
        except (OSError, rv.RavelerError) as error:
            print("refused" if "descriptor" in str(error) or "open files" in str(error) else repr(error))
    """

    assert run_script(source, folder=tmp_path, prefix=FEW, goal_s=4).check().out in ("works\n", "refused\n")


def test_too_few_descriptors_to_start_are_a_clear_error_and_no_hang(tmp_path: Path) -> None:
    source = """
        import resource
        import raveler as rv
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
        try:
            with rv.Runtime(workers=64) as rt:
                print(rt.submit(abs, -1).result())
        except (OSError, rv.RavelerError) as error:
            print(len(str(error)) > 10)
    """
    assert run_script(source, folder=tmp_path).check().out in ("True\n", "1\n")


def test_closed_standard_streams_are_no_problem(tmp_path: Path) -> None:
    source = """
        import os, sys
        os.close(0)
        os.close(2)
        import raveler as rv
        with rv.Runtime(workers=2) as rt:
            print(rt.map(abs, range(5)).list())
    """
    ended = run_script(source, folder=tmp_path)
    assert (ended.code, ended.out, ended.left_behind) == (0, "[0, 1, 2, 3, 4]\n", {})


def test_working_directory_that_is_gone_is_no_problem(tmp_path: Path) -> None:
    source = """
        import os, sys, tempfile
        import raveler as rv
        gone = tempfile.mkdtemp()
        os.chdir(gone)
        os.rmdir(gone)
        with rv.Runtime(workers=1) as rt:
            print(rt.submit(abs, -1).result())
    """
    assert run_script(source, folder=tmp_path).check().out == "1\n"
