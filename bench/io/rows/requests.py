"""The rows about small requests: many of them, by one call or awaited one by one."""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import shutil
import subprocess
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from bench.io.surroundings import SMALL, address
from bench.io.timing import Load, cpu_time, in_loop, rate, spread
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

    Fetcher = Callable[[], int]

WIDTH = 64


def load_of(setting: Setting) -> Load:
    """Return how many requests are sent, and the bytes that come back."""
    count = setting.pick(20_000, 2_000)
    return Load(count, count * len(SMALL))


@contextmanager
def raveler_many(count: int) -> Iterator[Fetcher]:
    """Fetch by `get_many`."""
    import raveler as rv

    urls = [address("nginx") + "/small"] * count
    with rv.http.Client() as client:
        yield lambda: sum(len(response.content) for response in client.get_many(urls, concurrency=WIDTH))


@contextmanager
def pycurl_multi(count: int) -> Iterator[Fetcher]:
    """Fetch by a `CurlMulti` that keeps its easy handles, as its own example does."""
    import pycurl

    multi = pycurl.CurlMulti()
    easy = []
    for _ in range(WIDTH):
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, address("nginx") + "/small")
        easy.append(curl)

    def fetch() -> int:
        left, total = count, 0
        bodies: dict[Any, list[bytes]] = {}
        free = list(easy)
        running = 0
        while left or running:
            while free and left:
                curl = free.pop()
                bodies[curl] = []
                curl.setopt(pycurl.WRITEFUNCTION, bodies[curl].append)
                multi.add_handle(curl)
                left -= 1
                running += 1
            while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
                pass
            _, done, failed = multi.info_read()
            if failed:
                raise RuntimeError(str(failed[0][1:]))
            for curl in done:
                multi.remove_handle(curl)
                total += len(b"".join(bodies.pop(curl)))
                free.append(curl)
                running -= 1
            if running and not done:
                multi.select(1.0)
        return total

    yield fetch
    for curl in easy:
        curl.close()
    multi.close()


def by_call(fetcher: Callable[[int], AbstractContextManager[Fetcher]], *, cpu: bool = False) -> Contestant:
    """Return the contestant that fetches everything in one call."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        load = load_of(setting)
        with fetcher(load.count) as fetch:
            fetch()
            yield (cpu_time if cpu else rate)(fetch, load)

    return contest


@contextmanager
def wrk(setting: Setting) -> Iterator[Sample]:
    """Show what the server gives to a client that throws everything away."""
    if shutil.which("wrk") is None:
        raise ImportError("wrk is not installed on this machine")
    seconds = setting.pick(2, 1)

    def sample() -> float:
        command = ["wrk", "-t1", f"-c{WIDTH}", f"-d{seconds}s", address("nginx") + "/small"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        line = next(line for line in told.splitlines() if line.startswith("Requests/sec"))
        return float(line.split()[1])

    yield sample


@asynccontextmanager
async def raveler_awaited(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await `client.get`."""
    import raveler as rv

    url = address("nginx") + "/small"
    async with rv.http.Client() as client:

        async def one(_: int) -> int:
            return len((await client.get(url)).content)

        yield lambda: spread(load_of(setting).count, WIDTH, one)


@asynccontextmanager
async def aiohttp_session(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await an `aiohttp.ClientSession`."""
    import aiohttp

    url = address("nginx") + "/small"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WIDTH)) as session:

        async def one(_: int) -> int:
            async with session.get(url) as response:
                return len(await response.read())

        yield lambda: spread(load_of(setting).count, WIDTH, one)


@asynccontextmanager
async def ry_client(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await ry's HTTP client."""
    import ry

    url = address("nginx") + "/small"
    client = ry.Client()

    async def one(_: int) -> int:
        response = await client.get(url)
        return len(await response.bytes())

    yield lambda: spread(load_of(setting).count, WIDTH, one)


@asynccontextmanager
async def pyreqwest_client(setting: Setting) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Await pyreqwest's client."""
    from pyreqwest.client import ClientBuilder

    url = address("nginx") + "/small"
    async with ClientBuilder().build() as client:

        async def one(_: int) -> int:
            response = await client.get(url).build().send()
            return len(await response.bytes())

        yield lambda: spread(load_of(setting).count, WIDTH, one)


AWAITED = {
    "aiohttp": in_loop(aiohttp_session, load_of),
    "ry": in_loop(ry_client, load_of),
    "pyreqwest": in_loop(pyreqwest_client, load_of),
}

REQUEST_ROWS = (
    Row(
        name="get-many",
        work="20,000 GETs of 1 kB, 64 at once, by one call",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times pycurl", Comparison.FASTER, 1.0, than="pycurl"),
        contestants={
            RAVELER: by_call(raveler_many),
            "pycurl": by_call(pycurl_multi),
            "aiohttp": AWAITED["aiohttp"],
            "ry": AWAITED["ry"],
            "wrk": wrk,
        },
        references=("wrk",),
    ),
    Row(
        name="get-many-cpu",
        work="the same, CPU time of each request",
        unit=Unit.TIME,
        goal=Goal("≤ that of pycurl", Comparison.WITHIN, 1.0, than="pycurl"),
        contestants={RAVELER: by_call(raveler_many, cpu=True), "pycurl": by_call(pycurl_multi, cpu=True)},
    ),
    Row(
        name="await-get",
        work="20,000 GETs of 1 kB, awaited in 64 coroutines",
        unit=Unit.RATE,
        goal=Goal("≥ 1.0 times ry", Comparison.FASTER, 1.0, than="ry"),
        contestants={RAVELER: in_loop(raveler_awaited, load_of), **AWAITED},
        absent={"httpx": "gave some 500 requests a second in a short run: 20,000 of them hold up the rest"},
    ),
    Row(
        name="await-get-aiohttp",
        work="the same beside aiohttp",
        unit=Unit.RATE,
        goal=Goal("≥ 3.5 times aiohttp", Comparison.FASTER, 3.5, than="aiohttp"),
        contestants={RAVELER: in_loop(raveler_awaited, load_of), "aiohttp": AWAITED["aiohttp"]},
    ),
)
