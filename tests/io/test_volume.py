"""Rules of volume: many requests, few descriptors, endless bodies, bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd
    from tests.io.servers import Nginx

HEAD = """
import re, resource, sys
from pathlib import Path
import raveler as rv

url = sys.argv[1]

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024

def few(descriptors):
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
"""


def say(tmp_path: Path, source: str, url: str, goal_s: float = 6) -> str:
    """Return what a script says."""
    return run_script(HEAD + source, url, folder=tmp_path, goal_s=goal_s).check().out.strip()


@pytest.mark.timeout(180)
def test_ten_thousand_requests_at_once_with_1024_descriptors(tmp_path: Path, odd: Odd) -> None:
    source = """
few(1024)
with rv.http.Client(concurrency=10_000) as client:
    tasks = [client.get(f"{url}/{index}?ms=20") for index in range(10_000)]
    print([task.result().text for task in tasks] == [str(index) for index in range(10_000)])
"""
    assert say(tmp_path, source, odd.url("/slow"), goal_s=12) == "True"


@pytest.mark.timeout(180)
def test_five_thousand_requests_at_once_with_256_descriptors(tmp_path: Path, odd: Odd) -> None:
    source = """
few(256)
tasks = [rv.http.get(f"{url}/{index}?ms=5") for index in range(5_000)]
print([task.result().text for task in tasks] == [str(index) for index in range(5_000)])
"""
    assert say(tmp_path, source, odd.url("/slow"), goal_s=12) == "True"


@pytest.mark.timeout(180)
def test_many_with_256_descriptors_and_no_word_about_concurrency(tmp_path: Path, odd: Odd) -> None:
    source = """
few(256)
with rv.http.Client() as client:
    urls = (f"{url}/{index}?ms=1" for index in range(5_000))
    print([response.text for response in client.get_many(urls, concurrency=5_000)] == [str(i) for i in range(5_000)])
"""
    assert say(tmp_path, source, odd.url("/slow"), goal_s=12) == "True"


@pytest.mark.timeout(180)
def test_awaiting_thousands_with_256_descriptors(tmp_path: Path, odd: Odd) -> None:
    source = """
import asyncio
few(256)
async def one(client, index):
    return (await client.get(f"{url}/{index}?ms=5")).text
async def main():
    async with rv.http.Client() as client:
        return await asyncio.gather(*(one(client, index) for index in range(5_000)))
print(asyncio.run(main()) == [str(index) for index in range(5_000)])
"""
    assert say(tmp_path, source, odd.url("/slow"), goal_s=12) == "True"


@pytest.mark.timeout(180)
def test_four_gibibytes_are_streamed_in_bounded_memory(tmp_path: Path, odd: Odd) -> None:
    source = """
rv.http.get(url.replace("4294967296", "10")).result()
before, total = peak(), 0
with rv.http.Client() as client, client.stream("GET", url) as response:
    for piece in response:
        total += len(piece)
print(total == 4 << 30, peak() - before < 100_000_000)
"""
    assert say(tmp_path, source, odd.url("/zeros/4294967296"), goal_s=10) == "True True"


@pytest.mark.timeout(180)
def test_four_gibibytes_are_sent_in_bounded_memory(tmp_path: Path, odd: Odd) -> None:
    source = """
before = peak()
piece = bytes(1 << 20)
answer = rv.http.post(url, data=(piece for _ in range(4 << 10))).result().json()
print(answer["bytes"] == 4 << 30, peak() - before < 100_000_000)
"""
    assert say(tmp_path, source, odd.url("/count"), goal_s=12) == "True True"


@pytest.mark.timeout(180)
def test_four_gibibytes_are_downloaded_in_bounded_memory(tmp_path: Path, nginx: Nginx) -> None:
    large = nginx.www / "four"
    with large.open("wb") as file:
        file.truncate(4 << 30)
    source = """
before = peak()
done = rv.transfer.download(url, Path(__file__).with_name("four"), durable=False).result()
print(done.bytes == 4 << 30, Path(done.path).stat().st_size == 4 << 30, peak() - before < 200_000_000)
Path(done.path).unlink()
"""
    try:
        assert say(tmp_path, source, nginx.url("/four"), goal_s=15) == "True True True"
    finally:
        large.unlink()


@pytest.mark.timeout(180)
def test_large_bodies_of_many_do_not_pile_up(tmp_path: Path, odd: Odd) -> None:
    source = """
before = peak()
count = 0
with rv.http.Client() as client:
    for response in client.get_many([url] * 300, concurrency=64):
        count += len(response.content)
print(count == 300 * 8_000_000, peak() - before < 1_500_000_000)
"""
    assert say(tmp_path, source, odd.url("/zeros/8000000"), goal_s=12) == "True True"


def test_memory_does_not_grow_with_the_number_of_requests(tmp_path: Path, odd: Odd) -> None:
    source = """
with rv.http.Client() as client:
    for _ in client.get_many([url] * 2_000):
        pass
    before = peak()
    for _ in client.get_many([url] * 4_000):
        pass
print(peak() - before < 20_000_000)
"""
    assert say(tmp_path, source, odd.url("/bytes/10000"), goal_s=10) == "True"
