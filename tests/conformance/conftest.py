"""The runtimes under test, one module-scoped for each engine and as many more as a test asks for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests import work
from tests.census import Census
from tests.conformance.engines import ENGINES, EngineUnderTest
from tests.conformance.loops import LOOPS
from tests.conftest import SETTLED
from tests.gate import Gatekeeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    NewRuntime = Callable[..., rv.Runtime]
    RunLoop = Callable[[Callable[[], Awaitable[Any]]], Any]

WORKERS = 2


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    """Give each engine in turn."""
    current: EngineUnderTest = request.param
    return current


@pytest.fixture(params=LOOPS)
def run_loop(request: pytest.FixtureRequest) -> RunLoop:
    """Give each event loop in turn."""
    return LOOPS[request.param]


@pytest.fixture(autouse=True)
def _capable(request: pytest.FixtureRequest) -> None:
    """Skip a test on an engine that lacks what the test needs."""
    if "engine" not in request.fixturenames:
        return
    current: EngineUnderTest = request.getfixturevalue("engine")
    for marker in request.node.iter_markers("needs"):
        missing = set(marker.args) - current.capabilities
        if missing:
            pytest.skip(f"this engine lacks {', '.join(sorted(missing))}")


@pytest.fixture(autouse=True)
def _clean(no_leaks: None) -> None:
    """Check every test of this folder for leaks."""


@pytest.fixture(scope="session", autouse=True)
def _process_is_warm() -> None:
    """Let each event loop and the default runtime make what they keep for the rest of the process."""

    async def nothing() -> None:
        pass

    for run in LOOPS.values():
        try:
            run(nothing)
        except pytest.skip.Exception:
            continue
    with rv.Runtime(engine="serial") as serial:
        serial.map(work.draw_nested, range(1)).list()


def warm(runtime: rv.Runtime, engine: EngineUnderTest, keeper: Gatekeeper) -> None:
    """Start all that a runtime starts lazily, so that the leak check can tell it from a leak."""
    if "processes" in engine.capabilities:
        tasks = [runtime.submit(work.pass_gate, keeper.gate) for _ in range(runtime.workers)]
        keeper.wait_for(runtime.workers)
        keeper.release(runtime.workers)
        for task in tasks:
            task.result()
    runtime.options(on="thread").submit(work.identity, 1).result()

    async def wait() -> None:
        await runtime.options(on="thread").submit(work.identity, 1)

    runtime.submit(wait).result()
    task = runtime.submit(work.identity, 1)
    for _ in range(20):
        task = task.then(work.identity)
    task.result()
    runtime.map(work.identity, range(100)).list()


@pytest.fixture(scope="module")
def rt(engine: EngineUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rv.Runtime]:
    """Give a warm runtime with two workers and the limits ``pair`` and ``slow``, shared by the tests of a module."""
    keeper = Gatekeeper(tmp_path_factory.mktemp("warm") / "gate")
    limits: dict[str, int | rv.Rate] = {"pair": 2, "slow": rv.Rate(3, per=0.2)}
    with rv.Runtime(workers=WORKERS, engine=engine.name, seed=7, limits=limits) as runtime:
        warm(runtime, engine, keeper)
        keeper.close()
        SETTLED.append(Census.take())
        yield runtime
        SETTLED.pop()


@pytest.fixture(scope="module")
def default_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rv.Runtime]:
    """Give the default runtime, warm; its workers end with the module, since other tests count workers."""
    keeper = Gatekeeper(tmp_path_factory.mktemp("default") / "gate")
    runtime = rv.options()
    warm(runtime, next(engine for engine in ENGINES if "processes" in engine.capabilities), keeper)
    rv.files.read(__file__).result()
    keeper.close()
    yield runtime
    runtime.close()


@pytest.fixture
def new_runtime(engine: EngineUnderTest) -> Iterator[NewRuntime]:
    """Give a maker of runtimes on this engine; all are closed after the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> rv.Runtime:
            defaults: dict[str, Any] = {"workers": WORKERS, "engine": engine.name}
            return stack.enter_context(rv.Runtime(**(defaults | options)))

        yield make
