"""The exceptions: their builtin faces, their pickles and the words of a death."""

from __future__ import annotations

import concurrent.futures
import pickle

import pytest

from raveler import exceptions


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_exception_is_a_raveler_error(name: str) -> None:
    assert issubclass(getattr(exceptions, name), exceptions.RavelerError)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        (exceptions.TaskTimeout, TimeoutError),
        (exceptions.NotSerializable, TypeError),
        (exceptions.EngineUnavailable, ImportError),
        (exceptions.OrderDependent, AssertionError),
        (exceptions.RuntimeClosed, RuntimeError),
    ],
)
def test_an_exception_is_also_the_builtin_that_fits(ours: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(ours, builtin)


def test_task_cancelled_is_one_class_and_a_cancelled_error_of_concurrent_futures() -> None:
    assert exceptions.TaskCancelled is exceptions.TaskCancelled
    assert issubclass(exceptions.TaskCancelled, concurrent.futures.CancelledError)
    assert type(pickle.loads(pickle.dumps(exceptions.TaskCancelled("x")))) is exceptions.TaskCancelled


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = exceptions.Nothing  # type: ignore[attr-defined]


def test_a_death_is_told_in_words_and_keeps_its_facts_in_a_pickle() -> None:
    death = exceptions.WorkerDied.describe(
        task="f", pid=7, signal=9, peak_rss=3 * 2**20, arguments="1, 2", stack="File x", log=("last",)
    )
    for part in ("worker 7", "task f(1, 2)", "signal 9 (SIGKILL)", "3 MiB", "File x", "  last"):
        assert part in str(death)
    again = pickle.loads(pickle.dumps(death))
    assert (again.signal, again.peak_rss, again.log, str(again)) == (9, 3 * 2**20, ("last",), str(death))


def test_a_death_of_which_nothing_is_known_is_told_too() -> None:
    assert "no cause is known" in str(exceptions.WorkerDied.describe())
    assert "code 3" in str(exceptions.WorkerDied.describe(exit_code=3))
    assert "signal 250 (unknown)" in str(exceptions.WorkerDied.describe(signal=250))
