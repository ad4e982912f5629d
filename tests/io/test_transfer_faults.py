"""Rules of transfers when the machine fails: a full disk, few descriptors, a killed process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.deadline import eventually
from tests.io.content import digest
from tests.scripts import run_script, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd

HEAD = """
import resource, signal, sys
from pathlib import Path
import raveler as rv
url, path = sys.argv[1], Path(sys.argv[2])
"""

FULL = (
    HEAD
    + """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rv.files.read(__file__).result()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    rv.transfer.download(url, path, retries=0, connections=int(sys.argv[3])).result()
except rv.TransferError as error:
    print(path.exists(), any(word in str(error).lower() for word in ("full", "too large", "space", "quota", "limit")))
"""
)


@pytest.mark.parametrize("connections", ["1", "4"])
def test_full_disk_is_an_error_in_words_and_leaves_no_file(odd: Odd, tmp_path: Path, connections: str) -> None:
    url = odd.url("/file/x", size=70_000_000)
    ended = run_script(FULL, url, str(tmp_path / "file"), connections, folder=tmp_path)
    assert ended.check().out == "False True\n"


def test_full_disk_is_an_error_for_a_file_of_unknown_length(odd: Odd, tmp_path: Path) -> None:
    url = odd.url("/endless")
    ended = run_script(FULL, url, str(tmp_path / "file"), "1", folder=tmp_path)
    assert ended.check().out == "False True\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small tmpfs")
def test_full_file_system_is_an_error_in_words(odd: Odd, tmp_path: Path) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mounts")
    try:
        source = (
            HEAD
            + """
try:
    rv.transfer.download(url, path, retries=0).result()
except rv.TransferError as error:
    print(path.exists(), "space" in str(error).lower() or "full" in str(error).lower())
"""
        )
        url = odd.url("/file/x", size=70_000_000)
        ended = run_script(source, url, str(small / "file"), folder=tmp_path)
        assert ended.check().out == "False True\n"
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_download_whose_process_is_killed_is_resumed_by_the_next(odd: Odd, tmp_path: Path) -> None:
    key = odd.key()
    size = 30_000_000
    folder = tmp_path / "target"
    folder.mkdir()
    url = odd.url("/file/x", size=size, pause_at=20_000_000, key=key)
    source = HEAD + "print(rv.transfer.download(url, path, sha256=sys.argv[3]).result().bytes)"
    arguments = (url, str(folder / "file"), digest(size))
    with running(source, *arguments, folder=tmp_path) as script:
        odd.wait_for(key)
        eventually(lambda: any(entry.stat().st_size for entry in folder.iterdir()), what="some bytes on the disk")
        script.kill()
        script.end()
    assert not (folder / "file").exists()
    assert run_script(source, *arguments, folder=tmp_path).check().out == f"{size}\n"
    assert [entry.name for entry in folder.iterdir()] == ["file"]


def test_many_downloads_with_few_descriptors_all_arrive(odd: Odd, tmp_path: Path) -> None:
    source = (
        HEAD
        + """
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
pairs = [(url, path / str(index)) for index in range(1_000)]
print(sum(done.bytes for done in rv.transfer.download_many(pairs, concurrency=500)))
"""
    )
    folder = tmp_path / "target"
    folder.mkdir()
    ended = run_script(source, odd.url("/bytes/1000"), str(folder), folder=tmp_path, goal_s=5)
    assert ended.check().out == "1000000\n"
    assert len(list(folder.iterdir())) == 1000


def test_progress_is_quiet_where_there_is_no_terminal(odd: Odd, tmp_path: Path) -> None:
    source = HEAD + "print(rv.transfer.download(url, path, progress=True).result().bytes)"
    ended = run_script(source, odd.url("/file/x", size=1000), str(tmp_path / "file"), folder=tmp_path)
    assert ended.check().out == "1000\n"
