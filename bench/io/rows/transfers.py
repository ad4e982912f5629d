"""The rows about files that are fetched to the disk and sent from it.

The peers close a file and go on; raveler waits until the disk has it unless told `durable=False`. The rows compare like
with like, and show the durable way beside them.
"""

# The peers are there only where the benchmarks are made.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.io.surroundings import FILE_BYTES, FILES, LARGE_BYTES, UPLOAD_BYTES, UPLOADS, address, uploads
from bench.io.timing import Load, rate
from bench.row import RAVELER, Comparison, Contestant, Goal, Row, Sample, Setting, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Work = Callable[[Path, int], int]

DURABLE = "raveler, durable"
PIECE = 1 << 20
AT_ONCE = 32


def to_disk(work: Work, load_of: Callable[[Setting], Load], size: Callable[[Setting], int]) -> Contestant:
    """Return the contestant whose work fills a folder; the folder is new for each sample."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        with tempfile.TemporaryDirectory(prefix="raveler-bench-") as folder:
            work(Path(folder), size(setting))
            empty(Path(folder))
            timed = rate(lambda: work(Path(folder), size(setting)), load_of(setting))

            def sample() -> float:
                figure = timed()
                empty(Path(folder))
                return figure

            yield sample

    return contest


def empty(folder: Path) -> None:
    """Remove what a sample wrote."""
    for path in folder.iterdir():
        path.unlink()


def stored(folder: Path) -> int:
    """Return the bytes in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def raveler_download(folder: Path, _: int, *, durable: bool) -> int:
    """Download by raveler."""
    import raveler as rv

    rv.transfer.download(address("nginx") + "/large", folder / "large", durable=durable).result()
    return stored(folder)


def urllib3_download(folder: Path, _: int) -> int:
    """Download by urllib3 in large pieces."""
    import urllib3

    with urllib3.PoolManager() as pool, (folder / "large").open("wb", buffering=0) as file:
        response = pool.request("GET", address("nginx") + "/large", preload_content=False)
        while piece := response.read(PIECE):
            file.write(piece)
    return stored(folder)


def aiohttp_download(folder: Path, _: int) -> int:
    """Download by aiohttp."""

    async def download() -> None:
        import aiohttp

        async with aiohttp.ClientSession() as session, session.get(address("nginx") + "/large") as response:
            with (folder / "large").open("wb", buffering=0) as file:
                async for piece in response.content.iter_chunked(PIECE):
                    file.write(piece)

    asyncio.run(download())
    return stored(folder)


def pyreqwest_download(folder: Path, _: int) -> int:
    """Download by pyreqwest."""
    from pyreqwest.client import SyncClientBuilder

    with (
        SyncClientBuilder().build() as client,
        client.get(address("nginx") + "/large").build_streamed() as response,
        (folder / "large").open("wb", buffering=0) as file,
    ):
        while piece := response.body_reader.read(PIECE):
            file.write(piece)
    return stored(folder)


def by_program(name: str, arguments: Callable[[Path, int], list[str]]) -> Work:
    """Return the work of a program of its own."""

    def work(folder: Path, count: int) -> int:
        if shutil.which(name) is None:
            raise ImportError(f"{name} is not installed on this machine")
        subprocess.run([name, *arguments(folder, count)], check=True, capture_output=True)
        return stored(folder)

    return work


def aria2c_arguments(folder: Path, _: int) -> list[str]:
    """Return what aria2c is told for one large file."""
    return ["-q", "-x4", "-s4", "--file-allocation=none", "-d", str(folder), "-o", "large", address("nginx") + "/large"]


def curl_arguments(folder: Path, count: int) -> list[str]:
    """Return what curl is told for many files."""
    url = f"{address('nginx')}/files/[0-{count - 1}].bin"
    return ["-s", "-Z", "--parallel-max", str(AT_ONCE), url, "-o", f"{folder}/#1.bin"]


def raveler_files(folder: Path, count: int, *, durable: bool) -> int:
    """Download many files by raveler."""
    import raveler as rv

    urls = (f"{address('nginx')}/files/{index}.bin" for index in range(count))
    return sum(done.bytes for done in rv.transfer.download_many(urls, folder, durable=durable))


def ry_files(folder: Path, count: int) -> int:
    """Download many files by ry, in coroutines."""

    async def download() -> int:
        import ry

        client = ry.Client()
        numbers = iter(range(count))

        async def line() -> int:
            total = 0
            for index in numbers:
                response = await client.get(f"{address('nginx')}/files/{index}.bin")
                total += (folder / f"{index}.bin").write_bytes(await response.bytes())
            return total

        return sum(await asyncio.gather(*(line() for _ in range(AT_ONCE))))

    return asyncio.run(download())


def raveler_upload() -> int:
    """Upload by raveler."""
    import raveler as rv

    pairs = [(path, f"{address('sink')}/{path.name}") for path in uploads()]
    return sum(done.bytes for done in rv.transfer.upload_many(pairs))


def pycurl_upload() -> int:
    """Upload by a `CurlMulti`."""
    import pycurl

    multi, files = pycurl.CurlMulti(), []
    for path in uploads():
        file = path.open("rb")
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, f"{address('sink')}/{path.name}")
        curl.setopt(pycurl.UPLOAD, 1)
        curl.setopt(pycurl.READDATA, file)
        curl.setopt(pycurl.INFILESIZE_LARGE, UPLOAD_BYTES)
        curl.setopt(pycurl.UPLOAD_BUFFERSIZE, PIECE)
        multi.add_handle(curl)
        files.append((curl, file))
    running = len(files)
    while running:
        _, running = multi.perform()
        multi.select(1.0)
    sent = sum(int(curl.getinfo(pycurl.SIZE_UPLOAD_T)) for curl, _ in files)
    for curl, file in files:
        multi.remove_handle(curl)
        curl.close()
        file.close()
    multi.close()
    return sent


def httpx_upload() -> int:
    """Upload by httpx, one file after another."""
    import httpx

    with httpx.Client() as client:
        for path in uploads():
            with path.open("rb") as file:
                client.put(f"{address('sink')}/{path.name}", content=file).raise_for_status()
    return UPLOADS * UPLOAD_BYTES


def sending(work: Callable[[], int]) -> Contestant:
    """Return the contestant that sends all uploads."""

    @contextmanager
    def contest(setting: Setting) -> Iterator[Sample]:
        del setting
        load = Load(UPLOADS * UPLOAD_BYTES, UPLOADS * UPLOAD_BYTES)
        work()
        yield rate(work, load)

    return contest


def large(setting: Setting) -> Load:
    """Return the load of one large file."""
    del setting
    return Load(LARGE_BYTES, LARGE_BYTES)


def files_of(setting: Setting) -> int:
    """Return how many small files are fetched."""
    return setting.pick(FILES, 200)


def small(setting: Setting) -> Load:
    """Return the load of many small files."""
    return Load(files_of(setting), files_of(setting) * FILE_BYTES)


def one(setting: Setting) -> int:
    """Return the number of large files."""
    del setting
    return 1


TRANSFER_ROWS = (
    Row(
        name="download",
        work="256 MB download to disk",
        unit=Unit.FLOW,
        goal=Goal("≥ 0.95 times urllib3", Comparison.FASTER, 0.95, than="urllib3"),
        contestants={
            RAVELER: to_disk(partial(raveler_download, durable=False), large, one),
            DURABLE: to_disk(partial(raveler_download, durable=True), large, one),
            "urllib3": to_disk(urllib3_download, large, one),
            "aiohttp": to_disk(aiohttp_download, large, one),
            "pyreqwest": to_disk(pyreqwest_download, large, one),
            "aria2c": to_disk(by_program("aria2c", aria2c_arguments), large, one),
        },
        references=(DURABLE,),
    ),
    Row(
        name="download-many",
        work="2,000 files of 64 kB to disk",
        unit=Unit.RATE,
        goal=Goal("≥ 1.1 times the best peer", Comparison.FASTER, 1.1),
        contestants={
            RAVELER: to_disk(partial(raveler_files, durable=False), small, files_of),
            DURABLE: to_disk(partial(raveler_files, durable=True), small, files_of),
            "ry": to_disk(ry_files, small, files_of),
            "curl -Z": to_disk(by_program("curl", curl_arguments), small, files_of),
        },
        references=(DURABLE,),
    ),
    Row(
        name="upload",
        work="upload 4 files of 64 MB",
        unit=Unit.FLOW,
        goal=Goal("≥ 0.9 times pycurl", Comparison.FASTER, 0.9, than="pycurl"),
        contestants={
            RAVELER: sending(raveler_upload),
            "pycurl": sending(pycurl_upload),
            "httpx": sending(httpx_upload),
        },
    ),
)
