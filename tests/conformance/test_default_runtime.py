"""Rules of the default runtime and of the import, each in a fresh interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("rv.submit(abs, -1).result()", "1"),
        ("rv.map(abs, [-1, -2]).list()", "[1, 2]"),
        ("rv.starmap(pow, [(2, 3)]).list()", "[8]"),
        ("sorted(rv.imap_unordered(abs, [-1, -2]))", "[1, 2]"),
        ("rv.reduce(max, [3, 5, 4]).result()", "5"),
        ("rv.submit(sum, rv.share([1, 2])).result()", "3"),
        ("rv.options(retries=1).submit(abs, -1).result()", "1"),
    ],
)
def test_verb_works_on_the_default_runtime(tmp_path: Path, expression: str, printed: str) -> None:
    assert run_script(f"import raveler as rv\nprint({expression})\n", folder=tmp_path).check().out == printed + "\n"


def test_scope_works_on_the_default_runtime(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        with rv.scope() as scope:
            task = scope.spawn(abs, -1)
        print(task.done(), task.result())
    """
    assert run_script(source, folder=tmp_path).check().out == "True 1\n"


def test_default_runtime_is_one_and_the_same(tmp_path: Path) -> None:
    source = """
        import os
        import raveler as rv
        first = set(rv.map(lambda _: os.getpid(), range(50), chunk=1))
        for _ in range(5):
            first |= set(rv.map(lambda _: os.getpid(), range(50), chunk=1))
        print(len(first) <= len(os.sched_getaffinity(0)))
    """
    assert run_script(source, folder=tmp_path).check().out == "True\n"


def test_default_runtime_is_closed_at_exit_and_finishes_what_was_submitted(tmp_path: Path) -> None:
    source = """
        import pathlib, sys
        import raveler as rv
        rv.submit(pathlib.Path(sys.argv[1]).write_text, "done")
    """
    run_script(source, str(tmp_path / "proof"), folder=tmp_path).check()
    assert (tmp_path / "proof").read_text() == "done"


def test_import_starts_nothing(tmp_path: Path) -> None:
    source = """
        import os, threading
        descriptors = len(os.listdir("/proc/self/fd"))
        import raveler
        tasks = len(os.listdir("/proc/self/task"))
        children = open("/proc/self/task/%d/children" % os.getpid()).read()
        print(tasks, threading.active_count(), len(os.listdir("/proc/self/fd")) - descriptors, repr(children))
    """
    assert run_script(source, folder=tmp_path).check().out == "1 1 0 ''\n"


def test_import_does_not_pull_in_what_is_slow_to_import(tmp_path: Path) -> None:
    source = """
        import sys
        before = set(sys.modules)
        import raveler
        slow = {"asyncio", "concurrent.futures", "typing", "dataclasses", "inspect", "logging", "cloudpickle", "numpy",
                "multiprocessing", "trio", "ray", "distributed", "joblib", "tqdm", "subprocess"}
        print(sorted(slow & (set(sys.modules) - before)))
    """
    assert run_script(source, folder=tmp_path, env={"PYTHONPATH": ""}).check().out == "[]\n"


def test_every_name_of_the_contract_can_be_reached(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        names = '''Runtime Task Results Shared Rate Executor task submit map starmap imap_unordered reduce share scope
            options gather wait as_completed race rng RavelerError TaskTimeout TaskCancelled WorkerDied NotSerializable
            EngineUnavailable'''.split()
        print([name for name in names if not hasattr(rv, name)], [name for name in names if name not in dir(rv)])
    """
    assert run_script(source, folder=tmp_path).check().out == "[] []\n"


def test_unknown_name_is_an_attribute_error(tmp_path: Path) -> None:
    source = """
        import raveler as rv
        try:
            rv.no_such_name
        except AttributeError as error:
            print("no_such_name" in str(error))
    """
    assert run_script(source, folder=tmp_path).check().out == "True\n"
