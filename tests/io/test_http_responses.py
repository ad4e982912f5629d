"""Rules of a response: what is read from what came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.content import content

if TYPE_CHECKING:
    from tests.io.odd import Odd


def test_response_has_status_url_and_elapsed(client: rv.http.Client, odd: Odd) -> None:
    url = odd.url("/slow/x", ms=30)
    response = client.get(url).result()
    assert (response.status, response.url, response.ok) == (200, url, True)
    assert 0.03 <= response.elapsed < 30


@pytest.mark.parametrize("length", [0, 1, 1000, 65_536, 1_000_001, 20_000_000])
def test_content_is_the_whole_body(client: rv.http.Client, odd: Odd, length: int) -> None:
    response = client.get(odd.url(f"/bytes/{length}")).result()
    assert type(response.content) is bytes
    assert response.content == content(0, length)


def test_content_is_made_once(client: rv.http.Client, odd: Odd) -> None:
    response = client.get(odd.url("/bytes/100000")).result()
    assert response.content is response.content


def test_headers_are_found_in_any_case(client: rv.http.Client, odd: Odd) -> None:
    headers = client.get(odd.url("/repeated")).result().headers
    assert headers["X-Many"] == headers["x-many"]
    assert "X-MANY" in headers
    assert "x-none" not in headers
    assert headers.get("x-none", "?") == "?"
    with pytest.raises(KeyError, match="x-none"):
        headers["x-none"]


def test_repeated_headers_keep_their_order(client: rv.http.Client, odd: Odd) -> None:
    headers = client.get(odd.url("/repeated")).result().headers
    assert list(headers.get_all("x-many")) == ["one", "two"]
    assert list(headers.get_all("set-cookie")) == ["a=1", "b=2"]


@pytest.mark.parametrize("status", [404, 418, 500, 503])
def test_status_that_is_not_2xx_is_no_error_by_itself(client: rv.http.Client, odd: Odd, status: int) -> None:
    response = client.get(odd.url(f"/status/{status}")).result()
    assert (response.status, response.ok, response.text) == (status, False, f"status {status}")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_raise_for_status_raises_with_status_and_url(client: rv.http.Client, odd: Odd, status: int) -> None:
    url = odd.url(f"/status/{status}")
    with pytest.raises(rv.HttpError, match=str(status)) as caught:
        client.get(url).result().raise_for_status()
    assert (caught.value.status, caught.value.url) == (status, url)


def test_raise_for_status_is_quiet_for_success(client: rv.http.Client, odd: Odd) -> None:
    client.get(odd.url("/bytes/1")).result().raise_for_status()


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_body_has_none(client: rv.http.Client, odd: Odd, status: int) -> None:
    response = client.get(odd.url(f"/status/{status}")).result()
    assert (response.status, response.content) == (status, b"")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16", "none"])
def test_text_follows_the_charset_and_is_utf8_without_one(client: rv.http.Client, odd: Odd, charset: str) -> None:
    assert client.get(odd.url(f"/text/{charset}")).result().text == "Grüße"


def test_text_that_is_not_in_its_charset_is_no_error(client: rv.http.Client, odd: Odd) -> None:
    text = client.get(odd.url("/bytes/4096")).result().text
    assert isinstance(text, str)


@pytest.mark.parametrize(
    "document",
    [
        '{"a": [1, 2.5, -0.0, 1e300, true, false, null, "\\u00e4\\ud83d\\ude00"], "b": {}}',
        "123456789012345678901234567890",
        '"text"',
        "null",
        " [ ] ",
        "9223372036854775807",
        "-9223372036854775809",
        "0.1",
        '{"a": 1, "a": 2}',
    ],
)
def test_json_gives_what_the_standard_library_gives(client: rv.http.Client, odd: Odd, document: str) -> None:
    found = client.get(odd.url("/raw", body=document, type="application/json")).result().json()
    assert repr(found) == repr(json.loads(document))


@pytest.mark.parametrize("document", ["", "{", "[1,]", "nul", '{"a" 1}', "1 2"])
def test_bad_json_is_a_value_error(client: rv.http.Client, odd: Odd, document: str) -> None:
    response = client.get(odd.url("/raw", body=document)).result()
    with pytest.raises(ValueError, match=r"(?i)json|column|expected|EOF"):
        response.json()


def test_json_that_is_nested_without_end_is_an_error_and_no_crash(client: rv.http.Client, odd: Odd) -> None:
    response = client.get(odd.url("/deep-json/100000")).result()
    with pytest.raises((ValueError, RecursionError)):
        response.json()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_coded_bodies_are_decoded(client: rv.http.Client, odd: Odd, coding: str) -> None:
    response = client.get(odd.url(f"/encoded/{coding}")).result()
    assert response.json() == {"coding": coding, "text": "ä" * 1000}


def test_codings_are_offered(client: rv.http.Client, odd: Odd) -> None:
    offered = dict(client.get(odd.url("/echo")).result().json()["headers"])
    accepted = {name.lower(): value for name, value in offered.items()}["accept-encoding"]
    assert {coding.strip() for coding in accepted.split(",")} >= {"gzip", "br", "zstd", "deflate"}


def test_body_stays_coded_for_those_who_ask_for_a_coding_themselves(client: rv.http.Client, odd: Odd) -> None:
    response = client.get(odd.url("/encoded/gzip"), headers={"Accept-Encoding": "gzip"}).result()
    assert response.content[:2] == b"\x1f\x8b"


def test_body_in_a_false_coding_is_an_error(client: rv.http.Client, odd: Odd) -> None:
    with pytest.raises(rv.HttpError):
        client.get(odd.url("/broken-gzip")).result()


def test_response_shows_itself_in_short(client: rv.http.Client, odd: Odd) -> None:
    shown = repr(client.get(odd.url("/bytes/1000000")).result())
    assert "200" in shown
    assert len(shown) < 300


def test_response_travels_to_workers(client: rv.http.Client, odd: Odd) -> None:
    with rv.Runtime(workers=1) as rt:
        response = client.get(odd.url("/bytes/1000")).result()
        status, length = rt.submit(lambda got: (got.status, len(got.content)), response).result()
    assert (status, length) == (200, 1000)


def test_trailers_and_interim_responses_do_no_harm(client: rv.http.Client, odd: Odd) -> None:
    assert client.get(odd.url("/trailers")).result().content == b"before the trailer"
    assert client.get(odd.url("/interim")).result().text == "the final one"
    assert client.get(odd.url("/until-closed")).result().text == "to the end"
