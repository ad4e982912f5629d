"""Operations of Rust: the runtime that they belong to, their options, and many of them over a source."""

from __future__ import annotations

from raveler import _raveler
from raveler._core import default, progress
from raveler._core import options as _options
from raveler._core.generic import T
from raveler._core.results import MeteredResults, Results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal, TypedDict, TypeVar

    C = TypeVar("C", bound=Callable[..., Any])

    from raveler._core.runtime import Runtime

    class OperationOptions(TypedDict, total=False):
        """The options of an operation of Rust."""

        retries: int | None
        backoff: float | tuple[float, ...] | None
        timeout: float | None
        limit: str | tuple[str, ...] | list[str] | None
        name: str | None

    class ManyOptions(OperationOptions, total=False):
        """The arguments of many operations, and the options of each."""

        ordered: bool
        window: int | None
        concurrency: int | None
        errors: Literal["raise", "return", "skip"]
        progress: Any


OPTIONS = frozenset({"retries", "backoff", "timeout", "limit", "name"})
_MANY = ("ordered", "window", "concurrency", "errors", "progress")


def operation(function: C) -> C:
    """Mark a function whose calls return tasks of Rust, so that `map` calls it itself."""
    function.__raveler_native__ = True  # type: ignore[attr-defined]
    return function


class NativeResults(Results[T], _raveler.NativeRun[T]):
    """The results of many operations of Rust; the iteration itself is Rust."""


def runtime_of(given: Runtime | None) -> Runtime:
    """Return the runtime that was given, or the default one."""
    return default.runtime() if given is None else given


def checked(given: Mapping[str, Any], runtime: Runtime | None = None) -> dict[str, Any]:
    """Return the options of an operation in the form that Rust takes.

    Raises:
        TypeError: If there is no such option, or its value has the wrong type.
        ValueError: If a value is out of range, or the runtime has no limit of that name.
    """
    unknown = given.keys() - OPTIONS
    if unknown:
        message = f"{min(unknown)!r} is not an option here; the options are {', '.join(sorted(OPTIONS))}"
        raise TypeError(message)
    if given.get("limit") is not None:
        return runtime_of(runtime)._checked(given)  # noqa: SLF001 - the core and its extension are one unit
    return _options.checked(given)


def many(
    runtime: Runtime | None,
    maker: _raveler.Maker,
    source: Iterable[Any],
    what: str,
    given: dict[str, Any],
    *,
    concurrency: int,
) -> Results[Any]:
    """Return the results of many operations, lazy and bounded; ``given`` are their arguments and options.

    Raises:
        TypeError: If there is no such argument, or its value has the wrong type.
        ValueError: If a value is out of range.
    """
    plan = {name: given.pop(name) for name in _MANY if name in given}
    ordered = plan.get("ordered", True)
    if not isinstance(ordered, bool):
        message = f"ordered must be True or False, not {ordered!r}"
        raise TypeError(message)
    errors = plan.get("errors", "raise")
    if errors not in {"raise", "return", "skip"}:
        message = f'errors must be "raise", "return" or "skip", not {errors!r}'
        raise ValueError(message)
    wanted = plan.get("concurrency")
    window = plan.get("window")
    options = checked(given, runtime) | {
        "ordered": ordered,
        "errors": errors,
        "concurrency": concurrency if wanted is None else _options.count("concurrency", wanted),
        "window": None if window is None else _options.count("window", window),
    }
    options.setdefault("name", what)
    try:
        iterator = iter(source)
    except TypeError:
        message = f"{what} takes an iterable, and {source!r} is a {type(source).__name__}"
        raise TypeError(message) from None
    length = len(source) if hasattr(type(source), "__len__") else None  # type: ignore[arg-type]
    meter = progress.meter(plan.get("progress", False), what, length)
    owner = runtime_of(runtime)
    results: Results[Any] = NativeResults(owner, maker, iterator, options)
    results._name = what  # noqa: SLF001 - the core and its extension are one unit
    if meter is not None:
        results = MeteredResults(results, meter)
    owner._track(results)  # noqa: SLF001 - the core and its extension are one unit
    return results
