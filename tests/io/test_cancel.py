"""Rules of cancelling I/O: the operation stops, and the server sees its socket closed."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd


@pytest.mark.parametrize("page", ["/hang", "/hang-in-body", "/endless"])
def test_cancelled_request_closes_its_socket(client: rv.http.Client, odd: Odd, page: str) -> None:
    key = odd.key()
    task = client.get(odd.url(page, key=key))
    odd.wait_for(key)
    assert task.cancel()
    odd.wait_until_left(key)
    assert task.cancelled()
    with pytest.raises(rv.TaskCancelled):
        task.result()


def test_cancelled_upload_closes_its_socket(client: rv.http.Client, odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    task = client.put(odd.url("/take", key=key), data=path)
    odd.wait_for(key)
    task.cancel()
    odd.wait_until_left(key)


def test_request_that_waits_for_a_place_is_dropped(odd: Odd) -> None:
    key = odd.key()
    with rv.http.Client(concurrency=1) as client:
        first = client.get(odd.url("/hang", key=key))
        odd.wait_for(key)
        second = client.get(odd.url("/bytes/1", key=key))
        assert second.cancel()
        assert second.cancelled()
        first.cancel()
        assert client.get(odd.url("/bytes/1")).result().ok
    assert odd.attempts(key) == 1


def test_cancelled_awaiter_closes_the_socket(client: rv.http.Client, odd: Odd, run_asyncio_loop: RunLoop) -> None:
    key = odd.key()

    async def fetch() -> None:
        await client.get(odd.url("/hang", key=key))

    async def main() -> None:
        fetching = asyncio.ensure_future(fetch())
        await asyncio.to_thread(odd.wait_for, key)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    run_asyncio_loop(main)
    odd.wait_until_left(key)


def test_asyncio_timeout_closes_the_socket(client: rv.http.Client, odd: Odd, run_asyncio_loop: RunLoop) -> None:
    key = odd.key()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.get(odd.url("/hang", key=key))

    run_asyncio_loop(main)
    odd.wait_until_left(key)


def test_end_of_a_trio_scope_closes_the_socket(client: rv.http.Client, odd: Odd) -> None:
    trio = pytest.importorskip("trio")
    key = odd.key()

    async def main() -> None:
        with trio.move_on_after(0.3):
            await client.get(odd.url("/hang", key=key))

    trio.run(main)
    odd.wait_until_left(key)


def test_task_that_nobody_holds_goes_on_or_ends_but_does_not_leak(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    client.get(odd.url("/slow/x", ms=50, key=key))
    gc.collect()
    odd.wait_for_attempts(key, 1)


def test_cancel_before_the_request_was_sent(client: rv.http.Client, odd: Odd) -> None:
    for _ in range(200):
        task: rv.Task[Any] = client.get(odd.url("/bytes/1"))
        task.cancel()
        assert task.done()
    assert client.get(odd.url("/bytes/1")).result().ok


def test_cancel_at_any_moment_leaves_the_client_whole(client: rv.http.Client, odd: Odd) -> None:
    for turn in range(300):
        tasks = [client.get(odd.url("/bytes/2000")) for _ in range(8)]
        for task in tasks[turn % 8 :: 2]:
            task.cancel()
        for task in tasks:
            if not task.cancelled():
                assert len(task.result().content) == 2000


def test_done_request_cannot_be_cancelled(client: rv.http.Client, odd: Odd) -> None:
    task = client.get(odd.url("/bytes/1"))
    task.result()
    assert not task.cancel()


def test_closing_the_client_ends_what_is_under_way(odd: Odd) -> None:
    key = odd.key()
    client = rv.http.Client()
    task = client.get(odd.url("/hang", key=key))
    odd.wait_for(key)
    client.close()
    odd.wait_until_left(key)
    with pytest.raises((rv.RavelerError, rv.TaskCancelled)):
        task.result()


def test_leaving_the_runtime_by_an_error_cancels(odd: Odd) -> None:
    key = odd.key()
    tasks: list[rv.Task[rv.http.Response]] = []

    def leave() -> None:
        with rv.Runtime() as runtime, rv.http.Client(runtime=runtime) as client:
            tasks.append(client.get(odd.url("/hang", key=key)))
            odd.wait_for(key)
            raise KeyError("out")

    with pytest.raises(KeyError):
        leave()
    odd.wait_until_left(key)
    assert tasks[0].done()


def test_children_of_a_scope_end_with_it_and_their_requests_with_them(odd: Odd) -> None:
    key = odd.key()
    url = odd.url("/hang", key=key)

    def hang() -> None:
        rv.http.get(url).result()

    with pytest.raises(KeyError), rv.Runtime(workers=1) as rt, rt.scope() as scope:  # noqa: PT012
        scope.spawn(hang)
        odd.wait_for(key)
        raise KeyError("out")
    odd.wait_until_left(key)
