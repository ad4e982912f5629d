"""Rules of the three ways to be told that I/O is done: callback, promise, await."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests.deadline import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd


def test_callback_gets_the_task(client: rv.http.Client, odd: Odd) -> None:
    told: list[Any] = []
    task = client.get(odd.url("/bytes/3"))
    task.add_done_callback(told.append)
    eventually(lambda: told, what="the callback")
    assert told == [task]
    assert task.result().content == b"\x00\x00\x00"


def test_callback_is_told_of_failures_too(client: rv.http.Client, odd: Odd) -> None:
    told: list[Any] = []
    client.get(odd.url("/cut-at-once")).add_done_callback(lambda task: told.append(task.exception()))
    eventually(lambda: told, what="the callback")
    assert isinstance(told[0], rv.HttpError)


def test_callback_of_a_done_task_is_told_at_once(client: rv.http.Client, odd: Odd) -> None:
    task = client.get(odd.url("/bytes/3"))
    task.result()
    told: list[Any] = []
    task.add_done_callback(told.append)
    assert told == [task]


def test_promise_is_a_new_task_with_the_value_of_its_function(client: rv.http.Client, odd: Odd) -> None:
    length = client.get(odd.url("/bytes/30")).then(lambda response: len(response.content))
    assert isinstance(length, rv.Task)
    assert length.result() == 30


def test_promise_may_go_on_with_more_io(client: rv.http.Client, odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "body"
    written = client.get(odd.url("/bytes/30")).then(lambda response: rv.files.write(path, response.content).result())
    written.result()
    assert path.stat().st_size == 30


def test_promise_catches_failures(client: rv.http.Client, odd: Odd) -> None:
    caught = client.get(odd.url("/cut-at-once")).catch(lambda error: type(error).__name__)
    assert caught.result() == "HttpError"


def test_promise_runs_at_the_end_either_way(client: rv.http.Client, odd: Odd) -> None:
    ended = threading.Event()
    client.get(odd.url("/bytes/1")).finally_(ended.set).result()
    assert ended.is_set()


def test_await_gives_the_value(client: rv.http.Client, odd: Odd, run_loop: RunLoop) -> None:
    async def main() -> int:
        return len((await client.get(odd.url("/bytes/30"))).content)

    assert run_loop(main) == 30


def test_await_raises_the_error(client: rv.http.Client, odd: Odd, run_loop: RunLoop) -> None:
    async def main() -> None:
        await client.get(odd.url("/cut-at-once"))

    with pytest.raises(rv.HttpError):
        run_loop(main)


def test_await_of_many_in_coroutines(client: rv.http.Client, odd: Odd, run_asyncio_loop: RunLoop) -> None:
    async def one(index: int) -> str:
        return (await client.get(odd.url(f"/slow/{index}", ms=index % 5))).text

    async def main() -> list[str]:
        return await asyncio.gather(*(one(index) for index in range(300)))

    assert run_asyncio_loop(main) == [str(index) for index in range(300)]


def test_loop_is_not_blocked_while_a_response_is_awaited(
    client: rv.http.Client, odd: Odd, run_asyncio_loop: RunLoop
) -> None:
    async def main() -> int:
        task = client.get(odd.url("/slow/x", ms=200))
        turns = 0
        while not task.done():
            turns += 1
            await asyncio.sleep(0.001)
        return turns

    assert run_asyncio_loop(main) > 10


def test_gather_wait_and_as_completed_take_io(client: rv.http.Client, odd: Odd) -> None:
    def tasks() -> list[rv.Task[rv.http.Response]]:
        return [client.get(odd.url(f"/slow/{index}", ms=1)) for index in range(5)]

    assert [response.text for response in rv.gather(*tasks()).result()] == list("01234")
    assert sorted(task.result().text for task in rv.as_completed(tasks())) == list("01234")
    done, pending = rv.wait(tasks())
    assert (len(done), len(pending)) == (5, 0)


def test_race_ends_the_slower_request(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    slow = client.get(odd.url("/hang", key=key))
    odd.wait_for(key)
    assert rv.race(client.get(odd.url("/slow/x", ms=1)), slow).result().text == "x"
    odd.wait_until_left(key)


def test_io_feeds_tasks_without_the_caller(client: rv.http.Client, odd: Odd) -> None:
    with rv.Runtime(workers=1) as rt:
        length = rt.submit(lambda response: len(response.content), client.get(odd.url("/bytes/77")))
        assert length.result() == 77


def test_failed_io_fails_the_tasks_that_it_feeds(client: rv.http.Client, odd: Odd) -> None:
    with rv.Runtime(workers=1) as rt, pytest.raises(rv.HttpError):
        rt.submit(len, client.get(odd.url("/cut-at-once"))).result()
