"""Every example runs as a user runs it: a process of its own, in a folder of its own, and says what it promises."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deadline import eventually

FOLDER = Path(__file__).parents[2] / "examples"
GUARD_S = 50
LIBRARY = f"{sysconfig.get_path('stdlib')}/asyncio"


class Promise(NamedTuple):
    """The arguments of a run that is short, and what its output must hold."""

    arguments: tuple[str, ...]
    says: tuple[str, ...]


PROMISES = {
    "api_calls": Promise(
        (),
        (
            r"^40 squares in order: \[0, 1, 4, 9, 16, 25\] \.\.\. True$",
            r"^48 calls for 40 answers: 8 were busy and were asked again$",
            r"^not faster than 10 calls in a tenth of a second: True$",
        ),
    ),
    "asyncio_style": Promise((), (r"^user0 978fe2078c58$", r"^12 keys; the loop ticked \d+ times")),
    "futures_style": Promise(
        (),
        (
            r"^futures: \{.*900: 9324.*\} callbacks: \[300, 600, 900\]$",
            r"^tasks: \(600, 5715\)$",
            r"^promises: 900! has the digit sum 9324 \| no answer: factorial\(\) not defined for negative values$",
        ),
    ),
    "index_library": Promise(
        ("--folder", LIBRARY),
        (
            r"^Python [\d.]+ indexes \d+ files of ",
            r"^  raveler +\d+\.\d\d$",
            r"^  asyncio, aiohttp, process pool, aiosqlite +(\d+\.\d\d +\d+\.\d\d times as fast|- +not compared: pip )",
            r"^  plain script, one file after another +\d+\.\d\d +\d+\.\d\d times as fast$",
            r"^  the limit of \d+ cores? +\d+\.\d\d +\d+\.\d\d of it$",
            r"^All [23] databases hold the same [\d,]+ rows: sha256 [0-9a-f]{16}\.\.\.$",
            r"^Now search it: .*index_library\.py search --index library\.sqlite ",
        ),
    ),
    "mandelbrot": Promise(("small.pgm", "60"), (r"^small\.pgm: 60 x 45 pixels, 2,713 bytes$",)),
    "primes": Promise(("40000",), (r"^ +40,000 +4,203  #", r"^4,203 primes below 40,000$")),
    "postgres_to_sqlite": Promise(
        (), (r"^20,000 rows copied$", r"^  station 0: 2,857 readings, -?\d+\.\d+ degrees on average$")
    ),
    "random_walks": Promise((), (r"^the same every time$",)),
    "resumed_download": Promise(
        (),
        (
            r"^25,165,824 bytes, sha256 True, equal to the source: True$",
            r"^3 answers: each went on where the one before broke off: True$",
            r"^nothing else in the folder: \['content\.bin'\]$",
        ),
    ),
    "survivors": Promise((), (r"^ 0: ZeroDivisionError\n13: WorkerDied\n18 of 20 tasks have their result$",)),
    "three_ways": Promise(
        (),
        (
            r"^callback: \[50\]$",
            r"^promise: WORD WORD \.\.\.$",
            r"^await: \[50, 100, 150\]$",
            r"^into a worker: 30 words$",
        ),
    ),
    "word_counts": Promise((), (r"^\d+ topics, [\d,]+ words, [\d,]+ different ones$", r"^ +[\d,]+  object$")),
}


def run(script: Path, arguments: tuple[str, ...], folder: Path) -> tuple[int, str, str]:
    """Run a script in a session of its own and return its exit status, output and errors."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=GUARD_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, errors = process.communicate()
            pytest.fail(f"{script.name} did not end within {GUARD_S} s.\n{out}\n{errors}")
    return process.returncode, out, errors


def test_every_example_has_a_promise() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_example_runs_and_keeps_its_promise(name: str, tmp_path: Path, no_leaks: None) -> None:
    del no_leaks
    promise = PROMISES[name]

    status, out, errors = run(FOLDER / f"{name}.py", promise.arguments, tmp_path)

    assert errors == ""
    assert status == 0
    for words in promise.says:
        assert re.search(words, out, re.MULTILINE), f"{words!r} is not in:\n{out}"


def test_picture_is_whole(tmp_path: Path) -> None:
    run(FOLDER / "mandelbrot.py", ("small.pgm", "60"), tmp_path)

    head, pixels = (tmp_path / "small.pgm").read_bytes().split(b"\n", 1)

    assert head == b"P5 60 45 255"
    assert len(pixels) == 60 * 45
    assert 0 in pixels
    assert max(pixels) > 0


def test_index_is_searched_by_a_second_command(tmp_path: Path) -> None:
    script = FOLDER / "index_library.py"
    assert run(script, ("--folder", LIBRARY, "--alone"), tmp_path)[0] == 0

    _, out, errors = run(script, ("search", "heappush", "*_lock", "no_such_name"), tmp_path)

    assert errors == ""
    assert re.search(r"^heappush: \d+ places in \d+ files$", out, re.MULTILINE)
    assert re.search(r"^  heappush +\d+  queues\.py:\d+, \d+", out, re.MULTILINE)
    assert re.search(r"^\*_lock: \d+ places in \d+ files$", out, re.MULTILINE)
    assert "no_such_name: 0 places in 0 files" in out


def test_search_says_what_is_missing(tmp_path: Path) -> None:
    status, out, errors = run(FOLDER / "index_library.py", ("search", "heappush"), tmp_path)

    assert status == 1
    assert out == ""
    assert "library.sqlite does not exist" in errors


def test_server_of_the_library_ends_with_a_killed_example(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(FOLDER / "index_library.py"), "--alone"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        served = next(line for line in process.stdout if line.startswith("served at "))
        port = int(re.findall(r":(\d+),", served)[0])
        assert is_listening(port)
        process.kill()

    eventually(lambda: not is_listening(port), what="the end of the server")


def is_listening(port: int) -> bool:
    """Say whether somebody answers at a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
