"""Rules of places in a flow: each stage runs where its kind of work belongs."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests import work

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("default_runtime")

USER: ContextVar[str] = ContextVar("USER", default="nobody")


async def increase(value: int) -> int:
    """Return one more, later."""
    await asyncio.sleep(0)
    return value + 1


@pytest.mark.needs("processes")
def test_plain_function_runs_in_a_worker(rt: rv.Runtime) -> None:
    assert os.getpid() not in rt.flow(range(10)).map(work.process_id).list()


@pytest.mark.needs("parallel")
def test_thread_stage_runs_in_this_process_off_the_callers_thread(rt: rv.Runtime) -> None:
    def where(_: int) -> tuple[int, bool]:
        return os.getpid(), threading.get_ident() == caller

    caller = threading.get_ident()
    assert set(rt.flow(range(10)).map(where, on="thread").list()) == {(os.getpid(), False)}


def test_thread_stage_gets_the_very_object(rt: rv.Runtime) -> None:
    items = [object() for _ in range(5)]
    results = rt.flow(items).filter(lambda _: True, on="thread").map(work.identity, on="thread").list()
    assert [id(item) for item in results] == [id(item) for item in items]


def test_coroutine_function_runs_on_the_loop(rt: rv.Runtime) -> None:
    async def where(_: int) -> int:
        await asyncio.sleep(0)
        return os.getpid()

    assert set(rt.flow(range(10)).map(where).list()) == {os.getpid()}


def test_coroutine_function_may_filter_and_flat_map(rt: rv.Runtime) -> None:
    async def is_even(value: int) -> bool:
        await asyncio.sleep(0)
        return value % 2 == 0

    async def twice(value: int) -> list[int]:
        await asyncio.sleep(0)
        return [value, value]

    assert rt.flow(range(6)).filter(is_even).flat_map(twice).list() == [0, 0, 2, 2, 4, 4]


@pytest.mark.needs("parallel")
def test_coroutines_of_a_stage_are_bounded_by_concurrency(rt: rv.Runtime) -> None:
    running = peak = 0
    met = asyncio.Event()

    async def count(value: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        # The first ones wait for each other, so that nothing depends on how fast they are started.
        if peak == 4:
            met.set()
        await met.wait()
        running -= 1
        return value

    assert rt.flow(range(50)).map(count, concurrency=4).map(work.double).list() == [2 * index for index in range(50)]
    assert peak == 4


@pytest.mark.needs("parallel")
def test_threads_of_a_stage_are_bounded_by_concurrency(rt: rv.Runtime) -> None:
    lock = threading.Lock()
    barrier = threading.Barrier(3)
    running = peak = 0

    def count(value: int) -> int:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        barrier.wait()
        with lock:
            running -= 1
        return value

    assert rt.flow(range(30)).map(count, on="thread", concurrency=3).list() == list(range(30))
    assert peak == 3


def test_native_operation_can_be_a_stage(rt: rv.Runtime, tmp_path: Path) -> None:
    paths = [tmp_path / str(index) for index in range(12)]
    for index, path in enumerate(paths):
        path.write_bytes(b"x" * index)
    assert rt.flow(paths).map(rv.files.read).map(len).list() == list(range(12))


def test_read_stage_reads_files(rt: rv.Runtime, tmp_path: Path) -> None:
    paths = [tmp_path / str(index) for index in range(12)]
    for index, path in enumerate(paths):
        path.write_text(f"text {index}")
    assert rt.flow(paths).read().list() == [f"text {index}".encode() for index in range(12)]
    assert rt.flow(map(str, paths)).read(encoding="utf-8").map(str.upper).list() == [f"TEXT {i}" for i in range(12)]


def test_read_stage_obeys_its_error_policy(rt: rv.Runtime, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text("good")
    paths = [good, tmp_path / "missing", good]
    assert rt.flow(paths).read(errors="skip").list() == [b"good", b"good"]
    returned = rt.flow(paths).read(errors="return").list()
    assert isinstance(returned[1], FileNotFoundError)
    results = iter(rt.flow(paths).read())
    assert next(results) == b"good"
    with pytest.raises(FileNotFoundError):
        next(results)


def test_query_stage_asks_a_database_for_each_item(rt: rv.Runtime, tmp_path: Path) -> None:
    with rv.db.connect(f"sqlite:{tmp_path / 'test.db'}", runtime=rt) as db:
        db.execute("CREATE TABLE words (id INTEGER, word TEXT)").result()
        db.table("words").insert([{"id": index, "word": f"w{index}"} for index in range(20)]).result()
        tuples = rt.flow([(3,), (99,), (4,)]).query(db, "SELECT word FROM words WHERE id = ?").list()
        dicts = rt.flow(range(3)).query(db, "SELECT word FROM words WHERE id = ?", as_="dicts").list()
        chained = rt.flow(range(20)).map(work.identity).query(db, "SELECT id, word FROM words WHERE id = ?").map(len)
        assert sum(chained) == 20
    assert tuples == [[("w3",)], [], [("w4",)]]
    assert dicts == [[{"word": f"w{index}"}] for index in range(3)]


def test_places_can_be_mixed(rt: rv.Runtime, tmp_path: Path) -> None:
    for index in range(10):
        (tmp_path / str(index)).write_text(str(index))
    flow = rt.flow(range(10)).map(lambda index: str(tmp_path / str(index))).read(encoding="utf-8").map(int, on="thread")
    assert flow.map(increase).map(work.double).batch(4).list() == [[2, 4, 6, 8], [10, 12, 14, 16], [18, 20]]


def test_threads_and_coroutines_carry_the_context(rt: rv.Runtime) -> None:
    async def read_later(_: object) -> str:
        return USER.get()

    def read(_: object) -> str:
        return USER.get()

    token = USER.set("ann")
    try:
        assert rt.flow(range(2)).map(read, on="thread").list() == ["ann", "ann"]
        assert rt.flow(range(2)).map(read_later).list() == ["ann", "ann"]
    finally:
        USER.reset(token)


def test_decorated_function_brings_its_options(rt: rv.Runtime) -> None:
    @rv.task(on="thread")
    def where(_: int) -> int:
        return os.getpid()

    assert set(rt.flow(range(4)).map(where).list()) == {os.getpid()}


@pytest.mark.needs("processes")
def test_option_of_the_stage_wins(rt: rv.Runtime) -> None:
    @rv.task(on="thread")
    def where(_: int) -> int:
        return os.getpid()

    assert os.getpid() not in rt.flow(range(4)).map(where, on="process").list()
    assert set(rt.options(on="process").flow(range(4)).map(work.process_id, on="thread").list()) == {os.getpid()}


def test_options_of_the_view_hold_for_all_stages(rt: rv.Runtime) -> None:
    assert set(rt.options(on="thread").flow(range(4)).map(work.process_id).list()) == {os.getpid()}
