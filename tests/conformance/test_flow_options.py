"""Rules of the options of a stage: limits, retries and timeouts mean what they mean in ``map``."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.conformance.source import Source

if TYPE_CHECKING:
    from tests.conformance.conftest import NewRuntime
    from tests.gate import Gatekeeper

PLACES = ["process", "thread"]


def peak(log: str) -> int:
    """Return the most tasks that were inside at one time."""
    running = most = 0
    for line in Path(log).read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    return most


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("place", PLACES)
def test_limit_bounds_what_runs_at_once(new_runtime: NewRuntime, log: str, place: Any) -> None:
    rt = new_runtime(workers=4, limits={"db": 2})

    def enter(value: int) -> int:
        work.enter_and_leave(log, 0.004)
        return value

    assert rt.flow(range(20)).map(enter, limit="db", on=place).list() == list(range(20))
    assert peak(log) <= 2


@pytest.mark.needs("parallel")
def test_limit_is_shared_by_stages(new_runtime: NewRuntime, log: str) -> None:
    rt = new_runtime(workers=2, limits={"db": 1})

    def enter(value: int) -> int:
        work.enter_and_leave(log, 0.003)
        return value

    flow = rt.flow(range(12)).map(enter, limit="db").map(enter, limit="db", on="thread").map(enter, limit="db")
    assert flow.list() == list(range(12))
    assert peak(log) == 1


@pytest.mark.needs("parallel")
def test_stage_without_the_limit_goes_on(new_runtime: NewRuntime, keeper: Gatekeeper) -> None:
    rt = new_runtime(workers=2, limits={"db": 1})
    held = rt.options(limit="db").submit(work.pass_gate, keeper.gate)
    keeper.wait_for(1)
    seen: list[int] = []
    here = threading.Event()

    def note(value: int) -> int:
        seen.append(value)
        if len(seen) == 4:
            here.set()
        return value

    results = rt.flow(range(4)).map(note, on="thread", window=4).map(work.double, limit="db", window=4).results()
    consumer = threading.Thread(target=lambda: seen.extend(results))
    consumer.start()
    assert here.wait(60)
    keeper.release()
    consumer.join()
    held.result()
    assert sorted(seen[:4]) == [0, 1, 2, 3]
    assert seen[4:] == [0, 2, 4, 6]


def test_limit_may_be_a_rate(rt: rv.Runtime, log: str) -> None:
    rt.flow([log] * 9).map(work.stamp, limit="slow").list()
    stamps = sorted(float(line) for line in Path(log).read_text().split())
    assert stamps[-1] - stamps[0] >= 0.35


def test_failed_items_give_their_share_back(rt: rv.Runtime) -> None:
    assert rt.flow(range(10)).map(work.fail_if_odd, limit="pair", errors="skip").list() == list(range(0, 10, 2))
    assert rt.options(limit="pair").submit(work.double, 2).result() == 4


def test_unknown_limit_is_named_beside_the_known_ones(rt: rv.Runtime) -> None:
    with pytest.raises(ValueError, match=r"(?s)disk.*pair|pair.*disk"):
        rt.flow(range(3)).map(work.double, limit="disk")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("position", [0, 1])
def test_each_item_of_a_stage_has_its_own_retries(rt: rv.Runtime, tmp_path: Path, place: Any, position: int) -> None:
    logs = [str(tmp_path / f"item{index}") for index in range(8)]
    flow: Any = rt.flow(logs)
    for _ in range(position):
        flow = flow.map(work.identity)
    flow = flow.map(lambda log: work.succeed_on_attempt(log, 3), retries=2, on=place, backoff=0.001)
    assert flow.map(work.double).list() == [6] * 8


def test_coroutine_of_a_stage_is_retried(rt: rv.Runtime, log: str) -> None:
    async def attempt(path: str) -> int:
        await asyncio.sleep(0)
        return work.succeed_on_attempt(path, 3)

    assert rt.flow([log]).map(attempt, retries=2, backoff=0.001).list() == [3]


@pytest.mark.parametrize("verb", ["filter", "flat_map"])
def test_filter_and_flat_map_are_retried(rt: rv.Runtime, log: str, verb: str) -> None:
    def third_time(path: str) -> list[int]:
        return [work.succeed_on_attempt(path, 3)]

    flow: Any = rt.flow([log])
    results = getattr(flow, verb)(third_time, retries=2, backoff=0.001).list()
    assert results == ([log] if verb == "filter" else [3])


def test_error_of_the_last_attempt_is_that_of_the_item(rt: rv.Runtime, log: str) -> None:
    flow = rt.flow([log]).map(lambda path: work.succeed_on_attempt(path, 9), retries=2, backoff=0.001, errors="return")
    (error,) = flow.list()
    assert str(error) == "refused 3"
    assert len(Path(log).read_bytes().splitlines()) == 3


def test_only_the_named_errors_are_retried(rt: rv.Runtime, log: str) -> None:
    with pytest.raises(ValueError, match="refused"):
        rt.flow([log]).map(work.key_error_then_value_error, retries=5, retry_on=KeyError, backoff=0.001).list()
    assert len(Path(log).read_bytes().splitlines()) == 2


@pytest.mark.needs("kill")
def test_stage_over_its_timeout_fails_with_task_timeout(rt: rv.Runtime) -> None:
    def hang_at_two(value: int) -> int:
        if value == 2:
            work.hang_in_python()
        return value

    flow = rt.flow(range(5)).map(work.identity).map(hang_at_two, timeout=0.3)
    results = iter(flow.map(work.double))
    assert [next(results), next(results)] == [0, 2]
    with pytest.raises(rv.TaskTimeout, match="hang_at_two"):
        next(results)


@pytest.mark.needs("kill")
@pytest.mark.parametrize("errors", ["return", "skip"])
def test_only_the_slow_item_times_out(rt: rv.Runtime, errors: Any) -> None:
    def hang_at_two(value: int) -> int:
        if value == 2:
            work.hang_in_c()
        return value

    flow = rt.flow(range(6)).map(work.identity).map(hang_at_two, timeout=0.3, errors=errors)
    results = flow.map(work.identity, on="thread").list()
    assert [value for value in results if isinstance(value, int)] == [0, 1, 3, 4, 5]
    assert [index for index, value in enumerate(results) if isinstance(value, rv.TaskTimeout)] == [2] * (
        errors == "return"
    )


@pytest.mark.needs("kill")
def test_timeout_holds_for_coroutines(rt: rv.Runtime) -> None:
    async def hang_at_two(value: int) -> int:
        if value == 2:
            await asyncio.Event().wait()
        return value

    results = rt.flow(range(4)).map(hang_at_two, timeout=0.2, errors="return").list()
    assert isinstance(results[2], rv.TaskTimeout)
    assert results[:2] + results[3:] == [0, 1, 3]


@pytest.mark.needs("parallel")
def test_timeout_holds_for_threads(rt: rv.Runtime) -> None:
    over = threading.Event()

    def hang_at_two(value: int) -> int:
        if value == 2:
            over.wait()
        return value

    results = rt.flow(range(4)).map(hang_at_two, on="thread", timeout=0.2, errors="return").list()
    over.set()
    assert isinstance(results[2], rv.TaskTimeout)
    assert results[:2] + results[3:] == [0, 1, 3]


@pytest.mark.needs("kill")
def test_attempt_that_timed_out_is_retried(rt: rv.Runtime, log: str) -> None:
    def hang_at_first(path: str) -> int:
        attempt = work.append(path, "attempt")
        if attempt == 1:
            work.hang_in_python()
        return attempt

    flow = rt.flow([log]).map(work.identity).map(hang_at_first, retries=1, timeout=0.3, backoff=0.001)
    assert flow.list() == [2]


def test_name_of_a_stage_stands_in_the_report(rt: rv.Runtime) -> None:
    report = rt.flow(range(3)).map(lambda value: value, name="wash").to(lambda _: None).run()
    assert any("wash" in stage.name for stage in report.stages)


def test_name_of_a_stage_stands_in_the_note_of_its_error(rt: rv.Runtime) -> None:
    with pytest.raises(ValueError, match="refused 2") as caught:
        rt.flow(range(4)).map(lambda value: work.fail_at(2, value), name="wash").map(work.double).list()
    assert "wash" in "\n".join(caught.value.__notes__)


BAD_CALLS: dict[str, Any] = {
    "source that cannot be iterated": lambda rt: rt.flow(5),
    "function that is none": lambda rt: rt.flow([]).map(5),
    "filter by what is no function": lambda rt: rt.flow([]).filter("yes"),
    "flat_map by nothing": lambda rt: rt.flow([]).flat_map(None),
    "batch of none": lambda rt: rt.flow([]).batch(0),
    "batch of less": lambda rt: rt.flow([]).batch(-3),
    "batch of half": lambda rt: rt.flow([]).batch(1.5),
    "window of none": lambda rt: rt.flow([]).window(0),
    "window without a step": lambda rt: rt.flow([]).window(2, step=0),
    "zip with a number": lambda rt: rt.flow([]).zip(5),
    "unknown policy": lambda rt: rt.flow([]).map(len, errors="ignore"),
    "unknown place": lambda rt: rt.flow([]).map(len, on="cloud"),
    "unknown option": lambda rt: rt.flow([]).map(len, colour="red"),
    "window of items below one": lambda rt: rt.flow([]).map(len, window=0),
    "window of bytes below one": lambda rt: rt.flow([]).map(len, window_bytes=0),
    "concurrency below one": lambda rt: rt.flow([]).map(len, concurrency=0, on="thread"),
    "retries below none": lambda rt: rt.flow([]).map(len, retries=-1),
    "timeout of nothing": lambda rt: rt.flow([]).map(len, timeout=0),
    "sink that is none": lambda rt: rt.flow([]).to(5),
    "sink batch of none": lambda rt: rt.flow([]).to(print, batch=0),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_argument_fails_at_the_call(rt: rv.Runtime, case: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        BAD_CALLS[case](rt)
    assert len(str(caught.value)) > 20


def test_bad_argument_is_told_with_what_would_have_been_accepted(rt: rv.Runtime) -> None:
    flow: Any = rt.flow([])
    with pytest.raises(ValueError, match=r"(?s)(?=.*ignore)(?=.*raise)(?=.*return)(?=.*skip)"):
        flow.map(len, errors="ignore")
    with pytest.raises(ValueError, match="0"):
        flow.batch(0)


def test_source_is_not_touched_by_a_bad_call(rt: rv.Runtime) -> None:
    source = Source()
    flow: Any = rt.flow(source.items())
    with pytest.raises(ValueError, match="-1"):
        flow.map(work.double, retries=-1)
    assert source.pulled == 0
