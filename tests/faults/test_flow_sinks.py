"""Flows that break with a sink at their end: it holds whole batches, and the next run goes on where they end."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.faults import flow_runs
from tests.faults.mounts import private_mounts
from tests.scripts import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("io_is_warm")

BREAK = 150


def broken_source() -> Iterator[int]:
    """Yield some items, then fail."""
    yield from range(BREAK)
    message = "source broke"
    raise RuntimeError(message)


@pytest.mark.parametrize("kind", flow_runs.SINKS)
@pytest.mark.parametrize("journalled", ["with a journal", ""])
def test_source_that_breaks_leaves_what_came_before(rt: rv.Runtime, tmp_path: Path, kind: str, journalled: str) -> None:
    sink = flow_runs.SINKS[kind](tmp_path)
    flow = flow_runs.flow(rt, broken_source(), str(tmp_path / "log"), sink.journal if journalled else None)
    with pytest.raises(RuntimeError, match="source broke"):
        flow.batch(flow_runs.BATCH).to(sink.target(rt)).run()
    assert sink.content() == flow_runs.expected(BREAK)


@pytest.mark.parametrize("kind", flow_runs.SINKS)
def test_flow_whose_source_broke_goes_on_when_it_is_whole(tmp_path: Path, kind: str) -> None:
    sink = flow_runs.SINKS[kind](tmp_path)
    for source in (broken_source(), iter(range(flow_runs.ITEMS))):
        with rv.Runtime(workers=2) as rt:
            flow = flow_runs.flow(rt, source, str(tmp_path / "log"), sink.journal)
            try:
                flow.batch(flow_runs.BATCH).to(sink.target(rt)).run()
            except RuntimeError as error:
                assert str(error) == "source broke"  # noqa: PT017 - the first of two runs
            content = sink.content()
    assert content == flow_runs.expected()
    computed = flow_runs.computed(tmp_path)
    assert len(computed) <= flow_runs.ITEMS + flow_runs.BATCH


@pytest.mark.parametrize("kind", flow_runs.SINKS)
@pytest.mark.parametrize("stage", ["process", "thread"])
def test_stage_that_fails_leaves_what_came_before(rt: rv.Runtime, tmp_path: Path, kind: str, stage: Any) -> None:
    def refuse(row: flow_runs.Row) -> flow_runs.Row:
        return work.fail(row[0]) if row[0] >= BREAK else row

    sink = flow_runs.SINKS[kind](tmp_path)
    flow = flow_runs.flow(rt, range(flow_runs.ITEMS), str(tmp_path / "log"), None)
    with pytest.raises(ValueError, match=rf"(?m)refused {BREAK}$"):
        flow.map(refuse, on=stage).batch(flow_runs.BATCH).to(sink.target(rt)).run()
    assert sink.content() == flow_runs.expected(BREAK)


@pytest.mark.parametrize("kind", flow_runs.SINKS)
def test_row_that_the_sink_refuses_leaves_whole_batches(rt: rv.Runtime, tmp_path: Path, kind: str) -> None:
    def spoil(row: flow_runs.Row) -> Any:
        return (object(), *row[1:]) if row[0] >= BREAK else row

    sink = flow_runs.SINKS[kind](tmp_path)
    flow = flow_runs.flow(rt, range(flow_runs.ITEMS), str(tmp_path / "log"), None).map(spoil, on="thread")
    with pytest.raises((TypeError, ValueError, rv.RavelerError)):
        flow.batch(flow_runs.BATCH).to(sink.target(rt)).run()
    rows = sink.content()
    before = flow_runs.expected(BREAK)
    assert rows == before[: len(before) // flow_runs.BATCH * flow_runs.BATCH]


FULL = """
    import subprocess, sys
    from pathlib import Path
    import raveler as rv
    from tests.faults import flow_runs

    kind, folder, small, log = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    sink = flow_runs.SINKS[kind](folder)

    def wide(row):
        return (*row[:2], row[2] + "x" * 4000)

    def run():
        with rv.Runtime(workers=2) as rt:
            flow = flow_runs.flow(rt, range(flow_runs.ITEMS), log, sink.journal)
            flow.map(wide, on="thread").batch(flow_runs.BATCH).to(sink.target(rt)).run()

    try:
        run()
    except (OSError, rv.RavelerError) as error:
        print("full" if "full" in str(error) or "space" in str(error) else repr(error))
    rows = sink.content()
    whole = [(item, part, text + "x" * 4000) for item, part, text in flow_runs.expected()]
    print(0 < len(rows) < len(whole), rows == whole[:len(rows)], rows[-1][0] < whole[len(rows)][0])
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    run()
    print(sink.content() == whole)
"""


@pytest.mark.parametrize("kind", flow_runs.SINKS)
def test_full_disk_leaves_whole_batches_and_the_next_run_goes_on(tmp_path: Path, kind: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=1m none {disk} && exec "$@"'
    prefix = [*private_mounts(), "sh", "-c", mount, "sh"]
    log = str(tmp_path / "log")
    ended = run_script(FULL, kind, str(disk), "1m", log, folder=tmp_path, prefix=prefix, goal_s=5).check()
    assert ended.out.splitlines() == ["full", "True True True", "True"]


def test_folder_that_cannot_be_written_is_told_before_the_source_is_pulled(rt: rv.Runtime, tmp_path: Path) -> None:
    pulled = []

    def source() -> Iterator[int]:
        pulled.append(1)
        yield 1

    with pytest.raises(OSError, match="missing"):
        rt.flow(source()).map(work.identity).to(str(tmp_path / "missing" / "sink.jsonl")).run()
    assert pulled in ([], [1])


def test_mount_is_private(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    prefix = private_mounts()
    subprocess.run([*prefix, "mount", "-t", "tmpfs", "none", str(disk)], check=True)
    assert not disk.is_mount()
