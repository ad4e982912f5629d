"""Rules of ``reduce``: a fixed tree, so that the result depends on the items alone."""

from __future__ import annotations

import functools
import operator
import random
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.conftest import NewRuntime

SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100, 257]


def balanced(text: str) -> list[str]:
    """Return the leaves of a bracketed text, in order."""
    return text.replace("(", "").replace(")", "").split("+")


def test_reduce_returns_a_task(rt: rv.Runtime) -> None:
    task = rt.reduce(work.add, range(10))
    assert isinstance(task, rv.Task)
    assert task.result() == 45


@pytest.mark.parametrize("size", SIZES)
def test_operands_keep_their_order(rt: rv.Runtime, size: int) -> None:
    items = [str(index) for index in range(size)]
    assert balanced(rt.reduce(work.bracket, items).result()) == items


def test_reduction_equals_the_sequential_one_for_an_associative_operator(rt: rv.Runtime) -> None:
    for size in SIZES:
        items = [f"{index}," for index in range(size)]
        assert rt.reduce(operator.add, items).result() == functools.reduce(operator.add, items)


def test_single_item_is_the_result(rt: rv.Runtime) -> None:
    assert rt.reduce(work.bracket, ["only"]).result() == "only"


def test_nothing_without_initial_is_a_type_error(rt: rv.Runtime) -> None:
    with pytest.raises(TypeError):
        rt.reduce(work.add, []).result()


def test_nothing_with_initial_is_the_initial(rt: rv.Runtime) -> None:
    assert rt.reduce(work.add, [], initial=5).result() == 5


def test_initial_may_be_none(rt: rv.Runtime) -> None:
    assert rt.reduce(work.add, [], initial=None).result() is None


@pytest.mark.parametrize("size", SIZES)
def test_initial_stands_once_at_the_left(rt: rv.Runtime, size: int) -> None:
    items = [str(index) for index in range(size)]
    text = rt.reduce(work.bracket, items, initial="start").result()
    assert balanced(text) == ["start", *items]


@pytest.mark.parametrize("size", SIZES)
def test_tree_is_balanced(rt: rv.Runtime, size: int) -> None:
    text = rt.reduce(work.bracket, [str(index) for index in range(size)]).result()
    depth = deepest = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    assert deepest <= 2 * size.bit_length()


@pytest.mark.parametrize("size", [5, 8, 33, 100])
def test_shape_depends_on_the_number_of_items_alone(new_runtime: NewRuntime, size: int) -> None:
    items = [str(index) for index in range(size)]
    with rv.Runtime(engine="serial") as serial:
        expected = serial.reduce(work.bracket, items).result()
    found = {new_runtime(workers=workers).reduce(work.bracket, items).result() for workers in (1, 2, 3)}
    assert found == {expected}


def test_shape_is_the_same_for_a_list_and_for_a_generator(rt: rv.Runtime) -> None:
    items = [str(index) for index in range(77)]
    assert rt.reduce(work.bracket, items).result() == rt.reduce(work.bracket, iter(items)).result()


def test_float_sum_is_bit_identical_for_every_number_of_workers(new_runtime: NewRuntime) -> None:
    generator = random.Random(1)
    items = [generator.uniform(-1, 1) * 10 ** generator.randint(-12, 12) for _ in range(1000)]
    with rv.Runtime(engine="serial") as serial:
        expected = serial.reduce(work.add, items).result().hex()
    for workers in (1, 2, 4):
        assert new_runtime(workers=workers).reduce(work.add, items).result().hex() == expected


def test_error_of_the_operator_is_raised(rt: rv.Runtime) -> None:
    with pytest.raises(TypeError):
        rt.reduce(work.add, [1, 2, "three", 4]).result()


def test_error_of_the_source_is_raised(rt: rv.Runtime) -> None:
    def source() -> Iterator[int]:
        yield 1
        message = "source broke"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="source broke"):
        rt.reduce(work.add, source()).result()


def test_arrays_can_be_reduced(rt: rv.Runtime) -> None:
    np = pytest.importorskip("numpy")
    parts: list[Any] = [np.full(20_000, index, dtype=np.float64) for index in range(9)]
    assert rt.reduce(work.add, parts).result().tolist() == [36.0] * 20_000


def test_reduction_can_be_awaited(rt: rv.Runtime) -> None:
    import asyncio

    async def main() -> int:
        return await rt.reduce(work.add, range(100))

    assert asyncio.run(main()) == 4950
