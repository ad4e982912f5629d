"""Random chains of stages give what a chain of plain generators gives, whatever their places and windows."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance import flow_model
from tests.conformance.flow_model import Function, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import raveler as rv

CASES = 40
checked = settings(
    max_examples=CASES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

OPTIONS = st.fixed_dictionaries(
    {"on": st.sampled_from(["process", "process", "thread"])}, optional={"window": st.sampled_from([1, 2, 5, 40])}
)
POLICIES: st.SearchStrategy[Any] = st.sampled_from(["raise", "return", "skip"])


@st.composite
def functions(draw: st.DrawFn, verb: Any) -> Function:
    """Draw a function that refuses few items or many."""
    modulus = draw(st.sampled_from([1000, 37, 11, 5]))
    return Function(verb, draw(st.integers(1, 5)), modulus, draw(st.integers(0, modulus - 1)))


@st.composite
def working(draw: st.DrawFn) -> Stage:
    """Draw a stage with a function."""
    verb: Any = draw(st.sampled_from(["map", "filter", "flat_map"]))
    return Stage(verb, draw(functions(verb)), errors=draw(POLICIES), options=draw(OPTIONS))


BATCHES = st.builds(Stage, st.just("batch"), size=st.integers(1, 5))
WINDOWS = st.builds(Stage, st.just("window"), size=st.integers(1, 4), step=st.integers(1, 3))
ZIPS = st.builds(Stage, st.just("zip"), size=st.integers(0, 60))
CHAINS = st.lists(st.one_of(working(), working(), working(), BATCHES, WINDOWS, ZIPS), max_size=6)
BREAKS = st.one_of(st.none(), st.integers(0, 70))


def flow_of(rt: rv.Runtime, chain: list[Stage], items: Iterator[int]) -> Any:
    """Return a flow of these stages."""
    flow: Any = rt.flow(items)
    for stage in chain:
        flow = stage.on(flow)
    return flow


def expected(chain: list[Stage], count: int, breaks_at: int | None) -> tuple[list[str], str]:
    """Return what the model shows."""
    return flow_model.observed(flow_model.chained(chain, flow_model.source(count, breaks_at)))


@checked
@given(chain=CHAINS, count=st.integers(0, 60), breaks_at=BREAKS)
def test_random_chain_gives_what_the_model_gives(
    rt: rv.Runtime, chain: list[Stage], count: int, breaks_at: int | None
) -> None:
    found = flow_model.observed(flow_of(rt, chain, flow_model.source(count, breaks_at)))
    assert found == expected(chain, count, breaks_at)


@checked
@given(chain=CHAINS, count=st.integers(0, 60), breaks_at=BREAKS)
def test_random_chain_gives_the_same_when_awaited(
    rt: rv.Runtime, chain: list[Stage], count: int, breaks_at: int | None
) -> None:
    async def main() -> tuple[list[str], str]:
        seen: list[Any] = []
        try:
            async for item in flow_of(rt, chain, flow_model.source(count, breaks_at)):
                seen.append(item)  # noqa: PERF401 - keeps what came before the error
        except (ValueError, RuntimeError) as error:
            return flow_model.observed(seen)[0], repr(error)
        return flow_model.observed(seen)

    assert asyncio.run(main()) == expected(chain, count, breaks_at)


@checked
@given(chain=CHAINS, count=st.integers(0, 60), breaks_at=BREAKS)
def test_sink_of_a_random_chain_gets_what_the_model_gives(
    rt: rv.Runtime, chain: list[Stage], count: int, breaks_at: int | None
) -> None:
    seen: list[Any] = []
    ended = ""
    try:
        flow_of(rt, [*chain, Stage("batch", size=1)], flow_model.source(count, breaks_at)).to(seen.extend).run()
    except (ValueError, RuntimeError) as error:
        ended = repr(error)
    assert (flow_model.observed(seen)[0], ended) == expected(chain, count, breaks_at)


@checked
@given(chain=CHAINS, count=st.integers(0, 60), consumed=st.integers(0, 20))
def test_random_chain_can_be_left_anywhere(rt: rv.Runtime, chain: list[Stage], count: int, consumed: int) -> None:
    state = "untouched"

    def source() -> Iterator[int]:
        nonlocal state
        state = "open"
        try:
            yield from flow_model.source(count, None)
        finally:
            state = "closed"

    with flow_of(rt, chain, source()).results() as results:
        found = flow_model.observed(itertools.islice(results, consumed))
    model = flow_model.chained(chain, flow_model.source(count, None))
    assert found == flow_model.observed(itertools.islice(model, consumed))
    assert state != "open"


@pytest.mark.parametrize("errors", ["raise", "return", "skip"])
def test_model_itself_knows_its_policies(errors: Any) -> None:
    stage = Stage("map", Function("map", 1, 5, 2), errors=errors)
    items, error = flow_model.observed(stage.model(iter(range(4))))
    assert (items, error) == {
        "raise": (["1", "2"], "ValueError('map refused 2')"),
        "return": (["1", "2", "ValueError('map refused 2')", "4"], ""),
        "skip": (["1", "2", "4"], ""),
    }[errors]
