"""Neighbouring functions of a flow as one, so that an item makes one trip through all of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from raveler._core.flow_stages import Stage


class Fused:
    """Calls one function after the other with what the one before returned; pickles as they do."""

    def __init__(self, steps: tuple[tuple[str, Callable[..., Any], str], ...]) -> None:
        """Take the kind, the function and the name of each step; ``flat_map`` may only be the last."""
        self.steps = steps
        self.is_plain = all(kind == "map" for kind, _, _ in steps)
        self.__name__ = self.__qualname__ = " | ".join(name for _, _, name in steps)

    def __call__(self, item: Any) -> Any:
        """Return what comes of one item: the value of a chain of ``map`` alone, else a list of values."""
        for kind, function, name in self.steps:
            try:
                if kind == "map":
                    item = function(item)
                elif kind == "filter":
                    if not function(item):
                        return []
                else:
                    return list(function(item))
            except Exception as error:
                self._tell(error, name)
                raise
        return item if self.is_plain else [item]

    def _tell(self, error: Exception, name: str) -> None:
        if len(self.steps) > 1:
            error.add_note(f"raised in {name}")


class FusedCoroutines(Fused):
    """Does the same with coroutine functions."""

    async def __call__(self, item: Any) -> Any:
        """Return what comes of one item: the value of a chain of ``map`` alone, else a list of values."""
        for kind, function, name in self.steps:
            try:
                if kind == "map":
                    item = await function(item)
                elif kind == "filter":
                    if not await function(item):
                        return []
                else:
                    return list(await function(item))
            except Exception as error:
                self._tell(error, name)
                raise
        return item if self.is_plain else [item]


def fused(stages: list[Stage], place: str) -> Any:
    """Return one function for the work of neighbouring stages of one place."""
    if len(stages) == 1 and stages[0].kind == "map":
        return stages[0].function
    steps = tuple((stage.kind, _inner(stage.function), stage.name) for stage in stages)
    return (FusedCoroutines if place == "loop" else Fused)(steps)


def _inner(function: Any) -> Any:
    """Return what a decorated function runs: its options are those of the stage already."""
    from raveler._core.task import TaskFunction

    return function.__wrapped__ if isinstance(function, TaskFunction) else function
