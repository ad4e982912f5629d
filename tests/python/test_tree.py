"""The reduction tree: its shape is that of the items alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from raveler._core.tree import MISSING, Counter, reduce, reduce_chunk

if TYPE_CHECKING:
    from collections.abc import Callable


def shape(left: str, right: str) -> str:
    return f"({left}{right})"


def whole(items: list[str]) -> str:
    return str(reduce_chunk(shape, items))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "a"), (2, "(ab)"), (3, "((ab)c)"), (4, "((ab)(cd))"), (5, "(((ab)(cd))e)"), (7, "(((ab)(cd))((ef)g))")],
)
def test_the_shape_is_a_binary_counter_folded_from_the_right(count: int, expected: str) -> None:
    assert whole(list("abcdefg"[:count])) == expected


@pytest.mark.parametrize("count", [*range(1, 70), 200, 1000])
@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_chunks_at_powers_of_two_do_not_change_the_shape(count: int, size: int) -> None:
    items = [f"{index}." for index in range(count)]
    counter = Counter(shape)
    for first in range(0, count, size):
        counter.add(reduce_chunk(shape, items[first : first + size]), size)
    assert counter.finish() == whole(items)


class InlineView:
    """Stands for a runtime that runs at once."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


@pytest.mark.parametrize("count", [1, 5, 63, 64, 65, 130, 500, 8128, 8129, 8191, 8192, 8193, 20_000, 33_333])
def test_growing_chunks_do_not_change_the_shape(count: int) -> None:
    view: Any = InlineView()
    reduced = reduce(view, hashed, range(count), MISSING).result()
    assert reduced == reduce_chunk(hashed, list(range(count)))


def hashed(left: int, right: int) -> int:
    """Combine two items so that every other shape gives something else."""
    return hash((left, right))
