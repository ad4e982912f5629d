"""A parallel reduction over a tree whose shape depends on the number of items alone."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from itertools import islice

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from raveler._core.runtime import Runtime

# How many chunks of one size, at least, come before the size doubles. A constant, so that the number of tasks, which
# the random streams of later tasks depend on, follows from the number of items.
_CHUNKS_OF_A_SIZE = 64
_LARGEST_CHUNK = 4096


class _Missing:
    """The class of `MISSING`."""

    def __repr__(self) -> str:
        """Return what the signature of a function shows."""
        return "..."


MISSING: Any = _Missing()
"""Stands for an ``initial`` that was not given."""


def reduce(view: Runtime, op: Callable[[Any, Any], Any], items: Iterable[Any], initial: Any) -> _raveler.Task[Any]:
    """Submit the reduction; the items are pulled here and now, the tasks run on."""
    try:
        source = iter(items)
    except TypeError:
        message = f"reduce takes an iterable of items, and {items!r} is a {type(items).__name__}"
        raise TypeError(message) from None
    counter = Counter(lambda left, right: view.submit(op, left, right))
    size, made, pulled, last = 1, 0, 0, None
    while chunk := list(islice(source, size)):
        last = chunk
        if size == 1:
            counter.add(chunk[0], 1)
        else:
            counter.add(view.submit(reduce_chunk, op, chunk), size)
        made, pulled = made + 1, pulled + size
        # A chunk has to begin at a multiple of its size, or it would not be a part of the tree.
        if made >= _CHUNKS_OF_A_SIZE and size < _LARGEST_CHUNK and pulled % (2 * size) == 0:
            size, made = 2 * size, 0
    if last is None:
        if initial is MISSING:
            message = "reduce of no items needs an initial value"
            raise TypeError(message)
        return _settled(initial)
    total = counter.finish()
    if initial is not MISSING:
        total = view.submit(op, initial, total)
    return total if type(total) is _raveler.Task else _settled(total)


def reduce_chunk(op: Callable[[Any, Any], Any], items: list[Any]) -> Any:
    """Reduce consecutive items in a worker, over the part of the tree that they make up."""
    counter = Counter(op)
    for item in items:
        counter.add(item, 1)
    return counter.finish()


class Counter:
    """A binary counter of partial results: two that stand for equally many items become one at once.

    The last chunk may be shorter than the size it is counted with: nothing comes after it, and its inside was
    folded as this counter would have folded it.
    """

    def __init__(self, op: Callable[[Any, Any], Any]) -> None:
        """Start with nothing."""
        self._op = op
        self._parts: list[tuple[Any, int]] = []

    def add(self, value: Any, size: int) -> None:
        """Add the next partial result, which stands for ``size`` items."""
        while self._parts and self._parts[-1][1] == size:
            value = self._op(self._parts.pop()[0], value)
            size *= 2
        self._parts.append((value, size))

    def finish(self) -> Any:
        """Fold what is left from the right."""
        value, _ = self._parts.pop()
        while self._parts:
            value = self._op(self._parts.pop()[0], value)
        return value


def _settled(value: Any) -> _raveler.Task[Any]:
    task, settler = _raveler.pending("reduce")
    settler.value(value)
    return task
