"""Rules of bounds: time, size, connections, requests at once and a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import raveler as rv

if TYPE_CHECKING:
    from tests.io.odd import Odd


@pytest.mark.parametrize("page", ["/hang", "/hang-in-body", "/drip/1000000?ms=1"])
def test_timeout_ends_a_request_in_every_state(client: rv.http.Client, odd: Odd, page: str) -> None:
    key = odd.key()
    url = odd.url(page) + ("&" if "?" in page else "?") + f"key={key}"
    with pytest.raises(TimeoutError) as caught:
        client.get(url, timeout=0.2).result()
    assert isinstance(caught.value, rv.RavelerError)
    odd.wait_until_left(key)


def test_timeout_of_the_client_is_for_all(odd: Odd) -> None:
    with rv.http.Client(timeout=0.2) as client, pytest.raises(TimeoutError):
        client.get(odd.url("/hang")).result()


def test_timeout_of_the_request_wins_over_that_of_the_client(odd: Odd) -> None:
    with rv.http.Client(timeout=0.05) as client:
        assert client.get(odd.url("/slow/x", ms=300), timeout=20).result().status == 200


def test_timeout_counts_for_each_attempt(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    with pytest.raises(TimeoutError):
        client.get(odd.url("/hang", key=key), timeout=0.1, retries=2, backoff=0.01).result()
    assert odd.attempts(key) == 3


def test_timeout_does_not_count_the_wait_for_a_place(odd: Odd) -> None:
    with rv.http.Client(concurrency=1, timeout=5) as client:
        first = client.get(odd.url("/slow/1", ms=400), timeout=5)
        second = client.get(odd.url("/bytes/1"), timeout=0.3)
        assert first.result().status == 200
        assert second.result().status == 200


def test_result_with_a_timeout_leaves_the_request_running(client: rv.http.Client, odd: Odd) -> None:
    task = client.get(odd.url("/slow/x", ms=300))
    with pytest.raises(TimeoutError):
        task.result(timeout=0.02)
    assert task.result().status == 200


def test_body_above_the_limit_is_an_error_that_names_it(odd: Odd) -> None:
    with rv.http.Client(max_body=1000) as client:
        assert len(client.get(odd.url("/bytes/1000")).result().content) == 1000
        with pytest.raises(rv.HttpError, match=r"1[,_]?000"):
            client.get(odd.url("/bytes/1001")).result()
        with pytest.raises(rv.HttpError, match=r"1[,_]?000"):
            client.get(odd.url("/drip/2000")).result()


def test_gzip_bomb_is_stopped_by_its_unpacked_size(odd: Odd) -> None:
    with rv.http.Client(max_body=10_000_000) as client, pytest.raises(rv.HttpError, match=r"10[,_]?000[,_]?000"):
        client.get(odd.url("/bomb/1000")).result()


def test_concurrency_bounds_the_requests_of_a_client(odd: Odd) -> None:
    key = odd.key()
    with rv.http.Client(concurrency=3) as client:
        tasks = [client.get(odd.url("/slow/x", ms=20, key=key)) for _ in range(30)]
        assert all(task.result().ok for task in tasks)
    assert odd.seen(key)["most_at_once"] == 3


def test_connections_are_kept_and_used_again(odd: Odd) -> None:
    key = odd.key()
    with rv.http.Client() as client:
        for _ in range(50):
            client.get(odd.url("/bytes/10", key=key)).result()
    assert odd.seen(key)["connections"] == 1


def test_rate_bounds_the_requests_of_each_host_in_any_span(odd: Odd) -> None:
    key = odd.key()
    with rv.http.Client(rate=rv.Rate(5, per=0.5)) as client:
        tasks = [client.get(odd.url("/bytes/1", key=key)) for _ in range(15)]
        assert all(task.result().ok for task in tasks)
    times = sorted(request["time"] for request in odd.seen(key)["requests"])
    # The server's clock sees what the network's way adds; the sixth comes no sooner than a span after the first.
    assert all(later - earlier > 0.45 for earlier, later in zip(times, times[5:], strict=False))


def test_rate_of_one_host_does_not_slow_another(odd: Odd) -> None:
    with rv.http.Client(rate=rv.Rate(1, per=20.0)) as client:
        began = time.monotonic()
        for host in ("127.0.0.1", "localhost"):
            client.get(odd.url("/bytes/1", host=host)).result()
        assert time.monotonic() - began < 15


def test_limit_of_the_runtime_is_shared_with_other_tasks(odd: Odd) -> None:
    key = odd.key()
    with rv.Runtime(limits={"api": 2}) as runtime, rv.http.Client(limit="api", runtime=runtime) as client:
        tasks = [client.get(odd.url("/slow/x", ms=20, key=key)) for _ in range(12)]
        assert all(task.result().ok for task in tasks)
    assert odd.seen(key)["most_at_once"] == 2


def test_unknown_limit_is_an_error_that_names_it(odd: Odd) -> None:
    refusals = (ValueError, LookupError, rv.RavelerError)
    with rv.Runtime(limits={"api": 2}) as runtime, pytest.raises(refusals, match="apx"):
        rv.http.Client(limit="apx", runtime=runtime).get(odd.url("/bytes/1")).result()
