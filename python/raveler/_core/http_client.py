"""The HTTP client: a pool of connections with settings of its own."""

from __future__ import annotations

from raveler import _raveler
from raveler._core import http_request, native
from raveler._core.adoption import InThread
from raveler._core.http_stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from typing import Any, Self, Unpack

    from raveler._core.http_request import RequestOptions
    from raveler._core.limits import Rate
    from raveler._core.native import ManyOptions
    from raveler._core.results import Results
    from raveler._core.runtime import Runtime
    from raveler._raveler import Task

Response = _raveler.HttpResponse

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
DEFAULT_RETRIES = 2
DEFAULT_TIMEOUT = 60.0
_CONCURRENCY = 64


class Client:
    """A pool of connections with settings of its own; cheap to keep, made for many requests.

    Nothing is opened before the first request. Use it in a ``with`` or ``async with`` block, or call `close`.

    Args:
        base_url: What relative addresses are joined to.
        headers: Sent with every request.
        auth: A pair (user, password), or a token for ``Authorization: Bearer``.
        concurrency: The largest number of requests at once; by default what descriptors allow.
        rate: A `Rate`: how many requests may start for one host in a span of time.
        retries: Further attempts after an error of the connection, or an answer of 429, 502, 503 or 504, for methods
            that are safe to repeat. A ``Retry-After`` is obeyed. After the last attempt the answer is returned as it
            is.
        backoff: The pause before the first further attempt in seconds, or (first, factor, longest).
        timeout: Seconds that one attempt may take; None for no limit.
        http2: Whether HTTP/2 may be used where a server offers it over TLS.
        verify: True to verify certificates, the path of a file with the authorities to trust, or False to verify
            nothing.
        proxy: The address of a proxy, ``"environment"`` to follow ``HTTP_PROXY`` and its relatives, or None for none.
        cookies: Whether cookies are kept and sent back.
        max_redirects: The number of redirects that are followed; 0 to follow none.
        max_body: The largest body in bytes that is read into memory, counted after decompression.
        limit: Named limits of the runtime that every request takes a permit of.
        runtime: The runtime that the tasks belong to; by default the default one.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a value is out of range.

    Example:
        >>> import raveler as rv
        >>> with rv.http.Client("http://localhost:8000", retries=3) as client:  # doctest: +SKIP
        ...     pages = client.get_many(f"/items/{n}" for n in range(1000)).list()
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        auth: tuple[str, str] | str | None = None,
        concurrency: int | None = None,
        rate: Rate | None = None,
        retries: int = DEFAULT_RETRIES,
        backoff: float | tuple[float, ...] | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        http2: bool = True,
        verify: bool | str | PathLike[str] = True,
        proxy: str | None = "environment",
        cookies: bool = True,
        max_redirects: int = 10,
        max_body: int | str | None = None,
        limit: str | tuple[str, ...] | list[str] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        """Check the settings; nothing is opened."""
        self._runtime = runtime
        self._concurrency = _CONCURRENCY if concurrency is None else concurrency
        once = {"backoff": backoff, "timeout": timeout, "limit": limit}
        again = {**once, "retries": retries}
        self._again = native.checked(again, runtime)
        self._options = _raveler.NativeOptions(self._again)
        self._once = native.checked(once, runtime)
        self._options_once = _raveler.NativeOptions(self._once)
        self._inner = _raveler.HttpClient(
            http_request.settings(
                base_url=base_url,
                headers=headers,
                auth=auth,
                concurrency=concurrency,
                rate=rate,
                http2=http2,
                verify=verify,
                proxy=proxy,
                cookies=cookies,
                max_redirects=max_redirects,
                max_body=max_body,
            )
        )

    @native.operation
    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a request and read the whole answer.

        An answer with an error status is an answer: `Response.raise_for_status` makes an error of it.

        Args:
            method: Any method.
            url: The address; a relative one is joined to the base of the client.
            options: ``params`` (the query: a mapping or pairs), ``headers``, ``json`` (any object), ``data`` (bytes,
                text, a mapping for a form, an open file, a `pathlib.Path`, or an iterable of bytes), ``files`` (a
                mapping of names to paths, bytes or (file name, bytes), for a multipart form), ``auth``,
                ``follow_redirects``, and the options of an operation: ``timeout``, ``retries`` (said here, they hold
                for every method), ``backoff``, ``limit``, ``name``.

        Raises:
            HttpError: If the request could not be sent or the answer not be read.
            TaskTimeout: If an attempt took longer than its timeout.
        """
        method = method.upper()
        if not options:
            settings = self._options if method in _REPEATABLE else self._options_once
            return self._inner.send(native.runtime_of(self._runtime), method, url, None, settings)
        parts, given = http_request.split(dict(options))
        settings = self._settings(method, given)
        runtime = native.runtime_of(self._runtime)
        request, feed = http_request.prepare(parts)
        task = self._inner.send(runtime, method, url, request, settings)
        if feed is not None:
            feed.start(runtime, task)
        return task

    @native.operation
    def get(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a GET; takes what `request` takes."""
        return self.request("GET", url, **options)

    @native.operation
    def head(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a HEAD; takes what `request` takes."""
        return self.request("HEAD", url, **options)

    @native.operation
    def post(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a POST; takes what `request` takes. It is repeated only if ``retries`` says so."""
        return self.request("POST", url, **options)

    @native.operation
    def put(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a PUT; takes what `request` takes."""
        return self.request("PUT", url, **options)

    @native.operation
    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a PATCH; takes what `request` takes. It is repeated only if ``retries`` says so."""
        return self.request("PATCH", url, **options)

    @native.operation
    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
        """Send a DELETE; takes what `request` takes."""
        return self.request("DELETE", url, **options)

    def get_many(self, urls: Iterable[str], **options: Unpack[ManyOptions]) -> Results[Response]:
        """Send a GET to each address, many at once, and return the answers in the order of the input.

        The addresses are pulled lazily, and the answers in memory are bounded in number and bytes: an endless
        generator works.

        Args:
            urls: The addresses.
            options: ``concurrency`` (64), ``ordered``, ``window``, ``errors``, ``progress``, and the options of an
                operation.
        """
        maker = self._inner.maker("GET", None)
        return self._many(maker, urls, "http.get_many", "GET", dict(options))

    def request_many(self, requests: Iterable[tuple[Any, ...]], **options: Unpack[ManyOptions]) -> Results[Response]:
        """Send many requests, each (method, url) or (method, url, options of `request`); all else as in `get_many`.

        The retries of the client hold only if ``retries`` says so here: the methods are not known before.
        """
        maker = self._inner.maker(None, http_request.prepare_item)
        return self._many(maker, requests, "http.request_many", "POST", dict(options))

    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Stream:
        """Send a request and read the answer piece by piece; for a ``with`` or ``async with`` block.

        Example:
            >>> with client.stream("GET", "/big") as answer:  # doctest: +SKIP
            ...     for piece in answer:
            ...         sink.write(piece)
        """
        method = method.upper()
        parts, given = http_request.split(dict(options))
        settings = self._settings(method, given)
        runtime = native.runtime_of(self._runtime)
        request, feed = http_request.prepare(parts)
        task = self._inner.open(runtime, method, url, request, settings)
        if feed is not None:
            feed.start(runtime, task)
        return Stream(runtime, task, self._options_once)

    def close(self) -> None:
        """Close all connections; a request that is under way ends with an error."""
        self._inner.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the requests that are under way, and close it; an exception ends them."""
        try:
            if kind is None:
                self._inner.drain()
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the requests that are under way while the loop goes on, and close it; an exception ends them."""
        try:
            if kind is None:
                await InThread(self._inner.drain)
        finally:
            self.close()

    def __repr__(self) -> str:
        """Return where it sends to, without credentials."""
        return f"<raveler.http.Client {self._inner.describe()}>"

    def _settings(self, method: str, given: dict[str, Any]) -> _raveler.NativeOptions:
        own = self._again if method in _REPEATABLE else self._once
        if not given:
            return self._options if own is self._again else self._options_once
        merged = {**own, **native.checked(given, self._runtime)}
        return _raveler.NativeOptions(
            {name: value for name, value in merged.items() if given.get(name, value) is not None}
        )

    def _stage(self) -> tuple[_raveler.Maker, dict[str, Any], int]:
        """Return what a flow needs to send a GET to each of its items."""
        return self._inner.maker("GET", None), dict(self._again), self._concurrency

    def _many(
        self, maker: _raveler.Maker, source: Iterable[Any], what: str, method: str, given: dict[str, Any]
    ) -> Results[Any]:
        own = self._again if method in _REPEATABLE else self._once
        merged: dict[str, Any] = {**own, **given}
        return native.many(self._runtime, maker, source, what, merged, concurrency=self._concurrency)


_default: Client | None = None


def default_client() -> Client:
    """Return the client that all calls without one share."""
    global _default  # noqa: PLW0603 - one for the process
    if _default is None:
        _default = Client(cookies=False)
    return _default
