"""The journal of a flow: what its results depend on, and a run that goes on where an earlier one ended."""

from __future__ import annotations

from raveler import _raveler
from raveler._core.fingerprint import Fingerprint, part
from raveler._core.flow_links import Chain, groups, plain
from raveler._core.flow_results import finished, length
from raveler._core.journal import Journal
from raveler._core.journal_map import DECIDING
from raveler._core.journal_results import JournaledResults
from raveler._core.journal_store import FileStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from raveler._core.fingerprint import Part
    from raveler._core.flow import Flow
    from raveler._core.results import Results
    from raveler._core.sinks.sink import Sink


def journaled(flow: Flow[Any], progress: Any) -> Results[Any]:
    """Return the items of a flow: those that its journal holds, then those that are missing, recorded one by one."""
    path, reset = flow._journal or ("", False)  # noqa: SLF001 - the parts of a flow are one unit
    runtime = flow._runtime  # noqa: SLF001 - the parts of a flow are one unit
    runtime._check_open()  # noqa: SLF001 - the core and its extension are one unit
    journal = Journal.open(FileStore(path), fingerprint(flow), reset=reset)
    try:
        chain = Chain(runtime, _raveler.Signal(runtime), marks=True, firsts=firsts(journal))
        source = journal.source(plain(flow._source))  # noqa: SLF001 - the parts of a flow are one unit
        last = chain.extend(source, flow._stages)  # noqa: SLF001 - the parts of a flow are one unit
        run = finished(chain, last, length(flow._source, journal.done), progress)  # noqa: SLF001 - the parts of a flow are one unit
        is_inline = runtime.engine == "serial"
        return JournaledResults(run, journal, is_inline=is_inline, state=lambda upto: {"stages": run.indices(upto)})
    except BaseException:
        journal.close()
        raise


def of_sink(flow: Flow[Any], sink: Sink) -> Journal | None:
    """Return the journal of a flow into a sink, opened: in the database of the sink if it has one, else in a file."""
    if flow._journal is None:  # noqa: SLF001 - the parts of a flow are one unit
        return None
    name, reset = flow._journal  # noqa: SLF001 - the parts of a flow are one unit
    if sink.database is None:
        return Journal.open(FileStore(name), fingerprint(flow), reset=reset)
    from raveler._core.journal_tables import TableStore

    return Journal.open(TableStore(sink.database, name), fingerprint(flow), reset=reset)


def firsts(journal: Journal | None) -> list[int]:
    """Return the index of the first item of each stage: where the journal says that they were."""
    if journal is None:
        return []
    recorded: list[int] = journal.state.get("stages", [])
    return recorded


def fingerprint(flow: Flow[Any]) -> Fingerprint:
    """Return what the results of a flow depend on.

    Raises:
        ValueError: If the flow has a stage that can't go on in the middle.
    """
    parts: list[Part] = []
    # Which stages run as one decides over their random streams.
    numbers = [number for number, group in enumerate(groups(flow._stages)) for _ in group]  # noqa: SLF001 - the parts of a flow are one unit
    for number, stage in zip(numbers, flow._stages, strict=True):  # noqa: SLF001 - the parts of a flow are one unit
        if stage.kind in {"window", "zip"}:
            message = (
                f"a journal can't go on in the middle of {stage.kind}(), whose items belong to several items of the "
                f"source; leave journal= out, or make a flow of two parts"
            )
            raise ValueError(message)
        deciding = {name: value for name, value in {**stage.options, **stage.how}.items() if name in DECIDING}
        parts.append(
            part(stage.kind, stage.function if stage.is_call else None, deciding | stage.facts | {"run": number})
        )
    return Fingerprint.of(tuple(parts), seed=flow._runtime.seed)  # noqa: SLF001 - the parts of a flow are one unit
