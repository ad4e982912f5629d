"""Named limits that tasks share: how many at once, or how many in a span of time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Rate:
    """At most so many starts in any span of time.

    Example:
        >>> Rate(10, per=1.0)
        Rate(10, per=1.0)
    """

    __slots__ = ("count", "per")

    def __init__(self, count: int, *, per: float = 1.0) -> None:
        """Allow ``count`` starts in every ``per`` seconds."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            message = f"Rate: count must be a whole number of at least 1, not {count!r}"
            raise ValueError(message)
        if isinstance(per, bool) or not isinstance(per, (int, float)) or not 0 < per < float("inf"):
            message = f"Rate: per must be a positive number of seconds, not {per!r}"
            raise ValueError(message)
        self.count = count
        self.per = float(per)

    def __repr__(self) -> str:
        """Return the call that makes an equal rate."""
        return f"Rate({self.count}, per={self.per})"

    def __eq__(self, other: object) -> bool:
        """Tell whether both allow the same."""
        if not isinstance(other, Rate):
            return NotImplemented
        return (self.count, self.per) == (other.count, other.per)

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return hash((Rate, self.count, self.per))


def normalised(limits: Mapping[str, int | Rate] | None) -> dict[str, int | tuple[int, float]]:
    """Return the limits as Rust takes them: a count, or a count and its span in seconds."""
    if limits is None:
        return {}
    if not hasattr(limits, "items"):
        message = f'limits must be a mapping like {{"db": 4, "api": rv.Rate(10, per=1.0)}}, not {limits!r}'
        raise TypeError(message)
    result: dict[str, int | tuple[int, float]] = {}
    for name, limit in limits.items():
        if not isinstance(name, str) or not name:
            message = f"limits: a name must be a non-empty string, not {name!r}"
            raise TypeError(message)
        if isinstance(limit, Rate):
            result[name] = (limit.count, limit.per)
            continue
        message = f"limits[{name!r}] must be a whole number of at least 1 or a rv.Rate, not {limit!r}"
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(message)
        if limit < 1:
            raise ValueError(message)
        result[name] = limit
    return result
