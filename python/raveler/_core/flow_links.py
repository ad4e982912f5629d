"""The runs of a flow: each pulls the one before it, on the thread of the consumer."""

from __future__ import annotations

from functools import partial

from raveler import _raveler
from raveler._core import functions
from raveler._core.flow_stages import together
from raveler._core.flow_window import StageWindow
from raveler._core.fusion import Fused, fused
from raveler._core.window import DEFAULT_CONCURRENCY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from raveler._core.flow_stages import Stage
    from raveler._core.runtime import Runtime

_JOINTS = {"batch", "window", "zip"}


class Link:
    """One run of a flow, and what a report says of it; a joint has no name."""

    __slots__ = ("capacity", "name", "outlet", "place", "run")

    def __init__(self, name: str | None, place: str, run: Any, capacity: int) -> None:
        """Take a run; ``capacity`` is how many of its items can run at once."""
        self.name = name
        self.place = place
        self.run = run
        self.capacity = capacity
        self.outlet: _raveler.Run[Any] | None = None
        """The joint by which its items leave, if one divides its results."""


class Chain:
    """Makes the runs of a flow, the first stage first."""

    def __init__(self, runtime: Runtime, signal: _raveler.Signal, *, marks: bool, firsts: Sequence[int] = ()) -> None:
        """Start with no runs; ``firsts`` are the indices of the first items of the stages, if not 0."""
        self.links: list[Link] = []
        self.runtime = runtime
        self.signal = signal
        self.marks = marks
        self._firsts = list(firsts)
        self._stages = 0
        self._number = 0
        self._numbers = (0, 0)

    def extend(self, source: Any, stages: Sequence[Stage]) -> Any:
        """Make the runs of stages over a source, and return the last of them, or the source if there is none."""
        for group in groups(stages):
            stage = group[0]
            self._numbers = (self._number + 1, self._number + len(group))
            self._number += len(group)
            if stage.is_call:
                source = self._calls(group, source)
            elif stage.kind in _JOINTS:
                source = self._joint(stage, source)
            elif stage.kind == "query":
                source = self._submitted(stage, source, stage.function)
            else:
                source = self._operations(stage, source)
        return source

    def count_one(self) -> None:
        """Count a stage whose run is made elsewhere."""
        self._number += 1
        self._numbers = (self._number, self._number)

    def add(self, name: str | None, place: str, run: Any, capacity: int) -> Any:
        """Add a run that was made elsewhere, and return it."""
        self.links.append(Link(name, place, run, capacity))
        return run

    def stage_arguments(self, name: str) -> dict[str, Any]:
        """Return what every run of a stage is told: whom to wake, and what it is called."""
        self._stages += 1
        # A journal knows the finished items by the first that is missing, so they come in order.
        order: dict[str, Any] = {"ordered": True} if self.marks else {}
        return order | {
            "signal": self.signal,
            "label": self._label(name),
            "marks": self.marks,
            "first": self._firsts[self._stages - 1] if self._stages <= len(self._firsts) else 0,
        }

    def _label(self, name: str) -> str:
        """Return what a note calls the stages that run next: by their numbers as the user wrote them."""
        first, last = self._numbers
        return f"stage {first} ({name})" if first == last else f"stages {first} to {last} ({name})"

    def _calls(self, group: list[Stage], source: Any) -> Any:
        stage = group[0]
        how = together(group)
        name = " | ".join(stage.name for stage in group)
        if stage.place == "native":
            run = self._submitted(stage, source, _caller(stage))
        elif stage.place == "process":
            run = self._processes(name, stage, how, _target(group), source)
        else:
            run = self._window(name, stage, how, _target(group), source)
        is_many = any(stage.kind != "map" for stage in group)
        if not is_many:
            return run
        joint: _raveler.Joint[Any] = _raveler.Joint("flatten", run, {"keeps_errors": how.get("errors") == "return"})
        self.links[-1].outlet = joint
        return self.add(None, "", joint, 0)

    def _processes(self, name: str, stage: Stage, how: dict[str, Any], function: Any, source: Any) -> Any:
        options = {"name": name, **stage.options}
        view = self.runtime._view(options)  # noqa: SLF001 - the core and its extension are one unit
        wrapping = view._state.wrapping  # noqa: SLF001 - the core and its extension are one unit
        if wrapping is not None:
            function, own = wrapping.around_items(function)
            options = {**own, **options}
        told = {"errors": "raise", "star": False, **how, **self.stage_arguments(name)}
        run: _raveler.MapRun[Any] = _raveler.MapRun(view, function, source, options | told)
        workers = self.runtime.workers
        return self.add(name, "process", run, min(workers, how.get("concurrency", workers)))

    def _window(self, name: str, stage: Stage, how: dict[str, Any], function: Any, source: Any) -> Any:
        view = self.runtime._view({"name": name, **stage.options})  # noqa: SLF001 - the core and its extension are one unit
        return self._windowed((name, stage, how), view, source, function=function)

    def _submitted(self, stage: Stage, source: Any, submit: Callable[..., Any]) -> Any:
        return self._windowed((stage.name, stage, stage.how), self.runtime, source, function=None, submit=submit)

    def _windowed(
        self, told: tuple[str, Stage, dict[str, Any]], view: Runtime, source: Any, *, function: Any, submit: Any = None
    ) -> Any:
        name, stage, how = told
        concurrency = how.get("concurrency") or DEFAULT_CONCURRENCY[stage.place]
        arguments: dict[str, Any] = {"ordered": how.get("ordered", True), **self.stage_arguments(name)}
        run: StageWindow[Any] = StageWindow(
            view,
            function,
            source,
            errors=how.get("errors", "raise"),
            concurrency=concurrency,
            window=how.get("window") or 4 * concurrency,
            is_loop=stage.place == "loop",
            submit=submit,
            has_limit=bool(stage.options.get("limit")),
            window_bytes=how.get("window_bytes"),
            **arguments,
        )
        return self.add(name, stage.place, run, concurrency)

    def _operations(self, stage: Stage, source: Any) -> Any:
        told = {"errors": "raise", "name": stage.name, **stage.options, **stage.how}
        told |= self.stage_arguments(stage.name)
        # A maker that remembers what it made belongs to one run.
        made: Any = stage.function
        maker: _raveler.Maker = made if isinstance(made, _raveler.Maker) else made()
        run: _raveler.NativeRun[Any] = _raveler.NativeRun(self.runtime, maker, source, told)
        return self.add(stage.name, "native", run, stage.how["concurrency"])

    def _joint(self, stage: Stage, source: Any) -> Any:
        how = dict(stage.how)
        if stage.kind == "batch":
            how["whole"] = self.marks
        elif stage.kind == "zip":
            how["others"] = [self._partner(other) for other in how["others"]]
        return self.add(None, "", _raveler.Joint(stage.kind, source, how), 0)

    def _partner(self, other: Any) -> Any:
        """Return the items that a zip adds: a flow becomes a part of this one."""
        from raveler._core.flow import Flow

        if not isinstance(other, Flow):
            return plain(other)
        # Its stages are counted by themselves, as they were written.
        number, self._number = self._number, 0
        last = self.extend(plain(other._source), other._stages)  # noqa: SLF001 - one flow within another
        self._number = number
        return last


def groups(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Return the stages in groups that run as one.

    Neighbours of one place run together if neither has arguments of its own, but for the room of stages of processes:
    random streams belong to what runs as one, and no size of a chunk may change them. What stands behind a ``flat_map``
    runs apart: an error there must not take those of its items along that came before.
    """
    found: list[list[Stage]] = []
    for stage in stages:
        before = found[-1][-1] if found else None
        if (
            before is not None
            and stage.can_fuse
            and before.can_fuse
            and stage.place == before.place
            and before.kind != "flat_map"
        ):
            found[-1].append(stage)
        else:
            found.append([stage])
    return found


def plain(source: Iterable[Any]) -> Iterator[Any]:
    """Return an iterator that waits for its items, whatever the source is."""
    iterator = iter(source)
    if isinstance(iterator, _raveler.Run) or hasattr(iterator, "_advance"):
        return _waiting(iterator)
    return iterator


def _waiting(iterator: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from iterator
    finally:
        iterator.close()  # type: ignore[attr-defined]


def _target(group: list[Stage]) -> Any:
    function = fused(group, group[0].place)
    if isinstance(function, Fused):
        return function
    inner, leading, _ = functions.resolve(function)
    return partial(inner, *leading) if leading else inner


def _caller(stage: Stage) -> Callable[..., Any]:
    function, options = stage.function, stage.options

    def submit(_call: int, _index: int, _function: Any, items: tuple[Any, ...]) -> Any:
        return function(*items, **options)

    return submit
