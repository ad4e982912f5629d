"""Answers that are read piece by piece."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

    from raveler import _raveler
    from raveler._core.runtime import Runtime

_ERRORS = 400


class Stream:
    """An answer whose body is read piece by piece; memory holds one piece at a time.

    Leaving the block closes the connection if the body was not read to its end.
    """

    def __init__(
        self, runtime: Runtime, task: _raveler.Task[_raveler.HttpStream], options: _raveler.NativeOptions
    ) -> None:
        """Take the task that opens the answer."""
        self._runtime = runtime
        self._task = task
        self._options = options
        self._open: _raveler.HttpStream | None = None

    @property
    def status(self) -> int:
        """The status code."""
        return self._answer().status

    @property
    def headers(self) -> _raveler.HttpHeaders:
        """The headers."""
        return self._answer().headers

    @property
    def url(self) -> str:
        """The address that answered, after redirects."""
        return self._answer().url

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < _ERRORS

    def raise_for_status(self) -> Self:
        """Raise `HttpError` if the status is 400 or above; return the answer itself otherwise."""
        if not self.ok:
            from raveler.exceptions import HttpError

            error = HttpError(f"{self.url.partition('?')[0]} answered {self.status}")
            error.status, error.url = self.status, self.url
            raise error
        return self

    def __enter__(self) -> Self:
        """Wait for the headers."""
        self._open = self._task.result()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the answer."""
        self.close()

    async def __aenter__(self) -> Self:
        """Wait for the headers while the event loop goes on."""
        self._open = await self._task
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the answer."""
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces as they arrive."""
        answer = self._answer()
        while (piece := answer.piece(self._runtime, self._options).result()) is not None:
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces as they arrive; the event loop goes on meanwhile."""
        answer = self._answer()
        while (piece := await answer.piece(self._runtime, self._options)) is not None:
            yield piece

    def close(self) -> None:
        """Close the answer; the connection is closed unless the body was read to its end."""
        if self._open is not None:
            self._open.close()
        else:
            self._task.cancel()

    def _answer(self) -> _raveler.HttpStream:
        if self._open is None:
            message = "the answer is not open: use `with client.stream(...) as answer:` or `async with`"
            raise RuntimeError(message)
        return self._open
