"""Requests: what the user gave, checked and brought into the form that Rust takes."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os

from raveler import _raveler
from raveler._core import options as _options
from raveler._core.hub import running_loop
from raveler._core.native import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from raveler._core.native import OperationOptions
    from raveler._core.runtime import Runtime

    Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
    # Name, file name, content, path of the content, media type.
    FormPart = tuple[str, str | None, bytes | None, str | None, str | None]

    class RequestOptions(OperationOptions, total=False):
        """What can be said about one request."""

        params: Pairs | None
        headers: Pairs | None
        json: Any
        data: Any
        files: Mapping[str, Any] | None
        auth: tuple[str, str] | str | None
        follow_redirects: bool | None


_PARTS = ("params", "headers", "json", "data", "files", "auth", "follow_redirects")
_PIECE = 1 << 18


def settings(**given: Any) -> dict[str, Any]:
    """Return the settings of a client in the form that Rust takes.

    Raises:
        TypeError: If one has the wrong type.
        ValueError: If one is out of range.
    """
    checked: dict[str, Any] = {}
    base = given["base_url"]
    if base is not None:
        checked["base_url"] = _text("base_url", base)
    checked["headers"] = pairs("headers", given["headers"])
    checked["auth"] = _auth(given["auth"])
    if given["concurrency"] is not None:
        checked["concurrency"] = _options.count("concurrency", given["concurrency"])
    rate = given["rate"]
    if rate is not None:
        from raveler._core.limits import Rate

        if not isinstance(rate, Rate):
            message = f"rate must be a Rate, e.g. rv.Rate(10, per=1.0), not {rate!r}"
            raise TypeError(message)
        checked["rate"] = (rate.count, rate.per)
    for name in ("http2", "cookies"):
        checked[name] = _switch(name, given[name])
    checked["verify"] = _verify(given["verify"])
    proxy = given["proxy"]
    checked["proxy"] = None if proxy is None else _text("proxy", proxy)
    checked["max_redirects"] = _options.count("max_redirects", given["max_redirects"], least=0)
    if given["max_body"] is not None:
        checked["max_body"] = _options.number_of_bytes("max_body", given["max_body"])
    return checked


def split(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts of the request, and the options of its task."""
    parts = {name: given.pop(name) for name in _PARTS if name in given}
    unknown = given.keys() - OPTIONS
    if unknown:
        known = ", ".join([*_PARTS, *sorted(OPTIONS)])
        message = f"{min(unknown)!r} is not an option of a request; the options are {known}"
        raise TypeError(message)
    return parts, given


def prepare(parts: dict[str, Any]) -> tuple[dict[str, Any], Feed | None]:
    """Return the request in the form that Rust takes, and what feeds its body, if it comes piece by piece."""
    request: dict[str, Any] = {}
    if parts.get("params") is not None:
        request["query"] = pairs("params", parts["params"])
    headers = pairs("headers", parts.get("headers"))
    if parts.get("auth") is not None:
        request["auth"] = _auth(parts["auth"])
    if parts.get("follow_redirects") is not None:
        request["follow"] = _switch("follow_redirects", parts["follow_redirects"])
    feed = None
    if sum(name in parts for name in ("json", "data")) > 1 or ("json" in parts and "files" in parts):
        message = "a request has one body: give json=, or data= with or without files="
        raise ValueError(message)
    if "json" in parts:
        import json

        request["bytes"] = json.dumps(parts["json"], ensure_ascii=False, separators=(",", ":")).encode()
        _default_type(headers, "application/json")
    elif parts.get("files") is not None:
        request["multipart"] = _fields(parts.get("data")) + _files(parts["files"])
    elif parts.get("data") is not None:
        feed = _body(request, headers, parts["data"])
    request["headers"] = headers
    return request, feed


def prepare_item(item: Any) -> tuple[str, str, dict[str, Any] | None]:
    """Return method, address and request of an item of many requests.

    Raises:
        TypeError: If it is not (method, url) or (method, url, options).
    """
    if isinstance(item, tuple) and len(item) == len(("method", "url")):
        return item[0].upper(), item[1], None
    if isinstance(item, tuple) and len(item) == len(("method", "url", "options")):
        parts, given = split(dict(item[2]))
        if given:
            message = f"{min(given)!r} is an option of all requests: give it to request_many"
            raise TypeError(message)
        request, feed = prepare(parts)
        if feed is not None:
            message = "a body that comes piece by piece can't be sent with request_many: use request"
            raise TypeError(message)
        return item[0].upper(), item[1], request
    message = f"an item of request_many is (method, url) or (method, url, options), not {item!r}"
    raise TypeError(message)


def pairs(name: str, given: Any) -> list[tuple[str, str]]:
    """Return a mapping or pairs as pairs of text; a list as a value stands for several of the same name."""
    if given is None:
        return []
    items = given.items() if hasattr(given, "items") else given
    result: list[tuple[str, str]] = []
    try:
        for key, value in items:
            values = value if isinstance(value, (list, tuple)) else (value,)
            result.extend((_plain(key), _plain(each)) for each in values)
    except (TypeError, ValueError):
        message = f"{name} must be a mapping or pairs of text, not {type(given).__name__}"
        raise TypeError(message) from None
    return result


class Feed:
    """Hands a body to Rust piece by piece, as it is asked for."""

    def __init__(self, pieces: Any, sink: _raveler.HttpFeed) -> None:
        """Read nothing yet."""
        self._pieces = pieces
        self._sink = sink
        self._running: object = None

    def start(self, runtime: Runtime, task: _raveler.Task[Any]) -> None:
        """Read the pieces on a thread of the runtime; on the running loop, or its own, if they come asynchronously."""
        task.add_done_callback(lambda _: self._sink.close())
        if hasattr(self._pieces, "__aiter__"):
            loop = running_loop()
            if loop is None:
                runtime.options(on="loop", name="http body").submit(self._pump_async)
            else:
                self._running = loop.create_task(self._pump_async())
        else:
            runtime.options(on="thread", name="http body").submit(self._pump)

    def _pump(self) -> None:
        try:
            for piece in self._pieces:
                if not self._sink.put(piece):
                    return
        except Exception as error:  # noqa: BLE001 - told to the one who waits for the answer
            self._sink.fail(f"{type(error).__name__}: {error}")
        else:
            self._sink.end()

    async def _pump_async(self) -> None:
        from asyncio import to_thread

        try:
            async for piece in self._pieces:
                if not await to_thread(self._sink.put, piece):
                    return
        except Exception as error:  # noqa: BLE001 - told to the one who waits for the answer
            self._sink.fail(f"{type(error).__name__}: {error}")
        else:
            self._sink.end()


def _body(request: dict[str, Any], headers: list[tuple[str, str]], data: Any) -> Feed | None:
    if isinstance(data, str):
        request["bytes"] = data.encode()
        _default_type(headers, "text/plain; charset=utf-8")
    elif isinstance(data, (bytes, bytearray, memoryview)):
        request["bytes"] = bytes(data)
    elif isinstance(data, os.PathLike):
        request["path"] = os.fspath(data)
    elif hasattr(data, "read"):
        request["feed"] = sink = _raveler.HttpFeed()
        return Feed(_pieces(data), sink)
    elif hasattr(data, "items"):
        request["form"] = pairs("data", data)
    elif hasattr(data, "__iter__") or hasattr(data, "__aiter__"):
        request["feed"] = sink = _raveler.HttpFeed()
        return Feed(data, sink)
    else:
        message = f"data must be bytes, text, a mapping, a file, a path or an iterable of bytes, not {data!r}"
        raise TypeError(message)
    return None


def _pieces(file: Any) -> Iterable[bytes]:
    while piece := file.read(_PIECE):
        yield piece.encode() if isinstance(piece, str) else piece


def _fields(data: Any) -> list[FormPart]:
    return [(name, None, value.encode(), None, None) for name, value in pairs("data", data)]


def _files(files: Any) -> list[FormPart]:
    result: list[FormPart] = []
    for name, value in files.items():
        if isinstance(value, os.PathLike):
            path = os.fspath(value)
            result.append((name, os.path.basename(path), None, path, None))  # noqa: PTH119 - the path is text already
        elif isinstance(value, tuple):
            content, kind = value[1], value[2] if len(value) > len(("name", "content")) else None
            result.append(
                (name, value[0], content.encode() if isinstance(content, str) else bytes(content), None, kind)
            )
        elif isinstance(value, (bytes, bytearray, str)):
            result.append((name, name, value.encode() if isinstance(value, str) else bytes(value), None, None))
        elif hasattr(value, "read"):
            content = value.read()
            file = os.path.basename(str(getattr(value, "name", name)))  # noqa: PTH119 - it may be no path at all
            result.append((name, file, content.encode() if isinstance(content, str) else content, None, None))
        else:
            message = (
                f"files[{name!r}] must be a path, bytes, a file, (file name, content) or (file name, content, type), "
                f"not {value!r}"
            )
            raise TypeError(message)
    return result


def _default_type(headers: list[tuple[str, str]], kind: str) -> None:
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", kind))


def _auth(given: Any) -> tuple[str, str | None] | None:
    if given is None:
        return None
    if isinstance(given, str):
        return given, None
    is_pair = isinstance(given, tuple) and len(given) == len(("user", "password"))
    if is_pair and all(isinstance(part, str) for part in given):
        return given  # type: ignore[no-any-return]
    message = "auth must be (user, password), or a token as text for Authorization: Bearer"
    raise TypeError(message)


def _verify(given: Any) -> bool | str:
    if isinstance(given, bool):
        return given
    if not isinstance(given, (str, os.PathLike)):
        message = f"verify must be True, False or the path of a file with certificates, not {given!r}"
        raise TypeError(message)
    path = os.fspath(given)
    if not os.path.isfile(path):  # noqa: PTH113 - the path is text already
        message = f"verify={path!r} is not a file; give the path of a PEM file with the authorities to trust"
        raise FileNotFoundError(message)
    return str(path)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    message = f"{name} must be text, not {value!r}"
    raise TypeError(message)


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    message = f"{name} must be True or False, not {value!r}"
    raise TypeError(message)
