"""A flow that ends in a sink: batches written one after the other on a thread, with a journal exactly once."""

from __future__ import annotations

from raveler import _raveler
from raveler._core import flow_journal
from raveler._core.flow_links import Chain, plain
from raveler._core.flow_results import length, opened
from raveler._core.flow_window import StageWindow
from raveler._core.sinks import open_sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from raveler._core.flow import Flow
    from raveler._core.flow_report import FlowReport
    from raveler._core.flow_results import FlowResults
    from raveler._core.journal import Journal
    from raveler._core.sinks.sink import Sink

_END = 1 << 62
"""A position behind all others."""


def sink_of(flow: Flow[Any], target: object, batch: int | None) -> Sink:
    """Return the sink that a flow ends in; nothing is opened.

    Raises:
        TypeError: If the target is nothing that a flow can end in.
        ValueError: If there are two sizes of a batch.
    """
    is_batched = flow._is_batched  # noqa: SLF001 - the parts of a flow are one unit
    if is_batched and batch is not None:
        message = f"the flow makes batches already; leave batch={batch} out, or the stage batch before it"
        raise ValueError(message)
    return open_sink(target, batch, wants_batches=is_batched, runtime=flow._runtime)  # noqa: SLF001 - the parts of a flow are one unit


def run(flow: Flow[Any], target: object, batch: int | None, progress: Any) -> FlowReport:
    """Run a flow into its sink and return what its stages did."""
    with Ending(flow, target, batch, progress) as results:
        for _ in results:
            pass
        return results.report()


async def run_awaited(flow: Flow[Any], target: object, batch: int | None) -> FlowReport:
    """Run a flow into its sink while the event loop goes on."""
    from raveler._core.adoption import InThread

    ending = Ending(flow, target, batch, progress=False)
    results: FlowResults[Any] = await InThread(ending.open)
    is_good = False
    try:
        async for _ in results:
            pass
        is_good = True
        return results.report()
    finally:
        try:
            await InThread(lambda: ending.close(failed=not is_good))
        finally:
            results.close()


class Ending:
    """The sink of one run, and its journal; a context manager that gives the results to drain."""

    def __init__(self, flow: Flow[Any], target: object, batch: int | None, progress: Any) -> None:
        """Open nothing yet."""
        self._flow = flow
        self._sink = sink_of(flow, target, batch)
        self._progress = progress
        self._journal: Journal | None = None
        self._results: FlowResults[Any] | None = None

    def open(self) -> FlowResults[Any]:
        """Open sink and journal, and return the results of the run."""
        flow, sink = self._flow, self._sink
        runtime = flow._runtime  # noqa: SLF001 - the parts of a flow are one unit
        runtime._check_open()  # noqa: SLF001 - the core and its extension are one unit
        try:
            self._journal = journal = flow_journal.of_sink(flow, sink)
            sink.open(None if journal is None else journal.state.get("sink", {}))
            self._results = self._opened(runtime, journal)
        except BaseException:
            self.close(failed=True)
            raise
        return self._results

    def close(self, *, failed: bool) -> None:
        """Close the sink and the journal."""
        try:
            self._sink.close(failed=failed)
        finally:
            if self._journal is not None:
                self._journal.close()

    def __enter__(self) -> FlowResults[Any]:
        """Open it."""
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Close it; an error of the run itself is the one that is raised."""
        try:
            try:
                # The sink first, so that a write that hangs is given up.
                self.close(failed=kind is not None)
            finally:
                if self._results is not None:
                    self._results.close()
        except Exception as second:
            if error is None:
                raise
            error.add_note(f"closing {self._sink.name} failed, too: {type(second).__name__}: {second}")

    def _opened(self, runtime: Any, journal: Journal | None) -> FlowResults[Any]:
        flow, sink = self._flow, self._sink
        source = plain(flow._source)  # noqa: SLF001 - the parts of a flow are one unit
        has_marks = journal is not None
        firsts = flow_journal.firsts(journal)
        chain = Chain(runtime, _raveler.Signal(runtime), marks=has_marks, firsts=firsts)
        last = chain.extend(source if journal is None else journal.source(source), flow._stages)  # noqa: SLF001 - the parts of a flow are one unit
        if not flow._is_batched:  # noqa: SLF001 - the parts of a flow are one unit
            how = {"size": sink.size, "whole": has_marks}
            last = chain.add(None, "", _raveler.Joint("batch", last, how), 0)
        if journal is not None:
            last = Stamped(last, [link.run for link in chain.links if link.name is not None])
        name = f"to {sink.name}"
        chain.count_one()
        told: dict[str, Any] = {"ordered": True, **chain.stage_arguments(name)}
        run: StageWindow[int] = StageWindow(
            runtime._view({"on": "thread", "name": name}),  # noqa: SLF001 - the core and its extension are one unit
            Writer(sink, journal),
            last,
            errors="raise",
            concurrency=1,
            window=1,
            is_loop=False,
            **told,
        )
        chain.add(name, "thread", run, 1)
        done = 0 if journal is None else journal.done
        return opened(chain, length(flow._source, done), self._progress)  # noqa: SLF001 - the parts of a flow are one unit


class Writer:
    """Writes one batch, and what the journal has to know of it."""

    def __init__(self, sink: Sink, journal: Journal | None) -> None:
        """Write nothing yet."""
        self._sink = sink
        self._journal = journal
        self._first = 0 if journal is None else journal.done

    def __call__(self, item: Any) -> int:
        """Write a batch; return the number of its items."""
        if self._journal is None:
            self._sink.write(item, None)
            return len(item)
        batch, finished, indices = item
        self._record(self._journal, batch, None if finished is None else self._first + finished, indices)
        return len(batch)

    def _record(self, journal: Journal, batch: list[Any], upto: int | None, indices: list[int]) -> None:
        state: dict[str, Any] = {"stages": indices}
        if self._sink.database is None:
            if batch:
                self._sink.write(batch, None)
            journal.record(upto, None, {**state, "sink": self._sink.state()})
            return
        rows = journal.rows(upto)
        self._sink.write(batch, lambda transaction: journal.commit(transaction, rows, state))
        journal.advance(rows, state)


class Stamped:
    """Batches with what a journal has to know: how far the source is with each, and where each stage is then."""

    def __init__(self, source: _raveler.Run[Any], runs: Sequence[Any]) -> None:
        """Stamp the batches that ``source`` gives; ``runs`` are the stages before it."""
        self._source = source
        self._runs = runs
        self._is_over = False

    def poll(self) -> Any:
        """Return a batch, how many source items are finished with it, and the next index of each stage.

        The last one is empty and finishes all that were pulled.
        """
        if self._is_over:
            raise StopIteration
        try:
            batch = self._source.poll()
        except StopIteration:
            self._is_over = True
            return [], None, [run._index_at(_END) for run in self._runs]  # noqa: SLF001 - the core and its extension are one unit
        if batch is _raveler.NOT_READY:
            return batch
        position, closes = self._source.mark()
        finished = position + closes
        return batch, finished, [run._index_at(finished) for run in self._runs]  # noqa: SLF001 - the core and its extension are one unit

    def mark(self) -> tuple[int, bool]:
        """Return where the last batch comes from."""
        return self._source.mark()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _advance(self) -> None:
        self._source._advance()  # noqa: SLF001 - the core and its extension are one unit
