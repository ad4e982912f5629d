"""Threads and loops: calls run in their context, are settled whatever they do, and can be given up."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from raveler._core import places
from raveler._core.calls import Abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raveler._core.loop_place import LoopPlace
    from raveler._core.thread_place import ThreadPlace

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")
GOAL_S = 10


class FakeCall:
    """Stands for a call of the extension."""

    def __init__(self, fn: Callable[..., Any], *args: Any, begins: bool = True, seed: int = 1) -> None:
        self.fn, self.args, self.name = fn, args, "fake"
        self.kwargs: dict[str, Any] = {}
        self.seed = seed.to_bytes(16, "little")
        self.context = copy_context()
        self.begins = begins
        self.ended = threading.Event()
        self.outcome: tuple[str, Any] = ("open", None)

    def begin(self) -> bool:
        return self.begins

    def value(self, value: object) -> None:
        self._end("value", value)

    def error(self, error: BaseException) -> None:
        self._end("error", error)

    def cancelled(self) -> None:
        self._end("cancelled", None)

    def _end(self, kind: str, value: Any) -> None:
        self.outcome = (kind, value)
        self.ended.set()

    def wait(self) -> tuple[str, Any]:
        assert self.ended.wait(GOAL_S)
        return self.outcome


@pytest.fixture
def threads() -> Iterator[ThreadPlace]:
    place = places.ThreadPlace(4)
    yield place
    place.close()


@pytest.fixture
def loop() -> Iterator[LoopPlace]:
    place = places.LoopPlace()
    yield place
    place.close()


def start(place: Any, *calls: FakeCall) -> None:
    for call in calls:
        place.start(call)


def test_a_thread_call_ends_with_its_value_or_error(threads: ThreadPlace) -> None:
    good, bad, leaving = FakeCall(pow, 2, 3), FakeCall(int, "x"), FakeCall(lambda: exec("raise SystemExit(3)"))  # noqa: S102
    start(threads, good, bad, leaving)
    assert good.wait() == ("value", 8)
    assert type(bad.wait()[1]) is ValueError
    assert type(leaving.wait()[1]) is SystemExit


def test_a_call_that_was_cancelled_before_never_runs(threads: ThreadPlace) -> None:
    ran = threading.Event()
    call = FakeCall(ran.set, begins=False)
    after = FakeCall(int)
    start(threads, call, after)
    after.wait()
    assert not ran.is_set()


def test_threads_are_named_made_on_demand_and_bounded(threads: ThreadPlace) -> None:
    gate = threading.Event()
    names: set[str] = set()

    def hold() -> None:
        names.add(threading.current_thread().name)
        gate.wait(GOAL_S)

    first = FakeCall(int)
    start(threads, first)
    first.wait()
    calls = [FakeCall(hold) for _ in range(9)]
    start(threads, *calls)
    gate.set()
    for call in calls:
        call.wait()
    assert names <= {f"raveler-thread-{n}" for n in (1, 2, 3, 4)}


def test_a_call_runs_in_a_copy_of_its_context_with_its_stream(threads: ThreadPlace) -> None:
    token = VARIABLE.set("here")
    call = FakeCall(lambda: (VARIABLE.get(), VARIABLE.set("there"), rv.rng().random()), seed=5)
    VARIABLE.reset(token)
    same = FakeCall(lambda: rv.rng().random(), seed=5)
    start(threads, call, same)
    kind, value = call.wait()
    assert (kind, value[0]) == ("value", "here")
    assert same.wait()[1] == value[2]
    assert call.context[VARIABLE] == "here"


def test_an_abandoned_call_gets_an_exception_and_its_thread_goes_on(threads: ThreadPlace) -> None:
    running = threading.Event()
    seen: list[type[BaseException]] = []

    def spin() -> None:
        try:
            running.set()
            while True:
                pass
        except BaseException as error:
            seen.append(type(error))
            raise

    call = FakeCall(spin)
    start(threads, call)
    assert running.wait(GOAL_S)
    assert threads.abandon(call)  # type: ignore[arg-type]
    assert call.wait()[0] == "cancelled"
    assert seen == [Abandoned]
    calls = [FakeCall(pow, 2, 3) for _ in range(20)]
    start(threads, *calls)
    assert [each.wait() for each in calls] == [("value", 8)] * 20
    assert threads.abandoned == []
    assert not threads.abandon(call)  # type: ignore[arg-type]


def test_an_abandoned_call_that_does_not_end_is_reported() -> None:
    place = places.ThreadPlace(1)
    gate, running = threading.Event(), threading.Event()

    def stuck() -> None:
        running.set()
        gate.wait(GOAL_S)

    call = FakeCall(stuck)
    start(place, call)
    assert running.wait(GOAL_S)
    place.abandon(call)  # type: ignore[arg-type]
    assert place.abandoned == ["fake"]
    with pytest.warns(RuntimeWarning, match="fake"):
        place.close()
    gate.set()
    assert call.wait()[0] == "cancelled"


def test_a_closed_place_takes_no_calls() -> None:
    place = places.ThreadPlace()
    place.close()
    call = FakeCall(int)
    start(place, call)
    assert call.wait()[0] == "cancelled"


async def double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


def test_a_coroutine_call_ends_with_its_value_or_error(loop: LoopPlace) -> None:
    async def fail() -> None:
        raise KeyError(1)

    good, bad, plain = FakeCall(double, 4), FakeCall(fail), FakeCall(pow, 2, 3)
    start(loop, good, bad, plain)
    assert good.wait() == ("value", 8)
    assert type(bad.wait()[1]) is KeyError
    assert plain.wait() == ("value", 8)


def test_a_cancelled_coroutine_ends(loop: LoopPlace) -> None:
    running = threading.Event()

    async def forever() -> None:
        running.set()
        await asyncio.Event().wait()

    call = FakeCall(forever)
    start(loop, call)
    assert running.wait(GOAL_S)
    loop.cancel(call)  # type: ignore[arg-type]
    assert call.wait()[0] == "cancelled"


def test_a_coroutine_keeps_its_context_and_stream(loop: LoopPlace) -> None:
    async def look() -> tuple[str, float]:
        await asyncio.sleep(0)
        return VARIABLE.get(), rv.rng().random()

    token = VARIABLE.set("here")
    calls = [FakeCall(look, seed=5), FakeCall(look, seed=5)]
    VARIABLE.reset(token)
    start(loop, *calls)
    assert calls[0].wait() == calls[1].wait()
    assert calls[0].wait()[1][0] == "here"


def test_closing_a_loop_cancels_what_runs() -> None:
    place = places.LoopPlace()
    running = threading.Event()

    async def forever() -> None:
        running.set()
        await asyncio.Event().wait()

    call = FakeCall(forever)
    start(place, call)
    assert running.wait(GOAL_S)
    place.close()
    assert call.wait()[0] == "cancelled"
    late = FakeCall(double, 1)
    start(place, late)
    assert late.wait()[0] == "cancelled"


def test_an_adopted_loop_runs_the_calls() -> None:
    async def main() -> tuple[str, Any]:
        place = places.LoopPlace(asyncio.get_running_loop())
        assert place.thread_id == threading.get_ident()
        call = FakeCall(double, 4)
        place.start(call)  # type: ignore[arg-type]
        await asyncio.to_thread(call.wait)
        place.close()
        return call.outcome

    assert asyncio.run(main()) == ("value", 8)


def test_an_inline_call_runs_here_coroutine_or_not() -> None:
    plain, coroutine = FakeCall(threading.get_ident), FakeCall(double, 4)
    places.run_inline(plain)  # type: ignore[arg-type]
    places.run_inline(coroutine)  # type: ignore[arg-type]
    assert plain.outcome == ("value", threading.get_ident())
    assert coroutine.outcome == ("value", 8)
