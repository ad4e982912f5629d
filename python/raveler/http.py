"""API calls and pages: an HTTP client whose work is done in Rust, off the interpreter.

Every call returns a `Task` at once: wait for its result, give it a callback, chain it, or await it.

Example:
    >>> import raveler as rv
    >>> page = rv.http.get("http://localhost:8000/")  # doctest: +SKIP
    >>> page.result().status  # doctest: +SKIP
    200
"""

from __future__ import annotations

from raveler import _raveler
from raveler._core import native
from raveler._core.http_client import Client, default_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    from raveler._core.http_request import RequestOptions
    from raveler._raveler import Task

Response = _raveler.HttpResponse
Headers = _raveler.HttpHeaders

__all__ = ["Client", "Headers", "Response", "delete", "get", "head", "patch", "post", "put", "request"]


@native.operation
def request(method: str, url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a request with a client that all such calls share; see `Client.request`. Cookies are not kept."""
    return default_client().request(method, url, **options)


@native.operation
def get(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a GET; see `Client.request`."""
    return default_client().request("GET", url, **options)


@native.operation
def head(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a HEAD; see `Client.request`."""
    return default_client().request("HEAD", url, **options)


@native.operation
def post(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a POST; see `Client.request`."""
    return default_client().request("POST", url, **options)


@native.operation
def put(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a PUT; see `Client.request`."""
    return default_client().request("PUT", url, **options)


@native.operation
def patch(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a PATCH; see `Client.request`."""
    return default_client().request("PATCH", url, **options)


@native.operation
def delete(url: str, **options: Unpack[RequestOptions]) -> Task[Response]:
    """Send a DELETE; see `Client.request`."""
    return default_client().request("DELETE", url, **options)
