"""Rules of where I/O can be called: scripts, threads, loops, workers, forked children."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd

pytestmark = pytest.mark.keeps_connections

SCRIPTS = {
    "plain": "print(len(rv.http.get(url).result().content))",
    "many": "print(sum(len(r.content) for r in rv.http.Client().get_many([url] * 10)) // 10)",
    "never asked": """
rv.http.get(url)
print(100)
""",
    "asyncio": """
import asyncio
async def main():
    return len((await rv.http.get(url)).content)
print(asyncio.run(main()))
""",
    "two loops one after another": """
import asyncio
async def main():
    return len((await rv.http.get(url)).content)
asyncio.run(main())
print(asyncio.run(main()))
""",
    "thread": """
import threading
def fetch():
    print(len(rv.http.get(url).result().content))
thread = threading.Thread(target=fetch)
thread.start()
thread.join()
""",
    "worker": """
def fetch(url):
    return len(rv.http.get(url).result().content)
print(rv.submit(fetch, url).result())
""",
    "worker after the parent": """
def fetch(url):
    return len(rv.http.get(url).result().content)
rv.http.get(url).result()
rv.submit(abs, 1).result()
rv.http.get(url).result()
print(rv.map(fetch, [url] * 8).list()[-1])
""",
    "coroutine task": """
async def fetch(url):
    return len((await rv.http.get(url)).content)
print(rv.submit(fetch, url).result())
""",
    "thread task": """
def fetch(url):
    return len(rv.http.get(url).result().content)
print(rv.options(on="thread").submit(fetch, url).result())
""",
    "forked child": """
import os
rv.http.get(url).result()
pid = os.fork()
if pid == 0:
    os._exit(0 if len(rv.http.get(url).result(timeout=30).content) == 100 else 1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert code == 0, code
print(len(rv.http.get(url).result().content))
""",
    "fork while requests are under way": """
import os
tasks = [rv.http.get(url) for _ in range(200)]
pid = os.fork()
if pid == 0:
    os._exit(0 if len(rv.http.get(url).result(timeout=30).content) == 100 else 1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert code == 0, code
assert all(len(task.result().content) == 100 for task in tasks)
print(100)
""",
    "forked child with the parent's client": """
import os
with rv.http.Client() as client:
    client.get(url).result()
    pid = os.fork()
    if pid == 0:
        try:
            code = 0 if len(client.get(url).result(timeout=30).content) == 100 else 1
        except TimeoutError:
            code = 2
        except (rv.RavelerError, RuntimeError):
            code = 0
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code
    print(len(client.get(url).result().content))
""",
    "multiprocessing by fork": """
import multiprocessing
def child():
    assert len(rv.http.get(url).result(timeout=30).content) == 100
rv.http.get(url).result()
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
assert process.exitcode == 0
print(100)
""",
    "at exit": """
import atexit
@atexit.register
def last():
    try:
        print(len(rv.http.get(url).result(timeout=30).content))
    except (rv.RavelerError, RuntimeError):
        print(100)
""",
}
HEAD = """
import sys, warnings
import raveler as rv
warnings.simplefilter("ignore", DeprecationWarning)
url = sys.argv[1]
"""


@pytest.mark.parametrize("case", SCRIPTS)
def test_io_works_from_a_script(odd: Odd, tmp_path: Path, case: str) -> None:
    ended = run_script(HEAD + SCRIPTS[case], odd.url("/bytes/100"), folder=tmp_path)
    assert ended.check().out == "100\n"


def test_unfinished_request_does_not_hold_the_end_of_a_script_for_ever(odd: Odd, tmp_path: Path) -> None:
    source = HEAD + "client = rv.http.Client(timeout=1)\ntask = client.get(url)\nprint('end')"
    assert run_script(source, odd.url("/hang"), folder=tmp_path).out == "end\n"


def test_ctrl_c_ends_a_waiting_script(odd: Odd, tmp_path: Path) -> None:
    from tests.scripts import running

    key = odd.key()
    source = HEAD + "print('start')\nrv.http.get(url).result()"
    with running(source, odd.url("/hang", key=key), folder=tmp_path) as script:
        odd.wait_for(key)
        script.interrupt()
        ended = script.end()
    assert "KeyboardInterrupt" in ended.err
    assert ended.left_behind == {}


def test_module_level_calls_are_there_for_each_method(odd: Odd) -> None:
    for method in ("get", "post", "put", "patch", "delete"):
        assert getattr(rv.http, method)(odd.url("/echo")).result().json()["method"] == method.upper()
    assert rv.http.head(odd.url("/bytes/3")).result().content == b""
    assert rv.http.request("GET", odd.url("/bytes/3")).result().ok


def test_one_client_serves_many_threads(odd: Odd) -> None:
    lengths: list[int] = []
    with rv.http.Client() as client:

        def fetch() -> None:
            lengths.extend(len(client.get(odd.url("/bytes/100")).result().content) for _ in range(50))

        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert lengths == [100] * 400


def test_one_client_serves_loops_and_threads_at_once(odd: Odd, run_loop: RunLoop) -> None:
    with rv.http.Client() as client:

        async def main() -> int:
            return len((await client.get(odd.url("/bytes/100"))).content)

        lengths: list[int] = []
        thread = threading.Thread(target=lambda: lengths.append(run_loop(main)))
        thread.start()
        assert len(client.get(odd.url("/bytes/100")).result().content) == 100
        thread.join()
        assert lengths == [100]


def test_client_is_an_async_context_manager(odd: Odd, run_loop: RunLoop) -> None:
    async def main() -> int:
        async with rv.http.Client() as client:
            return (await client.get(odd.url("/bytes/100"))).status

    assert run_loop(main) == 200


def test_result_inside_a_loop_that_does_not_need_it_is_allowed_or_refused_but_never_hangs(odd: Odd) -> None:
    import asyncio

    async def main() -> None:
        with rv.http.Client() as client:
            task = client.get(odd.url("/bytes/1"))
            try:
                assert task.result(timeout=20).ok
            except RuntimeError as error:
                assert "await" in str(error)  # noqa: PT017 - either is right

    asyncio.run(main())


def test_map_takes_native_operations(odd: Odd) -> None:
    urls = [odd.url(f"/slow/{index}", ms=1) for index in range(20)]
    assert [response.text for response in rv.map(rv.http.get, urls)] == [str(index) for index in range(20)]


def test_runtime_of_its_own_closes_what_its_client_left(odd: Odd) -> None:
    with rv.Runtime(workers=1) as runtime:
        client = rv.http.Client(runtime=runtime)
        assert client.get(odd.url("/bytes/1")).result().ok


def test_serial_engine_does_io(odd: Odd) -> None:
    with rv.Runtime(engine="serial") as runtime, rv.http.Client(runtime=runtime) as client:
        assert client.get(odd.url("/bytes/1")).result().ok
        assert [r.status for r in client.get_many([odd.url("/bytes/1")] * 3)] == [200] * 3
