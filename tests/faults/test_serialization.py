"""Arguments, results and errors that can't travel: an error for their task, naming the path; the pool goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from collections.abc import Iterator


class Config:
    """An object with a field that can't be pickled."""

    def __init__(self) -> None:
        """Nest a lock two levels down."""
        self.name = "config"
        self.storage = {"guard": [threading.Lock()]}


class BrokenPickle:
    """An object that fails while it is pickled."""

    def __reduce__(self) -> Any:
        raise RuntimeError("pickle broke")


class BrokenUnpickle:
    """An object that is pickled well and fails on the other side."""

    def __reduce__(self) -> Any:
        return work.fail, ("unpickle",)


class ExitUnpickle:
    """An object that ends the process that unpickles it."""

    def __reduce__(self) -> Any:
        return work.exit_hard, (9,)


class Held(Exception):
    """An error that holds a lock."""

    def __init__(self) -> None:
        """Hold a lock."""
        super().__init__("held")
        self.lock = threading.Lock()


def make_lock() -> Any:
    """Return what can't be pickled."""
    return {"inner": [1, threading.Lock()]}


def raise_held() -> None:
    """Raise an error that can't be pickled."""
    raise Held


def pass_all(rt: rv.Runtime) -> None:
    """Check that the pool goes on."""
    assert rt.map(work.double, range(50), chunk=5).list() == [2 * index for index in range(50)]


@pytest.fixture(autouse=True)
def _goes_on(rt: rv.Runtime) -> Iterator[None]:
    """Check after each test that the pool still works."""
    yield
    pass_all(rt)


def outcome(rt: rv.Runtime, function: Any, *args: Any) -> BaseException:
    """Return the error of a task, whether it came at the call or with the result."""
    try:
        rt.submit(function, *args).result()
    except Exception as error:  # noqa: BLE001 - any error is the answer
        return error
    raise AssertionError("the task did not fail")


def test_argument_that_cannot_be_pickled_is_named_by_its_path(rt: rv.Runtime) -> None:
    error = outcome(rt, work.identity, Config())
    assert isinstance(error, rv.NotSerializable)
    assert isinstance(error, TypeError)
    for part in ("storage", "guard", "lock"):
        assert part in str(error)


def test_keyword_that_cannot_be_pickled_is_named(rt: rv.Runtime) -> None:
    with pytest.raises(rv.NotSerializable, match=r"(?s)handle.*lock"):
        rt.submit(work.everything, handle=threading.Lock()).result()


def test_closure_that_cannot_be_pickled_is_named(rt: rv.Runtime) -> None:
    guard_of_closure = threading.Lock()
    with pytest.raises(rv.NotSerializable, match="guard_of_closure"):
        rt.submit(lambda: (guard_of_closure, 1)).result()


def test_generator_cannot_be_an_argument(rt: rv.Runtime) -> None:
    assert isinstance(outcome(rt, work.identity, (index for index in range(3))), rv.NotSerializable)


def test_result_that_cannot_be_pickled_is_named_by_its_path(rt: rv.Runtime) -> None:
    error = outcome(rt, make_lock)
    assert isinstance(error, rv.NotSerializable)
    for part in ("inner", "lock"):
        assert part in str(error)


def test_error_that_cannot_be_pickled_still_tells_its_class_and_text(rt: rv.Runtime) -> None:
    error = outcome(rt, raise_held)
    text = str(error) + "".join(getattr(error, "__notes__", []))
    assert "Held" in text
    assert "held" in text


def test_argument_whose_pickling_fails_keeps_its_own_error(rt: rv.Runtime) -> None:
    error = outcome(rt, work.identity, [BrokenPickle()])
    assert "pickle broke" in str(error) + str(error.__cause__)


def test_result_whose_pickling_fails_keeps_its_own_error(rt: rv.Runtime) -> None:
    error = outcome(rt, BrokenPickle)
    assert "pickle broke" in str(error) + str(error.__cause__) + "".join(getattr(error, "__notes__", []))


def test_argument_that_fails_to_unpickle_fails_its_task(rt: rv.Runtime) -> None:
    error = outcome(rt, work.identity, [BrokenUnpickle()])
    assert "refused unpickle" in str(error) + str(error.__cause__) + "".join(getattr(error, "__notes__", []))


def test_result_that_fails_to_unpickle_fails_its_task(rt: rv.Runtime) -> None:
    error = outcome(rt, BrokenUnpickle)
    assert "refused unpickle" in str(error) + str(error.__cause__) + "".join(getattr(error, "__notes__", []))


def test_argument_that_ends_the_worker_fails_its_task(rt: rv.Runtime) -> None:
    assert isinstance(outcome(rt, work.identity, [ExitUnpickle()]), rv.WorkerDied)


def test_bad_item_in_a_chunk_fails_alone(rt: rv.Runtime) -> None:
    items = [1, BrokenUnpickle(), 3, BrokenPickle(), 5, threading.Lock(), 7]
    results = rt.map(work.identity, items, chunk=7, errors="return").list()
    assert results[::2] == [1, 3, 5, 7]
    assert all(isinstance(error, Exception) for error in results[1::2])


def test_bad_result_in_a_chunk_fails_alone(rt: rv.Runtime) -> None:
    def make(index: int) -> Any:
        return threading.Lock() if index == 2 else index

    results = rt.map(make, range(5), chunk=5, errors="return").list()
    assert isinstance(results[2], rv.NotSerializable)
    assert results[:2] + results[3:] == [0, 1, 3, 4]


def test_argument_nested_too_deep_to_pickle_is_an_error(rt: rv.Runtime) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    error = outcome(rt, len, deep)
    assert isinstance(error, (rv.NotSerializable, RecursionError))
    while deep:
        deep = deep.pop()


def test_module_that_the_worker_cannot_import_is_named(rt: rv.Runtime) -> None:
    import sys
    import types

    module = types.ModuleType("only_in_the_parent")
    exec("class Thing:\n    pass\n", module.__dict__)  # noqa: S102 - a namespace of its own
    sys.modules["only_in_the_parent"] = module
    try:
        task = rt.submit(work.identity, module.__dict__["Thing"]())
        error = task.exception()
    finally:
        del sys.modules["only_in_the_parent"]
    assert error is None or "only_in_the_parent" in str(error)
