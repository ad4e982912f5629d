"""Be told in three ways that a read is done: by a callback, by a promise, and by await.

Run it with `python examples/three_ways.py`.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import raveler as rv


def count_words(text: str) -> int:
    """Return the number of words in a text; as a task it runs on another core."""
    return len(text.split())


async def read_all(paths: list[Path]) -> list[int]:
    """Read files while the event loop goes on."""
    contents = await asyncio.gather(*(rv.files.read(path) for path in paths))
    return [len(content) for content in contents]


def main() -> None:
    """Write some files, and read them in each way."""
    with TemporaryDirectory() as folder, rv.Runtime() as rt:
        paths = [Path(folder) / f"{name}.txt" for name in ("one", "two", "three")]
        for number, path in enumerate(paths, start=1):
            rv.files.write(path, "word " * number * 10, runtime=rt).result()

        told = threading.Event()
        sizes: list[int] = []

        def callback(task: rv.Task[bytes]) -> None:
            sizes.append(len(task.result()))
            told.set()

        rv.files.read(paths[0], runtime=rt).add_done_callback(callback)
        told.wait(30)
        print("callback:", sizes)

        shouted = rv.files.read(paths[1], encoding="utf-8", runtime=rt).then(str.upper)
        print("promise:", shouted.result()[:9], "...")

        print("await:", asyncio.run(read_all(paths)))

        # A read is a task like any other: it feeds a worker process without a stop in this script.
        words = rt.submit(count_words, rv.files.read(paths[2], encoding="utf-8", runtime=rt))
        print("into a worker:", words.result(), "words")


if __name__ == "__main__":
    main()
