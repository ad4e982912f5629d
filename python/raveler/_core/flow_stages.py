"""What a stage of a flow is told to do, checked where the user wrote it."""

from __future__ import annotations

from raveler._core import functions
from raveler._core import options as _options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal, TypedDict

    from raveler._core.runtime import Runtime
    from raveler._core.typed import TaskOptions

    class OperationStageOptions(TypedDict, total=False):
        """The arguments of a stage of operations of Rust, and the options of each."""

        concurrency: int | None
        ordered: bool
        errors: Literal["raise", "return", "skip"]
        window: int | None
        window_bytes: int | str | None
        retries: int | None
        backoff: float | tuple[float, ...] | None
        timeout: float | None
        limit: str | tuple[str, ...] | list[str] | None
        name: str | None

    class StageOptions(TaskOptions, total=False):
        """The arguments of a stage of calls, and the options of each."""

        concurrency: int | None
        ordered: bool
        errors: Literal["raise", "return", "skip"]
        window: int | None
        window_bytes: int | str | None
        chunk: int | Literal["auto"]


_OWN = ("concurrency", "ordered", "errors", "window", "window_bytes", "chunk")
_ROOM = frozenset({"window", "window_bytes", "chunk"})
"""What only says how much of a stage of processes is under way: it must not decide over what runs as one."""
_OPERATION = ("retries", "backoff", "timeout", "limit", "name")
_CALLS = ("map", "filter", "flat_map")


class Stage:
    """One step of a flow: its kind, its function if it has one, and its arguments."""

    __slots__ = ("facts", "function", "how", "kind", "name", "options", "place")

    def __init__(
        self, kind: str, function: Any, how: dict[str, Any], options: dict[str, Any], *, place: str, name: str
    ) -> None:
        """Take what was checked; ``how`` are the arguments of the stage, ``options`` those of its tasks."""
        self.kind = kind
        self.function = function
        self.how = how
        self.options = options
        self.place = place
        self.name = name
        self.facts: dict[str, Any] = {}
        """What else decides over its results, for a journal."""

    @property
    def is_call(self) -> bool:
        """Whether it calls a function of the user's."""
        return self.kind in _CALLS

    @property
    def can_fuse(self) -> bool:
        """Whether nobody could tell if it ran together with a neighbour."""
        room = _ROOM if self.place == "process" else frozenset[str]()
        is_told_apart = (self.how.keys() - room) or (self.options.keys() - {"name", "on"})
        return self.is_call and self.place != "native" and not is_told_apart


def call(runtime: Runtime, kind: str, function: Any, given: Mapping[str, Any]) -> Stage:
    """Return a stage that calls a function of the user's.

    Raises:
        TypeError: If ``function`` can't be called, or an argument has the wrong type.
        ValueError: If a value is out of range.
    """
    inner, _, own = functions.resolve(function)
    how, rest = _split(given)
    name = functions.name_of(inner)
    if own["on"] == "native":
        options = _operation_options(runtime, rest)
        if kind == "filter":
            message = f"filter needs a function that tells yes or no at once, and {name} is an operation of Rust"
            raise TypeError(message)
        return Stage(kind, function, how, options, place="native", name=f"{kind} {options.pop('name', name)}")
    # What the runtime's view, the call and the function say, the nearest first.
    own_options = {option: value for option, value in own.items() if option != "on"}
    options = {**own_options, **runtime._options, **runtime._checked(rest)}  # noqa: SLF001 - the core and its extension are one unit
    place = options.setdefault("on", own["on"])
    functions.check_on(inner, place)
    return Stage(kind, function, how, options, place=place, name=f"{kind} {options.pop('name', name)}")


def operation(runtime: Runtime, kind: str, what: Any, given: Mapping[str, Any], *, concurrency: int) -> Stage:
    """Return a stage of operations of Rust."""
    how, rest = _split(given)
    how.setdefault("concurrency", concurrency)
    options = _operation_options(runtime, rest)
    return Stage(kind, what, how, options, place="native", name=options.pop("name", kind))


def together(group: list[Stage]) -> dict[str, Any]:
    """Return the arguments of stages that run as one: of two that say how much may be under way, the smaller."""
    how = dict(group[0].how)
    for stage in group[1:]:
        for name, value in stage.how.items():
            how[name] = min(value, how.get(name, value))
    return how


def joint(kind: str, how: dict[str, Any]) -> Stage:
    """Return a stage that needs no place."""
    stage = Stage(kind, None, how, {}, place="", name=kind)
    stage.facts = {name: value for name, value in how.items() if isinstance(value, int)}
    return stage


def _operation_options(runtime: Runtime, given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - set(_OPERATION)
    if unknown:
        known = ", ".join(sorted((*_OPERATION, *_OWN)))
        message = f"{min(unknown)!r} is not an option of a stage of operations; the options are {known}"
        raise TypeError(message)
    return runtime._checked(given)  # noqa: SLF001 - the core and its extension are one unit


def _split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the stage that differ from what they are by default, and the options of its tasks."""
    how: dict[str, Any] = {}
    for name in ("concurrency", "window"):
        if given.get(name) is not None:
            how[name] = _options.count(name, given[name])
    if given.get("window_bytes") is not None:
        how["window_bytes"] = _options.number_of_bytes("window_bytes", given["window_bytes"])
    if given.get("chunk", "auto") != "auto":
        how["chunk"] = _options.count("chunk", given["chunk"])
    ordered, errors = given.get("ordered", True), given.get("errors", "raise")
    if not isinstance(ordered, bool):
        message = f"ordered must be True or False, not {ordered!r}"
        raise TypeError(message)
    if errors not in {"raise", "return", "skip"}:
        message = f'errors must be "raise", "return" or "skip", not {errors!r}'
        raise ValueError(message)
    if not ordered:
        how["ordered"] = False
    if errors != "raise":
        how["errors"] = errors
    return how, {name: value for name, value in given.items() if name not in _OWN}
