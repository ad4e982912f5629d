"""What a flow means, in plain Python: a chain of generators that handles one item after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Policy = Literal["raise", "return", "skip"]


def weight(value: Any) -> int:
    """Return a number for anything that can be in a flow."""
    if isinstance(value, BaseException):
        return len(str(value))
    if isinstance(value, (list, tuple)):
        return 1 + sum(weight(part) * (position + 1) for position, part in enumerate(value))
    return int(value)


@dataclass(frozen=True)
class Function:
    """A function of a stage: its value depends on the item alone, and it refuses some items."""

    verb: Literal["map", "filter", "flat_map"]
    factor: int
    modulus: int
    refused: int

    def __call__(self, value: Any) -> Any:
        """Return the value of the item, or refuse it."""
        number = weight(value)
        if number % self.modulus == self.refused:
            message = f"{self.verb} refused {number}"
            raise ValueError(message)
        if self.verb == "map":
            return (number * self.factor + 1) % 1009
        if self.verb == "filter":
            return number * self.factor % 3 > 0
        return [(number + part) % 1009 for part in range(number * self.factor % 4)]


@dataclass(frozen=True)
class Stage:
    """One stage of a chain: its function or size, and its options."""

    verb: Literal["map", "filter", "flat_map", "batch", "window", "zip"]
    function: Function | None = None
    size: int = 1
    step: int = 1
    errors: Policy = "raise"
    options: dict[str, Any] = field(default_factory=dict)

    def on(self, flow: Any) -> Any:
        """Return the flow with this stage at its end."""
        if self.function is not None:
            return getattr(flow, self.verb)(self.function, errors=self.errors, **self.options)
        if self.verb == "batch":
            return flow.batch(self.size)
        if self.verb == "window":
            return flow.window(self.size, step=self.step)
        return flow.zip(range(self.size))

    def model(self, items: Iterator[Any]) -> Iterator[Any]:
        """Yield what the stage makes of these items."""
        if self.function is not None:
            return self._applied(items, self.function)
        if self.verb == "batch":
            return _batched(items, self.size)
        if self.verb == "window":
            return _windows(items, self.size, self.step)
        return iter(zip(items, range(self.size), strict=False))

    def _applied(self, items: Iterator[Any], function: Function) -> Iterator[Any]:
        for item in items:
            try:
                value = function(item)
            except ValueError as error:
                if self.errors == "raise":
                    raise
                if self.errors == "return":
                    yield error
                continue
            if self.verb == "flat_map":
                yield from value
            elif self.verb == "map" or value:
                yield value if self.verb == "map" else item


def _batched(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        # What stands before an error still arrives.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _windows(items: Iterator[Any], size: int, step: int) -> Iterator[tuple[Any, ...]]:
    seen: list[Any] = []
    for position, item in enumerate(items, start=1):
        seen = [*seen, item][-size:]
        if position >= size and (position - size) % step == 0:
            yield tuple(seen)


def source(count: int, breaks_at: int | None) -> Iterator[int]:
    """Yield numbers, and fail at one of them."""
    for index in range(count):
        if index == breaks_at:
            message = f"source broke at {index}"
            raise RuntimeError(message)
        yield index * 7 % 101


def chained(stages: list[Stage], items: Iterator[Any]) -> Iterator[Any]:
    """Return what the chain makes of these items."""
    for stage in stages:
        items = stage.model(items)
    return items


def observed(items: Iterable[Any]) -> tuple[list[str], str]:
    """Return all that can be seen of a run: the items as text, and the error that ended it."""
    seen = []
    try:
        for item in items:
            seen.append(_shown(item))  # noqa: PERF401 - keeps what came before the error
    except (ValueError, RuntimeError) as error:
        return seen, repr(error)
    return seen, ""


def _shown(item: Any) -> str:
    if isinstance(item, (list, tuple)):
        return f"[{', '.join(map(_shown, item))}]"
    return repr(item)
