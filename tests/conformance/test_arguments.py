"""Rules of bad arguments: they fail at the call, with the value and what would have been accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from tests.conformance.engines import EngineUnderTest

EITHER = (TypeError, ValueError)

BAD_RUNTIME = [
    ({"workers": 0}, ValueError, "0"),
    ({"workers": -3}, ValueError, "-3"),
    ({"workers": "two"}, EITHER, "two"),
    ({"workers": 1.5}, EITHER, "1.5"),
    ({"memory": "much"}, EITHER, "much"),
    ({"memory": -1}, ValueError, "-1"),
    ({"seed": "x"}, EITHER, "x"),
    ({"limits": [1]}, EITHER, "1"),
    ({"preload": [3]}, EITHER, "3"),
    ({"carry": ["name"]}, EITHER, "name"),
]

BAD_OPTIONS = [
    ({"timeout": 0}, ValueError, "0"),
    ({"timeout": -1}, ValueError, "-1"),
    ({"timeout": "soon"}, EITHER, "soon"),
    ({"timeout": float("nan")}, ValueError, "nan"),
    ({"retries": -1}, ValueError, "-1"),
    ({"retries": 1.5}, EITHER, "1.5"),
    ({"retry_on": "ValueError"}, EITHER, "ValueError"),
    ({"retry_on": (int,)}, EITHER, "int"),
    ({"backoff": -1}, ValueError, "-1"),
    ({"on": "moon"}, ValueError, "moon"),
    ({"limit": 3}, EITHER, "3"),
    ({"memory": "much"}, EITHER, "much"),
    ({"colour": "red"}, TypeError, "colour"),
]

BAD_MAP = [
    ({"chunk": 0}, ValueError, "0"),
    ({"chunk": "big"}, EITHER, "big"),
    ({"chunk": 1.5}, EITHER, "1.5"),
    ({"window": 0}, ValueError, "0"),
    ({"window": "wide"}, EITHER, "wide"),
    ({"errors": "ignore"}, ValueError, "ignore"),
    ({"concurrency": 0}, ValueError, "0"),
    ({"colour": "red"}, TypeError, "colour"),
]

ACCEPTED = [
    ({"errors": "ignore"}, ["raise", "return", "skip"]),
    ({"chunk": "big"}, ["auto"]),
    ({"on": "moon"}, ["process", "thread"]),
    ({"colour": "red"}, ["timeout", "retries"]),
]


def name(case: Any) -> str:
    """Name a parameter by its value."""
    return repr(case) if isinstance(case, dict) else ""


@pytest.mark.parametrize(("options", "error", "shown"), BAD_RUNTIME, ids=name)
def test_runtime_refuses_a_bad_argument_and_shows_it(
    engine: EngineUnderTest, options: dict[str, Any], error: Any, shown: str
) -> None:
    arguments: dict[str, Any] = {"engine": engine.name} | options
    with pytest.raises(error, match=shown):
        rv.Runtime(**arguments)


def test_runtime_refuses_an_unknown_engine_and_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"(?s)(?=.*cluster)(?=.*serial)(?=.*local)"):
        rv.Runtime(engine="cluster")


def test_runtime_refuses_an_unknown_argument() -> None:
    options: dict[str, Any] = {"colour": "red"}
    with pytest.raises(TypeError, match="colour"):
        rv.Runtime(**options)


@pytest.mark.parametrize(("options", "error", "shown"), BAD_OPTIONS, ids=name)
def test_view_refuses_a_bad_option_and_shows_it(
    rt: rv.Runtime, options: dict[str, Any], error: Any, shown: str
) -> None:
    with pytest.raises(error, match=shown):
        rt.options(**options).submit(work.double, 1)


@pytest.mark.parametrize(("options", "error", "shown"), BAD_OPTIONS, ids=name)
def test_map_refuses_a_bad_option_and_shows_it(rt: rv.Runtime, options: dict[str, Any], error: Any, shown: str) -> None:
    with pytest.raises(error, match=shown):
        rt.map(work.double, [1], **options)


@pytest.mark.parametrize(("options", "error", "shown"), BAD_OPTIONS, ids=name)
def test_decorator_refuses_a_bad_option_and_shows_it(
    rt: rv.Runtime, options: dict[str, Any], error: Any, shown: str
) -> None:
    with pytest.raises(error, match=shown):
        rt.submit(rv.task(work.double, **options), 1)


@pytest.mark.parametrize(("arguments", "error", "shown"), BAD_MAP, ids=name)
def test_map_refuses_a_bad_argument_at_the_call_and_shows_it(
    rt: rv.Runtime, arguments: dict[str, Any], error: Any, shown: str
) -> None:
    with pytest.raises(error, match=shown):
        rt.map(work.double, [1], **arguments)


@pytest.mark.parametrize(("arguments", "names"), ACCEPTED, ids=name)
def test_message_says_what_would_have_been_accepted(
    rt: rv.Runtime, arguments: dict[str, Any], names: list[str]
) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        rt.map(work.double, [1], **arguments)
    assert [word for word in names if word not in str(caught.value)] == []


@pytest.mark.parametrize("thing", [None, 5, "text", [1]])
def test_what_cannot_be_called_is_refused_at_the_call(rt: rv.Runtime, thing: Any) -> None:
    with pytest.raises(TypeError, match="call"):
        rt.submit(thing)
    with pytest.raises(TypeError, match="call"):
        rt.map(thing, [1])
    with pytest.raises(TypeError, match="call"):
        rt.reduce(thing, [1])


def test_decorator_refuses_what_cannot_be_called() -> None:
    number: Any = 5
    with pytest.raises(TypeError, match="call"):
        rv.task(number, retries=1)


def test_what_cannot_be_iterated_is_refused_at_the_call(rt: rv.Runtime) -> None:
    number: Any = 5
    with pytest.raises(TypeError, match="5"):
        rt.map(work.double, number)
    with pytest.raises(TypeError, match="5"):
        rt.reduce(work.add, number)


def test_map_without_an_iterable_is_refused(rt: rv.Runtime) -> None:
    apply: Any = rt.map
    with pytest.raises(TypeError):
        apply(work.double)


def test_submit_without_a_function_is_refused(rt: rv.Runtime) -> None:
    submit: Any = rt.submit
    with pytest.raises(TypeError):
        submit()


def test_coroutine_object_instead_of_its_function_is_refused(rt: rv.Runtime) -> None:
    async def later() -> None:
        pass

    coroutine: Any = later()
    with pytest.raises(TypeError, match=r"coroutine|call"):
        rt.submit(coroutine)
    coroutine.close()


def test_combinators_refuse_what_is_no_task() -> None:
    number: Any = 5
    with pytest.raises(TypeError, match="5"):
        rv.gather(number)
    with pytest.raises(TypeError, match="5"):
        rv.race(number)
    with pytest.raises(TypeError, match="5"):
        rv.wait([number])
    with pytest.raises(TypeError, match="5"):
        list(rv.as_completed([number]))
