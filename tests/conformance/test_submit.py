"""Rules of ``submit``: arguments, values, and what kinds of callables it takes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    -(2**200),
    0.0,
    -0.0,
    1e-320,
    float("inf"),
    "",
    "ascii",
    "ünïcode 🧵",
    "\udc80 lone surrogate",
    "x" * 100_000,
    b"",
    b"\x00\xff",
    b"y" * 300_000,
    (),
    (1, "a", b"b", None, (2.5, True)),
    [1, [2, [3]]],
    {"a": 1, 2: (3,)},
    {1, 2, 3},
    frozenset({"a"}),
    bytearray(b"abc"),
    3 + 4j,
    range(5),
    slice(1, 2),
    ...,
    NotImplemented,
    int,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20].encode("ascii", "replace").decode())
def test_value_comes_back_equal_and_of_its_own_type(rt: rv.Runtime, value: Any) -> None:
    result = rt.submit(work.identity, value).result()
    assert type(result) is type(value)
    assert result == value
    assert repr(result) == repr(value)


def test_nan_keeps_its_payload(rt: rv.Runtime) -> None:
    import struct

    (nan,) = struct.unpack("<d", b"\x01\x02\x03\x04\x05\x06\xf8\x7f")
    assert struct.pack("<d", rt.submit(work.identity, nan).result()) == struct.pack("<d", nan)


def test_bool_inside_a_tuple_stays_a_bool(rt: rv.Runtime) -> None:
    assert [type(item) for item in rt.submit(work.identity, (True, 1, 1.0)).result()] == [bool, int, float]


def test_member_of_an_int_enum_stays_that_member(rt: rv.Runtime) -> None:
    import signal

    assert rt.submit(work.identity, signal.SIGINT).result() is signal.SIGINT


def test_one_object_in_two_arguments_stays_one_object(rt: rv.Runtime) -> None:
    item = [1]
    assert rt.submit(lambda left, right: left is right, item, item).result() is True


def test_every_keyword_reaches_the_function(rt: rv.Runtime) -> None:
    task = rt.submit(work.everything, 1, timeout=2, retries=3, on="x", key="k", fn="f", self="s", limit="l")
    assert task.result() == (
        (1,),
        {"timeout": 2, "retries": 3, "on": "x", "key": "k", "fn": "f", "self": "s", "limit": "l"},
    )


def test_submit_returns_a_task(rt: rv.Runtime) -> None:
    task = rt.submit(work.identity, 1)
    assert isinstance(task, rv.Task)
    assert task.result() == 1


def test_a_thousand_tasks_each_give_their_own_value(rt: rv.Runtime) -> None:
    tasks = [rt.submit(work.double, index) for index in range(1000)]
    assert [task.result() for task in tasks] == [2 * index for index in range(1000)]


def test_tasks_submitted_from_several_threads_each_give_their_own_value(rt: rv.Runtime) -> None:
    import threading

    values: dict[int, list[int]] = {}

    def submit(base: int) -> None:
        tasks = [rt.submit(work.double, base + index) for index in range(50)]
        values[base] = [task.result() for task in tasks]

    threads = [threading.Thread(target=submit, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {base: [2 * (base + index) for index in range(50)] for base in (0, 1000, 2000, 3000)}


def test_lambda_runs(rt: rv.Runtime) -> None:
    assert rt.submit(lambda value: value + 1, 1).result() == 2


def test_closure_keeps_what_it_closed_over(rt: rv.Runtime) -> None:
    offset = 10

    def shifted(value: int) -> int:
        return value + offset

    assert rt.submit(shifted, 1).result() == 11


def test_closure_is_taken_as_it_is_at_each_submit(rt: rv.Runtime) -> None:
    offset = 1

    def shifted() -> int:
        return offset

    first = rt.submit(shifted)
    assert first.result() == 1
    offset = 2
    assert rt.submit(shifted).result() == 2


def test_recursive_closure_runs(rt: rv.Runtime) -> None:
    def factorial(number: int) -> int:
        return 1 if number < 2 else number * factorial(number - 1)

    assert rt.submit(factorial, 20).result() == 2432902008176640000


def test_partial_runs(rt: rv.Runtime) -> None:
    assert rt.submit(functools.partial(work.add, "a"), "b").result() == "ab"


def test_bound_method_runs(rt: rv.Runtime) -> None:
    assert rt.submit("a,b".split, ",").result() == ["a", "b"]


class Scale:
    """A callable object with state."""

    def __init__(self, factor: int) -> None:
        """Keep the factor."""
        self.factor = factor

    def __call__(self, value: int) -> int:
        """Scale."""
        return self.factor * value

    def method(self, value: int) -> int:
        """Scale by name."""
        return self.factor * value

    @classmethod
    def named(cls) -> str:
        """Return the name of the class."""
        return cls.__name__

    @staticmethod
    def fixed() -> int:
        """Return a constant."""
        return 5


def test_callable_object_and_its_methods_run(rt: rv.Runtime) -> None:
    scale = Scale(3)
    tasks = [rt.submit(scale, 2), rt.submit(scale.method, 3), rt.submit(Scale.named), rt.submit(Scale.fixed)]
    assert [task.result() for task in tasks] == [6, 9, "Scale", 5]


def test_builtin_and_class_run(rt: rv.Runtime) -> None:
    assert rt.submit(pow, 2, 8).result() == 256
    assert rt.submit(dict, a=1).result() == {"a": 1}


def test_class_defined_in_a_function_comes_back_as_itself(rt: rv.Runtime) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    point = rt.submit(Point, 4).result()
    assert type(point) is Point
    assert point.x == 4


def test_function_that_changes_its_argument_does_not_change_the_callers(rt: rv.Runtime) -> None:
    items = [1]
    assert rt.submit(work.append_to, items).result() == 2
    assert items == [1]


def test_global_of_a_lambda_is_compared_again_at_each_submit(rt: rv.Runtime) -> None:
    namespace: dict[str, Any] = {"factor": 2, "__name__": "__main__"}
    exec("def scaled(value): return factor * value", namespace)  # noqa: S102 - a namespace of its own
    assert rt.submit(namespace["scaled"], 5).result() == 10
    namespace["factor"] = 3
    assert rt.submit(namespace["scaled"], 5).result() == 15


@pytest.mark.needs("processes")
def test_plain_function_runs_in_a_worker_process(rt: rv.Runtime) -> None:
    import os

    assert rt.submit(work.process_id).result() != os.getpid()


@pytest.mark.needs("parallel")
def test_workers_run_tasks_at_the_same_time(rt: rv.Runtime, keeper: Any) -> None:
    tasks = [rt.submit(work.pass_gate, keeper.gate, index) for index in range(2)]
    keeper.wait_for(2)
    keeper.release(2)
    assert [task.result() for task in tasks] == [0, 1]


@pytest.mark.needs("parallel")
def test_one_worker_takes_tasks_in_order_of_submission(new_runtime: NewRuntime, log: str) -> None:
    rt = new_runtime(workers=1)
    tasks = [rt.submit(work.append, log, str(index)) for index in range(100)]
    assert [task.result() for task in tasks] == list(range(1, 101))
