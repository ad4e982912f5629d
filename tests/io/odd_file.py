"""A file with ranges and versions, served as its query says.

`size=` bytes. `ranges=no` ignores ranges, `ranges=lie` sends another one than was asked for. `change=1` gives another
version from the second request on; `etag=no` tells no version. `cut=N` cuts each of the first `fails` requests after N
bytes; `pause_at=N` lets the first one hang there. `name=` is sent as the file's name.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.io.content import content, version_tag
from tests.io.odd_server import PIECE

if TYPE_CHECKING:
    from tests.io.odd_server import Exchange

LIE = 7


def asked_range(exchange: Exchange, tag: str) -> tuple[int, int] | None:
    """Return first and behind-last byte of the range that is asked for and may be given."""
    asked, size = exchange.header("range"), int(exchange.query["size"])
    if asked is None or exchange.query.get("ranges") == "no" or exchange.header("if-range") not in {None, tag}:
        return None
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return int(first), min(size, int(last) + 1 if last else size)


def headers_of(query: dict[str, str], tag: str) -> list[tuple[str, str]]:
    """Return the headers that do not depend on the range."""
    headers = [("Content-Type", "application/octet-stream")]
    if query.get("ranges") != "no":
        headers.append(("Accept-Ranges", "bytes"))
    if query.get("etag") != "no":
        headers.append(("ETag", tag))
    if "name" in query:
        headers.append(("Content-Disposition", f'attachment; filename="{query["name"]}"'))
    return headers


async def answer_file(exchange: Exchange) -> None:
    """Serve one request for the file or a range of it."""
    query, size = exchange.query, int(exchange.query["size"])
    turn = len(exchange.seen.requests) - 1
    version = 1 if "change" in query and turn else 0
    tag = version_tag(version)
    headers, asked = headers_of(query, tag), asked_range(exchange, tag)
    start, stop = asked or (0, size)
    if asked and start >= size:
        await exchange.answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "", ("Content-Range", f"bytes */{size}"))
        return
    if asked:
        lie = LIE if query.get("ranges") == "lie" else 0
        headers.append(("Content-Range", f"bytes {start + lie}-{stop - 1 + lie}/{size + lie}"))
    await exchange.head(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK, *headers, length=stop - start)
    if exchange.method != "HEAD":
        await send_body(exchange, start, stop, version)


async def send_body(exchange: Exchange, start: int, stop: int, version: int) -> None:
    """Send the bytes, as far as the query allows."""
    query, turn = exchange.query, len(exchange.seen.requests) - 1
    end = stop
    if "cut" in query and turn < int(query.get("fails", 1)):
        end = min(stop, start + int(query["cut"]))
    pause = int(query["pause_at"]) if "pause_at" in query and not turn else end
    for at in range(start, end, PIECE):
        if at >= pause:
            await exchange.until_the_client_leaves()
        await exchange.send(content(at, min(end, at + PIECE), version))
    if end < stop:
        exchange.cut(reset="reset" in query)
