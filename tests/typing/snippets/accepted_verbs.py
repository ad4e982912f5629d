"""Right use of the verbs: the types that a checker must find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def length(text: str, scale: float = 1.0) -> float:
    """Return a scaled length."""
    return len(text) * scale


async def later(value: int) -> str:
    """Return a text."""
    return str(value)


def plus(left: int, right: int) -> int:
    """Return the sum."""
    return left + right


def anything(value: Any) -> Any:
    """Return what the types do not tell."""
    return value


with rv.Runtime(workers=2, engine="local", seed=0, limits={"db": 4, "api": rv.Rate(10, per=1.0)}) as rt:
    assert_type(rt.submit(length, "a"), rv.Task[float])
    assert_type(rt.submit(length, "a", scale=2.0).result(timeout=5), float)
    assert_type(rt.submit(later, 5), rv.Task[str])
    assert_type(rt.submit(length, "a").exception(), BaseException | None)
    assert_type(rt.submit(length, "a").done(), bool)
    assert_type(rt.submit(length, "a").then(str), rv.Task[str])

    assert_type(rt.map(length, ["a"]), rv.Results[float])
    assert_type(rt.map(length, ["a"]).list(), list[float])
    assert_type(rt.map(plus, [1], [2]).list(), list[int])
    assert_type(rt.map(later, [1]).list(), list[str])
    assert_type(rt.map(length, ["a"], chunk=5, window=10, ordered=False, timeout=1, retries=2).list(), list[float])
    assert_type(rt.starmap(plus, [(1, 2)]).list(), list[int])
    assert_type(rt.imap_unordered(length, ["a"]).list(), list[float])
    assert_type(rt.reduce(plus, [1, 2]), rv.Task[int])
    assert_type(rt.share([1]), rv.Shared[list[int]])
    assert_type(rt.options(timeout=5, retries=2).submit(length, "a"), rv.Task[float])

    assert_type(rt.submit(plus, rt.submit(plus, 1, 2), 3), rv.Task[int])
    assert_type(rt.submit(plus, rt.submit(anything, 1), right=4), rv.Task[int])
    assert_type(rt.submit(length, rt.submit(anything, "a")), rv.Task[float])
    assert_type(rt.submit(length, rt.share("a")), rv.Task[float])
    unknown: rv.Task[Any] = rt.submit(anything, 1)

    iterator: Iterator[float] = rt.map(length, ["a"])
    async_iterator: AsyncIterator[float] = rt.map(length, ["a"])

    with rt.scope() as scope:
        assert_type(scope.spawn(length, "a"), rv.Task[float])

assert_type(rv.submit(length, "a"), rv.Task[float])
assert_type(rv.map(length, ["a"]).list(), list[float])
assert_type(rv.gather(rv.submit(plus, 1, 2), rv.submit(plus, 1, 2)).result(), list[int])
assert_type(rv.race(rv.submit(plus, 1, 2)), rv.Task[int])
for finished in rv.as_completed([rv.submit(plus, 1, 2)]):
    assert_type(finished, rv.Task[int])


async def main() -> None:
    """Await."""
    async with rv.Runtime() as runtime:
        assert_type(await runtime.submit(length, "a"), float)
        assert_type(await runtime.map(length, ["a"]), list[float])
        async for value in runtime.map(length, ["a"]):
            assert_type(value, float)


@rv.task(timeout=5, retries=2)
def decorated(value: int) -> str:
    """Return a text."""
    return str(value)


assert_type(decorated(1), str)
assert_type(rv.submit(decorated, 1), rv.Task[str])
