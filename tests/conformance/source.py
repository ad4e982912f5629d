"""A source that tells what was taken from it, how far ahead of the consumer, by whom, and whether it was closed."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Source:
    """A generator of numbers that counts what is taken from it."""

    def __init__(self, stop: int | None = None, *, breaks_at: int | None = None) -> None:
        """Count from zero to ``stop`` or for ever; fail instead of giving the number ``breaks_at``."""
        self.pulled = 0
        self.yielded = 0
        self.ahead = 0
        self.threads: set[int] = set()
        self.closed = False
        self._stop = stop
        self._breaks_at = breaks_at

    def items(self) -> Iterator[int]:
        """Yield the numbers."""
        try:
            for index in itertools.count():
                if index == self._stop:
                    return
                if index == self._breaks_at:
                    message = f"source broke at {index}"
                    raise RuntimeError(message)
                self.pulled += 1
                self.ahead = max(self.ahead, self.pulled - self.yielded)
                self.threads.add(threading.get_ident())
                yield index
        finally:
            self.closed = True

    def consumed(self, results: Iterable[T], weight: int = 1) -> Iterator[T]:
        """Yield what came of it, and count the items that have left; each stands for ``weight`` numbers."""
        for item in results:
            yield item
            self.yielded += weight
