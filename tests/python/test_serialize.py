"""Values and functions as bytes: what goes by name, what by value, and how a change is noticed."""

from __future__ import annotations

import functools
import operator
import pickle
import random
import sys
import threading
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import raveler as rv
from raveler._core import arrays, functions, plain, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def module_function(x: int) -> int:
    return x + 1


def round_trip(value: object, **options: Any) -> Any:
    data, buffers = serialize.dumps(value)
    return serialize.loads(data, [memoryview(buffer).toreadonly() for buffer in buffers], **options)


@pytest.fixture
def main() -> Iterator[types.ModuleType]:
    """Give an empty ``__main__``, as a worker never has it."""
    module = types.ModuleType("__main__")
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    yield module
    sys.modules["__main__"] = before


def define(main: types.ModuleType, source: str) -> None:
    exec(compile(source, "script.py", "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - a script under test


def test_values_make_a_round_trip() -> None:
    value = {"a": [1, 2.5, None], "b": (b"x", "y"), "c": {1, 2}}
    assert round_trip(value) == value
    assert round_trip(lambda x: x + 1)(1) == 2


@pytest.mark.parametrize(
    "array",
    [
        np.arange(5),
        np.arange(3_000_000),
        np.arange(10)[::2],
        np.arange(12).reshape(3, 4).T[1:, ::-1],
        np.array(["a", None], dtype=object),
        np.zeros(0),
        np.array(3.5),
        np.arange(4).view("i4,i4"),
    ],
    ids=["small", "large", "strided", "reversed", "objects", "empty", "scalar", "structured"],
)
def test_arrays_arrive_equal_and_read_only_whatever_their_layout(array: np.ndarray[Any, Any]) -> None:
    for back in (round_trip(array), round_trip({"deep": [array]})["deep"][0]):
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype
        assert not back.flags.writeable


def test_arrays_of_a_writable_task_can_be_written() -> None:
    data, buffers = serialize.dumps(np.arange(10)[::2])
    back = serialize.loads(data, [bytearray(buffer) for buffer in buffers], writable=True)
    back[0] = 5
    assert back[0] == 5
    assert not arrays.writable


def test_buffers_of_arrays_travel_beside_the_pickle() -> None:
    data, buffers = serialize.dumps(np.zeros(1_000_000))
    assert len(data) < 1000
    assert memoryview(buffers[0]).nbytes == 8_000_000


def test_a_function_of_a_module_goes_by_name() -> None:
    for function in (module_function, len, operator.add, Path, str):
        payload, checks = serialize.dump_function(function)
        assert checks is None
        assert len(payload) < 500
        assert serialize.load_function(payload) is function


def test_a_decorated_function_goes_by_name_and_arrives_bare() -> None:
    from tests.python.test_task import decorated

    payload, checks = serialize.dump_function(decorated.__wrapped__)
    assert checks is None
    assert serialize.load_function(payload) is decorated.__wrapped__


@pytest.mark.parametrize(
    "function", [lambda x: x + 1, functools.partial(operator.add, 1), functools.partial(module_function)]
)
def test_what_has_no_name_goes_by_value(function: Callable[[int], int]) -> None:
    payload, _ = serialize.dump_function(function)
    assert serialize.load_function(payload)(2) == 3


def test_methods_of_builtins_go_too() -> None:
    for function in (str.upper, "x".join):
        payload, _ = serialize.dump_function(function)
        assert serialize.load_function(payload)("ab") in {"AB", "axb"}


def test_functions_of_main_go_by_value_with_what_they_refer_to(main: types.ModuleType) -> None:
    define(main, "K = 3\ndef helper(x): return x * K\ndef f(x): return helper(x) + 1\n")
    payload, checks = serialize.dump_function(main.f)
    assert checks is not None
    assert serialize.load_function(payload)(2) == 7


def test_functions_of_main_go_without_cloudpickle_where_they_are_plain(main: types.ModuleType) -> None:
    define(
        main,
        "import xml.dom.minidom, collections\nLIMIT = [3]\n"
        "def even(n: int = 4) -> bool: return n == 0 or odd(n - 1)\n"
        "def odd(n): return n != 0 and even(n - 1)\n"
        "def outer():\n"
        "    seen = []\n"
        "    def inner(x):\n"
        "        seen.append(x)\n"
        "        return even(x), len(seen), LIMIT, collections.Counter('aa')['a'], xml.dom.minidom.Document.__name__\n"
        "    return inner\n"
        "inner = outer()\n",
    )
    loaded = plain_loads(plain.dumps(main.inner))
    assert loaded(10) == (True, 1, [3], 2, "Document")
    assert loaded(3)[:2] == (False, 2)
    assert plain_loads(plain.dumps(main.even)).__annotations__ == {"n": int, "return": bool}
    assert {"even", "odd", "__name__", "__builtins__"} <= plain_loads(plain.dumps(main.even)).__globals__.keys()
    assert "LIMIT" not in plain_loads(plain.dumps(main.even)).__globals__


def test_classes_of_main_take_cloudpickle(main: types.ModuleType) -> None:
    define(main, "class C:\n    pass\ndef f(): return C()\n")
    with pytest.raises(pickle.PicklingError):
        plain.dumps(main.f)
    assert type(serialize.load_function(serialize.dump_function(main.f)[0])()).__name__ == "C"


def plain_loads(data: bytes) -> Any:
    return pickle.loads(data)


def test_functions_of_a_module_that_no_worker_can_import_go_by_value() -> None:
    module = types.ModuleType("made_by_hand")
    sys.modules["made_by_hand"] = module
    try:
        define(module, "class C:\n    pass\ndef f(x): return x + 1\n")
        payload, checks = serialize.dump_function(module.f)
        assert checks is not None
    finally:
        del sys.modules["made_by_hand"]
    assert serialize.load_function(payload)(2) == 3


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ("pass", True),
        ("K = 4", False),
        ("def helper(x): return 0", False),
        ("f.__defaults__ = (2,)", False),
        ("f.__code__ = (lambda x, y=1: 0).__code__", False),
        ("helper.__defaults__ = (9,)", False),
        ("LIST.append(1)", False),
        ("LIST[0] = LIST[0]", True),
        ("C.m = lambda self: 0", False),
        ("unrelated = 1", True),
    ],
)
def test_a_change_of_what_a_function_refers_to_is_noticed(main: types.ModuleType, change: str, same: bool) -> None:  # noqa: FBT001
    define(
        main,
        "K = 3\nLIST = [1]\n"
        "class C:\n    def m(self): return K\n"
        "def helper(x, z=0): return x * K\n"
        "def f(x, y=1): return helper(x) + len(LIST) + C().m() + y\n",
    )
    _, checks = serialize.dump_function(main.f)
    assert checks is not None
    assert serialize.still_same(checks, main.f)
    define(main, change)
    assert serialize.still_same(checks, main.f) is same


def test_a_changed_closure_is_noticed() -> None:
    value = 1

    def f() -> int:
        return value

    _, checks = serialize.dump_function(f)
    assert checks is not None
    assert serialize.still_same(checks, f)
    value = 2
    assert not serialize.still_same(checks, f)


def test_checks_do_not_keep_the_function_alive() -> None:
    import weakref

    f = lambda x: x  # noqa: E731 - not reachable by any name
    reference = weakref.ref(f)
    _, checks = serialize.dump_function(f)
    del f
    assert checks is not None
    assert reference() is None


def test_methods_of_the_global_generator_travel_without_its_state() -> None:
    for function in (random.random, random.randint, np.random.rand):
        payload, _ = serialize.dump_function(lambda f=function: f)
        assert len(payload) < 1500
    assert serialize.load_function(payload)() == np.random.rand


@pytest.mark.parametrize(
    ("label", "value", "path"),
    [
        ("args", [1, threading.Lock()], "args[1]"),
        ("args", {"a": {"b": threading.Lock()}}, "args['a']['b']"),
        ("call", ((1, threading.Lock()), {}), "args[1]"),
        ("call", ((), {"lock": threading.Lock()}), "kwargs['lock']"),
        ("result", types.SimpleNamespace(conn=types.SimpleNamespace(lock=threading.Lock())), "result.conn.lock"),
        ("result", functools.partial(print, threading.Lock()), "result.args[0]"),
        ("args", [open], None),
    ],
)
def test_what_cannot_travel_is_named_by_its_path(label: str, value: Any, path: str | None) -> None:
    if path is None:
        serialize.dumps(value, label)
        return
    with pytest.raises(rv.NotSerializable) as caught:
        serialize.dumps(value, label)
    assert caught.value.path == path
    assert path in str(caught.value)
    assert "lock" in str(caught.value)


def test_an_open_file_is_not_its_content(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as file, pytest.raises(rv.NotSerializable, match="TextIOWrapper"):
        serialize.dumps(file)


def test_a_standard_stream_goes_by_its_name(main: types.ModuleType) -> None:
    define(main, "from sys import stdout\nclass C: pass\ndef f(): return stdout\ndef g(): return stdout, C\n")
    assert serialize.load_function(serialize.dump_function(main.f)[0])() is sys.stdout
    assert serialize.load_function(serialize.dump_function(main.g)[0])()[0] is sys.stdout


def test_a_closure_that_cannot_travel_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(rv.NotSerializable, match="<closure lock>"):
        serialize.dump_function(lambda: lock)


def test_an_error_of_a_reduce_method_is_told() -> None:
    class Broken:
        def __reduce__(self) -> str:
            message = "on purpose"
            raise pickle.PicklingError(message)

    with pytest.raises(rv.NotSerializable, match="on purpose"):
        serialize.dumps(Broken())


def test_code_keeps_its_file_name(main: types.ModuleType) -> None:
    exec(compile("def f(): pass", "script.py", "exec"), main.__dict__)  # noqa: S102 - a script under test
    payload, _ = serialize.dump_function(main.f)
    loaded: Any = serialize.load_function(payload)
    assert loaded.__code__.co_filename == "script.py"


def test_a_class_of_main_stays_itself_in_its_own_process(main: types.ModuleType) -> None:
    define(main, "class C:\n    def m(self): return K\nK = 1\ndef f(): return C()\n")
    before = main.C.m
    data, buffers = serialize.dumps(main.C(), "args", here=True)
    assert type(serialize.loads(data, buffers)) is main.C
    payload, _ = serialize.dump_function(main.f, here=True)
    assert type(serialize.load_function(payload)()) is main.C
    assert main.C.m is before


def test_a_class_that_came_from_the_parent_goes_back_as_itself(
    main: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(main, "class C:\n    pass\n")
    data, buffers = serialize.dumps(main.C())
    in_worker = serialize.loads(data, buffers)
    monkeypatch.setattr("raveler._core.process.is_worker", True)
    data, buffers = serialize.dumps(in_worker)
    assert len(data) < 300
    assert type(serialize.loads(data, buffers)) is main.C


def test_a_module_that_is_not_on_the_path_is_found_by_its_root(tmp_path: Path) -> None:
    (tmp_path / "far_away.py").write_text("def f(): return 1\n")
    with pytest.raises(ModuleNotFoundError):
        serialize.load_function(b"n" + pickle.dumps(("far_away", "f", None)))
    try:
        assert serialize.load_function(b"n" + pickle.dumps(("far_away", "f", str(tmp_path))))() == 1
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules["far_away"]


def test_a_missing_name_is_told_apart_from_none() -> None:
    assert functions.MISSING is not None
