"""A flow that runs: its items as results, and what its stages did."""

from __future__ import annotations

from time import monotonic
from weakref import ref

from raveler import _raveler
from raveler._core import flow_panel
from raveler._core.flow_links import Chain, plain
from raveler._core.flow_report import FlowReport, StageReport
from raveler._core.generic import T
from raveler._core.results import Results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from raveler._core.flow import Flow
    from raveler._core.flow_links import Link


class FlowResults(Results[T], _raveler.FlowRun[T]):
    """The items of a flow, each computed once; the iteration itself is Rust."""

    _name = "a flow"
    _links: list[Link]
    _length: int | None
    _began: float

    def report(self) -> FlowReport:
        """Return what the stages did until now."""
        named = [link for link in self._links if link.name is not None]
        reports = [_report(link, gauge) for link, gauge in zip(named, self.gauges(), strict=True)]
        away, pulling = self.spent
        seconds = monotonic() - self._began
        return FlowReport(seconds, tuple(reports), self._length, away=away, pulling=pulling)


def _report(link: Link, gauge: dict[str, Any]) -> StageReport:
    if link.outlet is not None:
        gauge["items_out"] = link.outlet.done_items
    return StageReport(place=link.place, **gauge)


def opened(chain: Chain, total: int | None, progress: Any) -> FlowResults[Any]:
    """Return the results of a chain of runs; `progress` is shown as they go on."""
    stages = [(link.name, link.run, link.capacity) for link in chain.links]
    panel = flow_panel.panel(progress)
    made: list[ref[FlowResults[Any]]] = []

    def tick(is_over: bool) -> None:  # noqa: FBT001 - Rust calls it
        run = made[0]()
        if panel is not None and run is not None:
            (panel.finish if is_over else panel.update)(run.report())

    results: FlowResults[Any] = FlowResults(chain.signal, stages, None if panel is None else tick)
    made.append(ref(results))
    results._links = chain.links  # noqa: SLF001 - the results are made here
    results._length = total  # noqa: SLF001 - the results are made here
    results._began = monotonic()  # noqa: SLF001 - the results are made here
    return results


def results(flow: Flow[T], progress: Any) -> Results[T]:
    """Run a flow and return its items."""
    given: Results[T]
    if flow._journal is None:  # noqa: SLF001 - the parts of a flow are one unit
        given = unrecorded(flow, progress)
    else:
        from raveler._core.flow_journal import journaled

        given = journaled(flow, progress)
    flow._runtime._track(given)  # noqa: SLF001 - the core and its extension are one unit
    return given


def unrecorded(flow: Flow[T], progress: Any) -> FlowResults[T]:
    """Run a flow without a journal and return its items."""
    runtime = flow._runtime  # noqa: SLF001 - the parts of a flow are one unit
    runtime._check_open()  # noqa: SLF001 - the core and its extension are one unit
    source = flow._source  # noqa: SLF001 - the parts of a flow are one unit
    chain = Chain(runtime, _raveler.Signal(runtime), marks=False)
    last = chain.extend(plain(source), flow._stages)  # noqa: SLF001 - the parts of a flow are one unit
    return finished(chain, last, length(source), progress)


def finished(chain: Chain, last: Any, total: int | None, progress: Any) -> FlowResults[Any]:
    """Return the results of a chain, whose last run or source is `last`."""
    if not chain.links:
        # A flow without stages gives what its source does.
        chain.add(None, "", _raveler.Joint("flatten", ([item] for item in last), {}), 0)
    return opened(chain, total, progress)


def run(flow: Flow[Any], progress: Any) -> FlowReport:
    """Run a flow for its effects and return what its stages did."""
    items: Any = results(flow, progress)
    with items:
        for _ in items:
            pass
        # A journal stands around the run that it records.
        run: FlowResults[Any] = getattr(items, "_results", items)
        return run.report()


def length(source: Iterable[Any], done: int = 0) -> int | None:
    """Return how many items of a source are left if so many are done, where its length is known."""
    if not hasattr(type(source), "__len__"):
        return None
    return max(0, len(source) - done)  # type: ignore[arg-type]
