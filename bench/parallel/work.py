"""The functions that tasks run; light to import, because every worker does."""

from __future__ import annotations

import os
import time
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARRAY_BYTES = 32_000_000


def noop(item: int) -> int:
    """Return the argument."""
    return item


def nap_and_tell(seconds: float) -> int:
    """Return the id of the process that runs this, after a nap that lets the other workers take part."""
    time.sleep(seconds)
    return os.getpid()


def spin(seconds: float) -> None:
    """Use this much CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def count_words(text: str) -> dict[str, int]:
    """Return how often each word stands in a text."""
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def ends(array: NDArray[np.float64]) -> float:
    """Return the sum of the first and the last element, so that an array is known to have arrived whole."""
    return float(array[0] + array[-1])


@cache
def block() -> NDArray[np.float64]:
    """Return an array that this process made once, so that making it is not measured."""
    import numpy as np

    return np.arange(ARRAY_BYTES // 8, dtype=np.float64)


def give_block(index: int) -> NDArray[np.float64]:
    """Return an array whose pages are warm in this process."""
    del index
    return block()


def import_numpy(seconds: float) -> int:
    """Import what arrays need, as the first array in a worker would, and tell which process it is."""
    import_module("numpy")
    return nap_and_tell(seconds)


def make_block(seconds: float) -> int:
    """Make the array of this process, and tell which one it is."""
    block()
    return nap_and_tell(seconds)
