"""Runs CPython's own executor tests against ``rv.Executor`` and prints one line of JSON a test.

Started by ``test_cpython_executor`` under an interpreter that ships ``test.test_concurrent_futures`` and has raveler.
"""

from __future__ import annotations

import json
import pickle
import sys
import traceback
import unittest
from typing import Any

from test import support
from test.test_concurrent_futures import (  # pyright: ignore[reportMissingImports]
    executor,
    test_as_completed,
    test_deadlock,
    test_init,
    test_process_pool,
    test_shutdown,
    test_wait,
    util,
)

import raveler as rv

MIXINS = {
    "ExecutorTest": executor.ExecutorTest,
    "ProcessPoolExecutorTest": test_process_pool.ProcessPoolExecutorTest,
    "ExecutorShutdownTest": test_shutdown.ExecutorShutdownTest,
    "ProcessPoolShutdownTest": test_shutdown.ProcessPoolShutdownTest,
    "WaitTests": test_wait.WaitTests,
    "AsCompletedTests": test_as_completed.AsCompletedTests,
    "ExecutorDeadlockTest": test_deadlock.ExecutorDeadlockTest,
    "InitializerMixin": test_init.InitializerMixin,
    "FailingInitializerMixin": test_init.FailingInitializerMixin,
}

PRIVATE = "looks at a private attribute of the standard library's own executors"
BROKEN = "wants a pool that breaks with one worker; ours goes on, which tests/faults checks"
SKIPPED = {
    "ProcessPoolExecutorTest.test_max_workers_too_large": "a limit of Windows only",
    "ProcessPoolExecutorTest.test_killed_child": BROKEN,
    "ProcessPoolExecutorTest.test_traceback": "wants the private class _RemoteTraceback as cause; ours is a note",
    "ProcessPoolExecutorTest.test_saturation": PRIVATE,
    "ProcessPoolExecutorTest.test_idle_process_reuse_one": PRIVATE,
    "ProcessPoolExecutorTest.test_idle_process_reuse_multiple": PRIVATE,
    "ProcessPoolExecutorTest.test_max_tasks_per_child": PRIVATE,
    "ProcessPoolExecutorTest.test_max_tasks_per_child_defaults_to_spawn_context": PRIVATE,
    "ProcessPoolExecutorTest.test_max_tasks_early_shutdown": "an option of one executor",
    "ProcessPoolExecutorTest.test_python_finalization_error": PRIVATE,
    "ProcessPoolShutdownTest.test_processes_terminate": PRIVATE,
    "ProcessPoolShutdownTest.test_context_manager_shutdown": "makes a ProcessPoolExecutor by name",
    "ProcessPoolShutdownTest.test_del_shutdown": "makes a ProcessPoolExecutor by name",
    "ProcessPoolShutdownTest.test_shutdown_no_wait": "makes a ProcessPoolExecutor by name",
    "ExecutorDeadlockTest.test_shutdown_deadlock_pickle": PRIVATE,
    "ExecutorDeadlockTest.test_gh105829_should_not_deadlock_if_wakeup_pipe_full": PRIVATE,
    "FailingInitializerMixin.test_initializer": PRIVATE + "; test_executor has the rule itself",
}


class Executor(rv.Executor):
    """Takes, and drops, the start method that the mixins pass: ours is always a zygote."""

    def __init__(self, max_workers: int | None = None, mp_context: object = None, **options: Any) -> None:
        """Pass on what is not about the start method."""
        del mp_context
        super().__init__(max_workers=max_workers, **options)


class RavelerMixin(util.ExecutorMixin):  # type: ignore[misc]
    """Puts ``rv.Executor`` where the mixins expect a process pool."""

    executor_type = Executor
    ctx = "spawn"


def fit() -> None:
    """Make scripts of the tests import our executor, and translate the errors of a broken pool into ours."""
    support.verbose = 0
    run = test_shutdown.assert_python_ok

    def assert_python_ok(*args: str, **environment: str) -> Any:
        replaced = [
            text.replace("from concurrent.futures import Executor", "from raveler import Executor") for text in args
        ]
        replaced = [text.replace("Executor(5, mp_context=context)", "Executor(5)") for text in replaced]
        replaced = [text.replace("multiprocessing.set_start_method('spawn')", "pass") for text in replaced]
        return run(*replaced, **environment)

    test_shutdown.assert_python_ok = assert_python_ok
    test_deadlock.BrokenProcessPool = (rv.WorkerDied, rv.NotSerializable, pickle.UnpicklingError, SystemExit)
    test_deadlock.ExecutorDeadlockTest.TIMEOUT = 20
    test_deadlock.PicklingError = (pickle.PicklingError, rv.NotSerializable)


class Recorder(unittest.TestResult):
    """Prints what became of each test."""

    def __init__(self, prefix: str) -> None:
        """Name the mixin whose tests run."""
        super().__init__()
        self._prefix = prefix

    def _say(self, test: unittest.TestCase, outcome: str, text: str = "") -> None:
        name = f"{self._prefix}.{getattr(test, '_testMethodName', str(test))}"
        print(json.dumps({"test": name, "outcome": outcome, "text": text}), flush=True)

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest names it
        """Print a success."""
        self._say(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802 - unittest names it
        """Print a skip."""
        self._say(test, "skipped", reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest names it
        """Print an error."""
        self._say(test, "failed", "".join(traceback.format_exception(*err)))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest names it
        """Print a failure."""
        self._say(test, "failed", "".join(traceback.format_exception(*err)))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802 - unittest names it
        """Print a subtest that failed."""
        if err is not None:
            self._say(test, "failed", f"{subtest}\n" + "".join(traceback.format_exception(*err)))


def main(name: str) -> None:
    """Run all tests of one mixin but those that are skipped by name."""
    fit()
    mixin = MIXINS[name]
    inherited = (
        set()
        if name in ("ExecutorTest", "ExecutorShutdownTest")
        else set(dir(executor.ExecutorTest)) | set(dir(test_shutdown.ExecutorShutdownTest))
    )
    case = type(name, (mixin, RavelerMixin, util.BaseTestCase), {"__module__": __name__})
    suite = unittest.TestSuite()
    recorder = Recorder(name)
    for test in unittest.defaultTestLoader.getTestCaseNames(case):
        reason = SKIPPED.get(f"{name}.{test}")
        if reason:
            print(json.dumps({"test": f"{name}.{test}", "outcome": "skipped by name", "text": reason}), flush=True)
        elif test not in inherited:
            suite.addTest(case(test))
    suite.run(recorder)


if __name__ == "__main__":
    if sys.argv[1] == "--names":
        print(json.dumps(sorted(MIXINS)))
    else:
        main(sys.argv[1])
