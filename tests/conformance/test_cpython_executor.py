"""CPython's own executor tests, run on ``rv.Executor`` by an interpreter that ships them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import ROOT

SUITE = "tests.conformance.cpython_suite"
MIXINS = [
    "ExecutorTest",
    "ProcessPoolExecutorTest",
    "ExecutorShutdownTest",
    "ProcessPoolShutdownTest",
    "WaitTests",
    "AsCompletedTests",
    "ExecutorDeadlockTest",
    "InitializerMixin",
    "FailingInitializerMixin",
]


def python_with_tests() -> str:
    """Return the interpreter of ``RAVELER_PY313``, or skip with the reason why it cannot serve."""
    home = os.environ.get("RAVELER_PY313")
    if not home:
        pytest.skip("RAVELER_PY313 names no environment of Python 3.13 with raveler")
    python = Path(home, "bin", "python")
    if not python.exists():
        pytest.skip(f"RAVELER_PY313 has no interpreter at {python}")
    probe = "import raveler, test.test_concurrent_futures.executor"
    done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{python} can't run the tests: {done.stderr.strip().splitlines()[-1]}")
    return str(python)


def outcomes(python: str, mixin: str) -> list[dict[str, str]]:
    """Run one mixin and return what became of each of its tests."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-m", SUITE, mixin],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"test"')]
    assert done.returncode == 0, done.stderr + done.stdout
    return lines


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mixin", MIXINS)
def test_cpython_tests_pass_or_are_skipped_by_name(mixin: str, record_property: Any) -> None:
    lines = outcomes(python_with_tests(), mixin)
    failed = [line["test"] + "\n" + line["text"] for line in lines if line["outcome"] == "failed"]
    unnamed = [line["test"] + ": " + line["text"] for line in lines if line["outcome"] == "skipped"]
    for line in lines:
        if line["outcome"] == "skipped by name":
            record_property(line["test"], line["text"])
    assert lines
    assert not failed, "\n\n".join(failed)
    assert not unnamed, unnamed


def test_every_mixin_of_the_suite_is_run() -> None:
    done = subprocess.run(
        [python_with_tests(), "-m", SUITE, "--names"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == sorted(MIXINS)
