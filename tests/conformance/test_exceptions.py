"""Rules of errors: a user's own comes back as it is, ours say what happened."""

from __future__ import annotations

import concurrent.futures
import pickle
import traceback

import pytest

import raveler as rv
from tests import work

OURS = [
    (rv.TaskTimeout, TimeoutError),
    (rv.TaskCancelled, concurrent.futures.CancelledError),
    (rv.WorkerDied, rv.RavelerError),
    (rv.NotSerializable, TypeError),
    (rv.EngineUnavailable, ImportError),
]


@pytest.mark.parametrize(("ours", "builtin"), OURS, ids=lambda cls: cls.__name__)
def test_our_errors_fit_a_builtin(ours: type[BaseException], builtin: type[BaseException]) -> None:
    assert issubclass(ours, rv.RavelerError)
    assert issubclass(ours, builtin)


def test_base_of_our_errors_is_an_ordinary_exception() -> None:
    assert issubclass(rv.RavelerError, Exception)


def test_users_error_comes_back_as_it_is(rt: rv.Runtime) -> None:
    error = rt.submit(work.refuse, 7).exception()
    assert type(error) is work.Refused
    assert error.args == ("outer", 7)
    assert error.code == 7


def test_chain_is_kept(rt: rv.Runtime) -> None:
    error = rt.submit(work.refuse, 7).exception()
    assert error is not None
    assert isinstance(error.__cause__, KeyError)
    assert error.__cause__.args == ("inner",)


def test_context_is_kept(rt: rv.Runtime) -> None:
    def fail_while_handling() -> None:
        try:
            work.fail(1)
        except ValueError:
            work.fail(2)

    error = rt.submit(fail_while_handling).exception()
    assert error is not None
    assert str(error.__context__) == "refused 1"


def test_suppressed_context_stays_suppressed(rt: rv.Runtime) -> None:
    def fail_from_none() -> None:
        try:
            work.fail(1)
        except ValueError:
            raise KeyError("bare") from None

    error = rt.submit(fail_from_none).exception()
    assert error is not None
    assert error.__suppress_context__
    assert error.__cause__ is None


def test_notes_of_the_user_are_kept(rt: rv.Runtime) -> None:
    def fail_with_note() -> None:
        error = ValueError("noted")
        error.add_note("my note")
        raise error

    error = rt.submit(fail_with_note).exception()
    assert error is not None
    assert "my note" in error.__notes__


@pytest.mark.needs("processes")
def test_workers_traceback_is_a_note(rt: rv.Runtime) -> None:
    error = rt.submit(work.fail, 3).exception()
    assert error is not None
    (note,) = [text for text in error.__notes__ if "work.py" in text]
    assert "in fail" in note
    assert note in "".join(traceback.format_exception(error))


def test_error_of_a_thread_task_has_its_own_traceback(rt: rv.Runtime) -> None:
    error = rt.options(on="thread").submit(work.fail, 3).exception()
    assert "in fail" in "".join(traceback.format_exception(error))


def test_error_defined_in_a_function_comes_back_as_itself(rt: rv.Runtime) -> None:
    class Local(Exception):
        pass

    def fail() -> None:
        raise Local(1)

    with pytest.raises(Local):
        rt.submit(fail).result()


def test_exception_group_comes_back_whole(rt: rv.Runtime) -> None:
    def fail() -> None:
        raise ExceptionGroup("several", [ValueError(1), KeyError(2)])

    error = rt.submit(fail).exception()
    assert isinstance(error, ExceptionGroup)
    assert [type(inner) for inner in error.exceptions] == [ValueError, KeyError]


def test_keyboard_interrupt_raised_by_a_task_is_the_error_of_that_task(rt: rv.Runtime) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    error = rt.submit(fail).exception()
    assert isinstance(error, KeyboardInterrupt)
    assert rt.submit(work.double, 1).result() == 2


def test_stop_iteration_raised_by_a_task_does_not_end_a_map_silently(rt: rv.Runtime) -> None:
    def fail(value: int) -> int:
        if value == 2:
            raise StopIteration
        return value

    with pytest.raises((StopIteration, RuntimeError)):
        rt.map(fail, range(5)).list()
    results = rt.map(fail, range(5), errors="return").list()
    assert len(results) == 5


class Fussy(Exception):
    """An error that cannot be rebuilt from its args."""

    def __init__(self, left: int, right: int) -> None:
        """Take two arguments and pass on one."""
        super().__init__(f"{left} and {right}")


def test_error_that_cannot_be_rebuilt_still_tells_its_text(rt: rv.Runtime) -> None:
    def fail() -> None:
        raise Fussy(1, 2)

    error = rt.submit(fail).exception()
    assert error is not None
    assert "1 and 2" in "".join(traceback.format_exception(error))
    assert "Fussy" in "".join(traceback.format_exception(error))
    assert rt.submit(work.double, 1).result() == 2


@pytest.mark.needs("kill")
def test_worker_died_names_the_task_and_the_cause(rt: rv.Runtime) -> None:
    with pytest.raises(rv.WorkerDied, match="exit_hard") as caught:
        rt.submit(work.exit_hard, 17).result()
    assert "17" in str(caught.value)


@pytest.mark.needs("kill")
def test_our_errors_can_be_pickled(rt: rv.Runtime) -> None:
    died = rt.submit(work.exit_hard, 17).exception()
    late = rt.options(timeout=0.1).submit(work.hang_in_python).exception()
    odd = rt.submit(lambda: (item for item in "")).exception()
    for error in (died, late, odd):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
