"""Rules of streaming: bodies that never stand in memory whole, down and up."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.content import content, digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.io.conftest import RunLoop
    from tests.io.odd import Odd


def test_stream_gives_the_body_in_pieces(client: rv.http.Client, odd: Odd) -> None:
    with client.stream("GET", odd.url("/bytes/5000000")) as response:
        assert response.status == 200
        assert response.headers["content-length"] == "5000000"
        pieces = list(response)
    assert b"".join(pieces) == content(0, 5_000_000)
    assert len(pieces) > 1


def test_stream_is_read_inside_a_loop(client: rv.http.Client, odd: Odd, run_loop: RunLoop) -> None:
    async def main() -> bytes:
        async with client.stream("GET", odd.url("/bytes/5000000")) as response:
            return b"".join([piece async for piece in response])

    assert run_loop(main) == content(0, 5_000_000)


def test_stream_gives_the_first_piece_before_the_last_is_sent(client: rv.http.Client, odd: Odd) -> None:
    with client.stream("GET", odd.url("/endless")) as response:
        assert next(iter(response)).startswith(b"0\n")


def test_leaving_a_stream_early_closes_its_connection(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    with client.stream("GET", odd.url("/endless", key=key)) as response:
        next(iter(response))
    odd.wait_until_left(key)


def test_slow_reader_slows_the_server(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    with client.stream("GET", odd.url("/zeros/4000000000", key=key)) as response:
        next(iter(response))
        before = -1
        while (now := odd.seen(key)["bytes_sent"]) != before:  # until nothing moves any more
            before = now
        assert before < 200_000_000


def test_stream_that_is_cut_off_is_an_error_after_its_pieces(client: rv.http.Client, odd: Odd) -> None:
    got = b""
    with pytest.raises(rv.HttpError), client.stream("GET", odd.url("/cut/500")) as response:  # noqa: PT012
        for piece in response:
            got += piece
    assert got == content(0, 500)


def test_stream_decodes(client: rv.http.Client, odd: Odd) -> None:
    total = 0
    with client.stream("GET", odd.url("/bomb/500")) as response:
        for piece in response:
            total += len(piece)
    assert total == 500 << 20


def test_stream_of_an_error_status_can_be_looked_at(client: rv.http.Client, odd: Odd) -> None:
    with client.stream("GET", odd.url("/status/404")) as response:
        assert response.status == 404
        with pytest.raises(rv.HttpError, match="404"):
            response.raise_for_status()


def test_generator_is_sent_piece_by_piece(client: rv.http.Client, odd: Odd) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, 3_000_000, 100_000):
            yield content(start, start + 100_000)

    answer = client.post(odd.url("/take"), data=pieces()).result().json()
    assert answer == {"bytes": 3_000_000, "sha256": digest(3_000_000)}


def test_async_generator_is_sent_from_a_loop(client: rv.http.Client, odd: Odd, run_asyncio_loop: RunLoop) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    async def main() -> int:
        response = await client.post(odd.url("/take"), data=pieces())
        length: int = response.json()["bytes"]
        return length

    assert run_asyncio_loop(main) == 10_000


def test_generator_that_fails_fails_the_request_with_its_error(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()

    def pieces() -> Iterator[bytes]:
        yield b"x"
        odd.wait_for(key)
        raise KeyError("no more")

    with pytest.raises((KeyError, rv.HttpError), match="no more"):
        client.post(odd.url("/take", key=key), data=pieces()).result()
    odd.wait_until_left(key)


def test_generator_is_not_sent_twice(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    task = client.put(odd.url("/take", cut=1, key=key), data=iter([b"x" * 1000]), retries=3, backoff=0.01)
    with pytest.raises(rv.HttpError):
        task.result()
    assert odd.attempts(key) == 1


def test_file_is_sent_from_disk(client: rv.http.Client, odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(content(0, 3_000_000))
    assert client.put(odd.url("/take"), data=path).result().json()["sha256"] == digest(3_000_000)
    with path.open("rb") as file:
        assert client.put(odd.url("/take"), data=file).result().json()["bytes"] == 3_000_000


def test_large_body_goes_up_and_comes_back_whole(client: rv.http.Client, odd: Odd) -> None:
    data = content(0, 50_000_000)
    answer = client.put(odd.url("/take"), data=data).result().json()
    assert answer["sha256"] == hashlib.sha256(data).hexdigest()
