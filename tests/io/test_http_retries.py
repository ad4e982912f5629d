"""Rules of retries over HTTP: only where repeating is safe, when the server says, and no longer than allowed."""

from __future__ import annotations

import datetime as dt
import email.utils
import itertools
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from typing import Any

    from tests.io.odd import Odd


def pauses(odd: Odd, key: str) -> list[float]:
    """Return the seconds between the attempts under a key."""
    times = [request["time"] for request in odd.seen(key)["requests"]]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_trouble_is_tried_again(client: rv.http.Client, odd: Odd, status: int) -> None:
    key = odd.key()
    response = client.get(odd.url(f"/status/{status}", fails=2, key=key), retries=3, backoff=0.01).result()
    assert (response.status, response.text) == (200, "after 2")
    assert odd.attempts(key) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410, 501])
def test_lasting_trouble_is_not_tried_again(client: rv.http.Client, odd: Odd, status: int) -> None:
    key = odd.key()
    assert client.get(odd.url(f"/status/{status}", key=key), retries=3, backoff=0.01).result().status == status
    assert odd.attempts(key) == 1


def test_response_itself_comes_back_when_retries_are_used_up(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    response = client.get(odd.url("/status/503", key=key), retries=2, backoff=0.01).result()
    assert (response.status, response.text) == (503, "status 503")
    assert odd.attempts(key) == 3


@pytest.mark.parametrize("page", ["/cut/10", "/cut-at-once"])
@pytest.mark.parametrize("how", [{}, {"reset": 1}])
def test_broken_response_is_tried_again(client: rv.http.Client, odd: Odd, page: str, how: dict[str, Any]) -> None:
    key = odd.key()
    response = client.get(odd.url(page, fails=2, key=key, **how), retries=3, backoff=0.01).result()
    assert response.status == 200
    assert odd.attempts(key) == 3


def test_client_has_retries_for_all_idempotent_requests(odd: Odd) -> None:
    with rv.http.Client(retries=3, backoff=0.01) as client:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            key = odd.key()
            assert client.request(method, odd.url("/status/503", fails=1, key=key)).result().status == 200
            assert odd.attempts(key) == 2


@pytest.mark.parametrize("method", ["post", "patch"])
def test_request_that_is_not_safe_to_repeat_is_sent_once(odd: Odd, method: str) -> None:
    with rv.http.Client(retries=3, backoff=0.01) as client:
        key = odd.key()
        assert getattr(client, method)(odd.url("/status/503", key=key), data=b"pay").result().status == 503
        assert odd.attempts(key) == 1
        key = odd.key()
        with pytest.raises(rv.HttpError):
            getattr(client, method)(odd.url("/cut-at-once", key=key), data=b"pay").result()
        assert odd.attempts(key) == 1


def test_request_that_is_not_safe_is_repeated_when_said_explicitly(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    response = client.post(odd.url("/status/503", fails=1, key=key), data=b"pay", retries=2, backoff=0.01).result()
    assert response.status == 200
    assert odd.attempts(key) == 2


def test_body_is_sent_whole_with_each_attempt(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    url = odd.url("/take", cut=1, fails=2, key=key)
    response = client.put(url, data=b"x" * 100_000, retries=3, backoff=0.01).result()
    assert response.json()["bytes"] == 100_000
    assert odd.attempts(key) == 3


def test_retry_after_in_seconds_is_obeyed(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    url = odd.url("/status/429", fails=1, retry_after="1", key=key)
    assert client.get(url, retries=2, backoff=0.001).result().status == 200
    assert pauses(odd, key)[0] >= 0.99


def test_retry_after_as_a_date_is_obeyed(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)
    url = odd.url("/status/503", fails=1, retry_after=email.utils.format_datetime(then, usegmt=True), key=key)
    assert client.get(url, retries=2, backoff=0.001).result().status == 200
    assert pauses(odd, key)[0] >= 1


@pytest.mark.parametrize("word", ["-5", "soon", "99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_retry_after_without_sense_does_no_harm(odd: Odd, word: str) -> None:
    key = odd.key()
    with rv.http.Client(timeout=2) as client:
        task = client.get(odd.url("/status/503", fails=1, retry_after=word, key=key), retries=1, backoff=0.001)
        if word.startswith("9"):
            odd.wait_for_attempts(key, 1)
            task.cancel()
            return
        assert task.result().status == 200


def test_retry_after_is_obeyed_by_posts_that_may_be_repeated_only(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    url = odd.url("/status/429", retry_after="30", key=key)
    assert client.post(url, data=b"x").result().status == 429
    assert odd.attempts(key) == 1


def test_backoff_grows_and_is_jittered_by_the_seed(odd: Odd) -> None:
    def wait(seed: int) -> list[float]:
        key = odd.key()
        with rv.Runtime(seed=seed) as runtime, rv.http.Client(runtime=runtime) as client:
            client.get(odd.url("/status/503", key=key), retries=3, backoff=0.2).result()
        return pauses(odd, key)

    first, second = wait(1), wait(1)
    assert all(abs(a - b) < 0.1 for a, b in zip(first, second, strict=True))


def test_cancelled_while_it_waits_for_the_next_attempt(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    task = client.get(odd.url("/status/503", retry_after="30", key=key), retries=5)
    odd.wait_for_attempts(key, 1)
    task.cancel()
    with pytest.raises(rv.TaskCancelled):
        task.result()
    assert odd.attempts(key) == 1


def test_dead_connection_from_the_pool_is_replaced_without_a_word(client: rv.http.Client, odd: Odd) -> None:
    for _ in range(20):
        assert client.get(odd.url("/quiet-close")).result().status == 200
