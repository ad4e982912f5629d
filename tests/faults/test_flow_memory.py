"""Endless sources: memory stays flat however long a flow runs, and leaving it leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

GROWTH = 16 << 20

ENDLESS = """
    import itertools, os, sys
    import raveler as rv
    from tests import census, work

    STAGES = {
        "processes": lambda flow: flow.map(work.identity).filter(bool).map(len),
        "threads": lambda flow: flow.map(work.identity, on="thread").filter(bool, on="thread").map(len, on="thread"),
        "mixed": lambda flow: flow.map(work.identity).filter(bool, on="thread").map(len),
        "joints": lambda flow: flow.batch(10).window(2).flat_map(itertools.chain.from_iterable, on="thread").map(len),
        "nothing passes": lambda flow: flow.filter(lambda item: item == b"last").map(len),
    }

    def endless(first, last):
        for index in itertools.count():
            if index == first:
                sizes.append(census.resident_bytes(os.getpid()))
            yield b"x" * 1000
            if index > last and sys.argv[1] == "nothing passes":
                yield b"last"

    sizes = []
    first, last = map(int, sys.argv[2:])
    with rv.Runtime(workers=2) as rt:
        for index, size in enumerate(STAGES[sys.argv[1]](rt.flow(endless(first, last)))):
            if index > last or size == 4:
                break
        sizes.append(census.resident_bytes(os.getpid()))
    print(sizes[1] - sizes[0])
"""


@pytest.mark.parametrize(
    ("stages", "first", "last"),
    [
        ("processes", 20_000, 120_000),
        ("threads", 2_000, 12_000),
        ("mixed", 2_000, 12_000),
        ("joints", 2_000, 12_000),
        ("nothing passes", 20_000, 120_000),
    ],
)
def test_memory_stays_flat(tmp_path: Path, stages: str, first: int, last: int) -> None:
    ended = run_script(ENDLESS, stages, str(first), str(last), folder=tmp_path, goal_s=5).check()
    assert int(ended.out) < GROWTH


SLOW = """
    import itertools, os
    import raveler as rv
    from tests import census, work

    with rv.Runtime(workers=2) as rt:
        endless = (bytes(1_000_000) for _ in itertools.count())
        flow = rt.flow(endless).map(work.identity).map(work.identity, on="thread").map(len)
        before = census.resident_bytes(os.getpid())
        for count, _ in enumerate(flow):
            if count == 100:
                break
        print(census.resident_bytes(os.getpid()) - before)
"""


def test_large_items_do_not_pile_up(tmp_path: Path) -> None:
    grown = int(run_script(SLOW, folder=tmp_path, goal_s=5).check().out)
    assert grown < 256 << 20


BREAK = """
    import asyncio, gc, itertools, threading
    import raveler as rv
    from tests import census, work

    async def leave_early(rt):
        async for value in rt.flow(itertools.count()).map(work.double).map(work.identity, on="thread"):
            if value == 100:
                break

    with rv.Runtime(workers=2) as rt:
        for round in range(20):
            for value in rt.flow(itertools.count()).map(work.double).map(work.identity, on="thread"):
                if value == 100:
                    break
            asyncio.run(leave_early(rt))
            if round == 10:
                threads, workers = threading.active_count(), len(census.workers_of())
        assert threading.active_count() <= 2 * threads, threading.enumerate()
        assert len(census.workers_of()) <= workers
        print(rt.map(work.double, range(3)).list())
"""


def test_leaving_endless_flows_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    assert run_script(BREAK, folder=tmp_path, goal_s=5).check().out == "[0, 2, 4]\n"
