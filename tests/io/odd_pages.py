"""What the odd server answers, path by path; the first part of a path names the page."""

from __future__ import annotations

import asyncio
import base64
import functools
import gzip
import hashlib
import itertools
import json
import struct
import zlib
from typing import TYPE_CHECKING

from tests.io.content import content
from tests.io.odd_file import answer_file
from tests.io.odd_server import PIECE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.io.odd_server import Exchange

    Page = Callable[[Exchange], Awaitable[None]]

PAGES: dict[str, Page] = {}


def page(handler: Page) -> Page:
    """Register a page under the name of its function."""
    PAGES[handler.__name__.replace("_", "-")] = handler
    return handler


def page_of(path: str) -> Page:
    """Return the page of a path."""
    return PAGES.get(path.split("/")[1], PAGES["nothing"])


def number(exchange: Exchange, default: int = 0) -> int:
    """Return the last part of the path as a number."""
    last = exchange.path.rsplit("/", 1)[1]
    return int(last) if last.isdigit() else default


def repeat(exchange: Exchange) -> int:
    """Return how many requests of this key came before this one."""
    return len(exchange.seen.requests) - 1


@page
async def nothing(exchange: Exchange) -> None:
    await exchange.answer(404, "no such page")


@page
async def echo(exchange: Exchange) -> None:
    body = await exchange.body()
    await exchange.answer_json(
        {
            "method": exchange.method,
            "path": exchange.path,
            "query": exchange.pairs,
            "headers": exchange.headers,
            "body": base64.b64encode(body).decode(),
        }
    )


@page
async def bytes_(exchange: Exchange) -> None:
    await exchange.answer(200, content(0, number(exchange)))


@page
async def status(exchange: Exchange) -> None:
    """Give a status; with `?fails=N` only to the first N requests of the key."""
    await exchange.body()
    code = number(exchange)
    if repeat(exchange) >= int(exchange.query.get("fails", 1 << 30)):
        await exchange.answer(200, f"after {repeat(exchange)}")
        return
    headers = [("Retry-After", exchange.query["retry_after"])] if "retry_after" in exchange.query else []
    await exchange.answer(code, "" if code in {204, 304} else f"status {code}", *headers)


@page
async def slow(exchange: Exchange) -> None:
    """Answer after `?ms=`, counted under the key while it waits."""
    await asyncio.sleep(int(exchange.query["ms"]) / 1000)
    await exchange.answer(200, exchange.path.rsplit("/", 1)[1])


@page
async def hang(exchange: Exchange) -> None:
    await exchange.until_the_client_leaves()


@page
async def hang_in_body(exchange: Exchange) -> None:
    await exchange.head(200, length=1000)
    await exchange.send(b"x" * 10)
    await exchange.until_the_client_leaves()


@page
async def drip(exchange: Exchange) -> None:
    """Send `N` chunks of `?size=` bytes, each after `?ms=`."""
    await exchange.head(200, ("Transfer-Encoding", "chunked"))
    for index in range(number(exchange)):
        await asyncio.sleep(int(exchange.query.get("ms", 0)) / 1000)
        await exchange.chunk(bytes([index % 256]) * int(exchange.query.get("size", 1)))
    await exchange.send(b"0\r\n\r\n")


@page
async def zeros(exchange: Exchange) -> None:
    """Send `N` zero bytes as fast as the client takes them."""
    left = number(exchange)
    await exchange.head(200, length=left)
    while left:
        piece = bytes(min(left, PIECE))
        await exchange.send(piece)
        left -= len(piece)


@page
async def cut(exchange: Exchange) -> None:
    """Promise 1,000 bytes, send `N`, and go; `?fails=` times only; by reset on demand."""
    body = content(0, 1000)
    if repeat(exchange) >= int(exchange.query.get("fails", 1 << 30)):
        await exchange.answer(200, body)
        return
    await exchange.head(200, length=1000)
    await exchange.send(body[: number(exchange)])
    exchange.cut(reset="reset" in exchange.query)


@page
async def cut_at_once(exchange: Exchange) -> None:
    """Go without an answer."""
    if repeat(exchange) >= int(exchange.query.get("fails", 1 << 30)):
        await exchange.body()
        await exchange.answer(200, "at last")
        return
    exchange.cut(reset="reset" in exchange.query)


@page
async def cut_chunked(exchange: Exchange) -> None:
    await exchange.head(200, ("Transfer-Encoding", "chunked"))
    await exchange.chunk(b"a piece")
    exchange.cut()


@page
async def until_closed(exchange: Exchange) -> None:
    """Send a body that ends where the connection does, as HTTP/1.0 had it."""
    await exchange.head(200, ("Connection", "close"))
    await exchange.send(b"to the end")
    exchange.keep_alive = False


@page
async def quiet_close(exchange: Exchange) -> None:
    """Answer well, then close the connection without having said so."""
    await exchange.answer(200, "closing quietly")
    exchange.keep_alive = False


@page
async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"\x00\x01 this is no HTTP\r\n\r\n")
    exchange.cut()


@page
async def trailers(exchange: Exchange) -> None:
    await exchange.head(200, ("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum"))
    await exchange.chunk(b"before the trailer")
    await exchange.send(b"0\r\nX-Sum: 42\r\n\r\n")


@page
async def interim(exchange: Exchange) -> None:
    """Send early hints before the answer."""
    await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
    await exchange.answer(200, "the final one")


@page
async def redirect(exchange: Exchange) -> None:
    """Redirect `N` times, then echo; `?code=` and `?to=` say how and where at the end."""
    await exchange.body()
    left = number(exchange)
    code = exchange.query.get("code", "302")
    end = exchange.query.get("to", "/echo")
    goal = end if left <= 1 else f"/redirect/{left - 1}?code={code}"
    await exchange.answer(int(code), "", ("Location", goal))


@page
async def redirect_loop(exchange: Exchange) -> None:
    await exchange.answer(302, "", ("Location", exchange.target))


@page
async def encoded(exchange: Exchange) -> None:
    """Send a JSON document in the coding that the path names."""
    coding = exchange.path.rsplit("/", 1)[1]
    document = json.dumps({"coding": coding, "text": "ä" * 1000}).encode()
    await exchange.answer(200, pack(coding, document), ("Content-Encoding", coding))


def pack(coding: str, data: bytes) -> bytes:
    """Compress ``data``."""
    if coding == "gzip":
        return gzip.compress(data)
    if coding == "deflate":
        return zlib.compress(data)
    if coding == "br":
        import brotli

        return bytes(brotli.compress(data))
    import zstandard

    return zstandard.compress(data)


@page
async def bomb(exchange: Exchange) -> None:
    """Send `N` MiB of zeros as gzip, a thousandth of it on the wire."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    count = number(exchange)
    tail = b"\x03\x00" + struct.pack("<LL", checksum_of_zeros(count), count * PIECE & 0xFFFF_FFFF)
    await exchange.head(200, ("Content-Encoding", "gzip"), length=len(header) + count * len(block) + len(tail))
    await exchange.send(header)
    for _ in range(count):
        await exchange.send(block)
    await exchange.send(tail)


@functools.cache
def checksum_of_zeros(count: int) -> int:
    """Return the CRC of so many MiB of zeros."""
    checksum, piece = 0, bytes(PIECE)
    for _ in range(count):
        checksum = zlib.crc32(piece, checksum)
    return checksum


@page
async def broken_gzip(exchange: Exchange) -> None:
    await exchange.answer(200, b"this was never packed", ("Content-Encoding", "gzip"))


@page
async def text(exchange: Exchange) -> None:
    """Send `Grüße` in the charset that the path names; `none` says none and sends UTF-8."""
    charset = exchange.path.rsplit("/", 1)[1]
    kind = "text/plain" if charset == "none" else f"text/plain; charset={charset}"
    await exchange.answer(200, "Grüße".encode("utf-8" if charset == "none" else charset), ("Content-Type", kind))


@page
async def raw(exchange: Exchange) -> None:
    """Send back the query's `body` with its `type`."""
    await exchange.answer(200, exchange.query["body"], ("Content-Type", exchange.query.get("type", "text/plain")))


@page
async def deep_json(exchange: Exchange) -> None:
    """Open `N` lists and close none."""
    await exchange.answer(200, "[" * number(exchange), ("Content-Type", "application/json"))


@page
async def repeated(exchange: Exchange) -> None:
    await exchange.answer(200, "", ("X-Many", "one"), ("X-Many", "two"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))


@page
async def set_cookie(exchange: Exchange) -> None:
    """Set what the query names, and redirect where `?to=` says."""
    cookies = [("Set-Cookie", f"{name}={value}; Path=/") for name, value in exchange.pairs if name not in {"key", "to"}]
    goal = exchange.query.get("to")
    if goal:
        await exchange.answer(302, "", ("Location", goal), *cookies)
    else:
        await exchange.answer(200, "", *cookies)


@page
async def guarded(exchange: Exchange) -> None:
    """Want Basic authentication of `ada` with `secret`."""
    wanted = "Basic " + base64.b64encode(b"ada:secret").decode()
    if exchange.header("authorization") == wanted:
        await exchange.answer(200, "welcome")
    else:
        await exchange.answer(401, "who?", ("WWW-Authenticate", 'Basic realm="odd"'))


@page
async def take(exchange: Exchange) -> None:
    """Read a body of any size and tell its length and digest; `?cut=` goes away after so many bytes."""
    digest, length = hashlib.sha256(), 0
    limit = int(exchange.query.get("cut", 1 << 62))
    if repeat(exchange) >= int(exchange.query.get("fails", 1 << 30)):
        limit = 1 << 62
    async for piece in exchange.pieces():
        digest.update(piece)
        length += len(piece)
        if length >= limit:
            exchange.cut(reset=True)
    await exchange.answer_json({"bytes": length, "sha256": digest.hexdigest()}, ("ETag", f'"{digest.hexdigest()}"'))


@page
async def count(exchange: Exchange) -> None:
    """Read a body of any size and tell its length, without a digest that would take its time."""
    length = 0
    async for piece in exchange.pieces():
        length += len(piece)
    await exchange.answer_json({"bytes": length})


@page
async def file(exchange: Exchange) -> None:
    """Serve `?size=` bytes with ranges and a strong ETag, as the query says: see `tests/io/odd_file.py`."""
    await answer_file(exchange)


@page
async def endless(exchange: Exchange) -> None:
    """Send numbered lines until the client leaves."""
    await exchange.head(200, ("Transfer-Encoding", "chunked"))
    for index in itertools.count():
        await exchange.chunk(f"{index}\n".encode() * 1000)


@page
async def too_long(exchange: Exchange) -> None:
    """Send more than was promised."""
    await exchange.head(200, length=10)
    await exchange.send(b"ten bytes.HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")


PAGES["bytes"] = PAGES.pop("bytes-")
