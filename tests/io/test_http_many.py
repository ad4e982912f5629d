"""Rules of many requests at once: lazy, bounded, in order, and failing as ``map`` fails."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.deadline import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd


class Source:
    """An endless generator of addresses that counts what was pulled from it."""

    def __init__(self, make: Callable[[int], str]) -> None:
        self.pulled = 0
        self.closed = False
        self._make = make

    def __iter__(self) -> Iterator[str]:
        try:
            while True:
                self.pulled += 1
                yield self._make(self.pulled - 1)
        finally:
            self.closed = True


def test_many_gives_responses_in_input_order(client: rv.http.Client, odd: Odd) -> None:
    urls = [odd.url(f"/slow/{index}", ms=(index * 7) % 20) for index in range(100)]
    assert [response.text for response in client.get_many(urls)] == [str(index) for index in range(100)]


def test_many_gives_responses_in_order_of_completion_when_asked(client: rv.http.Client, odd: Odd) -> None:
    urls = [odd.url("/slow/0", ms=500), odd.url("/slow/1", ms=1)]
    assert [response.text for response in client.get_many(urls, ordered=False)] == ["1", "0"]


def test_many_of_nothing_is_nothing(client: rv.http.Client) -> None:
    assert client.get_many([]).list() == []


def test_many_is_a_results_with_all_its_ways(client: rv.http.Client, odd: Odd, run_loop: RunLoop) -> None:
    urls = [odd.url(f"/slow/{index}", ms=1) for index in range(10)]
    expected = [str(index) for index in range(10)]
    assert [response.text for response in client.get_many(urls).list()] == expected
    seen: list[str] = []
    client.get_many(urls).for_each(lambda response: seen.append(response.text))
    assert seen == expected

    async def main() -> tuple[list[str], list[str]]:
        collected = [response.text for response in await client.get_many(urls)]
        return collected, [response.text async for response in client.get_many(urls)]

    assert run_loop(main) == (expected, expected)


@pytest.mark.parametrize("ordered", [True, False])
def test_many_takes_an_endless_generator(client: rv.http.Client, odd: Odd, *, ordered: bool) -> None:
    source = Source(lambda index: odd.url(f"/slow/{index}", ms=0))
    results = client.get_many(source, concurrency=4, ordered=ordered)
    got = [next(results).text for _ in range(50)]
    results.close()
    assert len(set(got)) == 50
    if ordered:
        assert got == [str(index) for index in range(50)]
    assert source.pulled < 50 + 200
    eventually(lambda: source.closed, what="the end of the source")


def test_many_pulls_nothing_before_the_first_next(client: rv.http.Client, odd: Odd) -> None:
    source = Source(lambda index: odd.url(f"/slow/{index}", ms=0))
    results = client.get_many(source)
    assert source.pulled == 0
    next(results)
    assert source.pulled >= 1
    results.close()


def test_many_is_bounded_by_concurrency(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    urls = (odd.url("/slow/x", ms=10, key=key) for _ in range(40))
    assert len(client.get_many(urls, concurrency=4).list()) == 40
    assert odd.seen(key)["most_at_once"] == 4


def test_many_is_bounded_by_its_window_while_nobody_reads(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    source = Source(lambda index: odd.url(f"/slow/{index}", ms=0, key=key))
    results = client.get_many(source, concurrency=4, window=10)
    next(results)
    eventually(lambda: odd.seen(key)["now"] == 0, what="a quiet server")
    assert odd.attempts(key) <= 12
    results.close()


def test_many_raises_the_error_of_the_lowest_index(client: rv.http.Client, odd: Odd) -> None:
    slow = [odd.url("/slow/0", ms=100), odd.url("/slow/1", ms=100)]
    urls = [*slow, odd.url("/cut/10"), odd.url("/cut-at-once")]
    results = client.get_many(urls)
    assert [next(results).text, next(results).text] == ["0", "1"]
    with pytest.raises(rv.HttpError) as caught:
        next(results)
    assert str(caught.value.url).endswith("/cut/10")


def test_many_pulls_nothing_new_after_a_failure(client: rv.http.Client, odd: Odd) -> None:
    source = Source(lambda index: odd.url("/cut-at-once") if index == 5 else odd.url(f"/slow/{index}", ms=0))
    with pytest.raises(rv.HttpError):
        client.get_many(source, concurrency=2, window=8).list()
    assert source.pulled < 5 + 20
    assert source.closed


def test_many_returns_errors_in_their_place(client: rv.http.Client, odd: Odd) -> None:
    urls = [odd.url("/slow/0", ms=1), odd.url("/cut-at-once"), odd.url("/slow/2", ms=1)]
    first, second, third = client.get_many(urls, errors="return")
    assert (first.text, third.text) == ("0", "2")
    assert isinstance(second, rv.HttpError)


def test_many_skips_errors(client: rv.http.Client, odd: Odd) -> None:
    urls = [odd.url("/slow/0", ms=1), odd.url("/cut-at-once"), odd.url("/slow/2", ms=1)]
    assert [response.text for response in client.get_many(urls, errors="skip")] == ["0", "2"]


def test_many_lets_a_status_be_a_status(client: rv.http.Client, odd: Odd) -> None:
    assert [response.status for response in client.get_many([odd.url("/status/404")] * 3)] == [404] * 3


def test_error_of_the_source_comes_through(client: rv.http.Client, odd: Odd) -> None:
    def source() -> Iterator[str]:
        yield odd.url("/slow/0", ms=1)
        raise KeyError("the source broke")

    results = client.get_many(source())
    with pytest.raises(KeyError, match="the source broke"):
        results.list()


def test_bad_address_among_many_fails_in_its_place(client: rv.http.Client, odd: Odd) -> None:
    first, second = client.get_many([odd.url("/slow/0", ms=1), "no address"], errors="return")
    assert first.text == "0"
    assert isinstance(second, ValueError | rv.HttpError)


def test_closing_results_ends_the_requests_under_way(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    results = client.get_many([odd.url("/slow/0", ms=0), *[odd.url("/hang", key=key)] * 10], concurrency=5)
    next(results)
    odd.wait_for(key, 1)
    results.close()
    eventually(lambda: odd.seen(key)["now"] == 0, what="all clients gone")


def test_dropping_results_ends_the_requests_under_way(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    results = client.get_many([odd.url("/slow/0", ms=0), *[odd.url("/hang", key=key)] * 10], concurrency=5)
    next(results)
    odd.wait_for(key, 1)
    del results
    gc.collect()
    eventually(lambda: odd.seen(key)["now"] == 0, what="all clients gone")


def test_request_many_takes_methods(client: rv.http.Client, odd: Odd) -> None:
    pairs = [("PUT", odd.url("/echo")), ("DELETE", odd.url("/echo"))]
    assert [response.json()["method"] for response in client.request_many(pairs)] == ["PUT", "DELETE"]


def test_many_retries_like_one(odd: Odd) -> None:
    keys = [odd.key() for _ in range(5)]
    with rv.http.Client(retries=2, backoff=0.01) as client:
        urls = [odd.url("/status/503", fails=1, key=key) for key in keys]
        assert [response.status for response in client.get_many(urls)] == [200] * 5


@pytest.mark.parametrize("options", [{"errors": "ignore"}, {"concurrency": 0}, {"window": -1}])
def test_bad_option_of_many_is_an_error_at_the_call(
    client: rv.http.Client, odd: Odd, options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        client.get_many([odd.url("/bytes/1")], **options)  # type: ignore[arg-type]
