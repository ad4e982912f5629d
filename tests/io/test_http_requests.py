"""Rules of a request: what is sent for what was asked."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.odd import Odd


def sent(response: rv.http.Response) -> dict[str, Any]:
    """Return the request as the server saw it, header names in lower case."""
    document: dict[str, Any] = response.json()
    document["headers"] = {name.lower(): value for name, value in document["headers"]}
    document["body"] = base64.b64decode(document["body"])
    return document


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_each_method_has_its_call(client: rv.http.Client, odd: Odd, method: str) -> None:
    task = getattr(client, method)(odd.url("/echo"))
    assert isinstance(task, rv.Task)
    assert sent(task.result())["method"] == method.upper()


def test_head_has_headers_and_no_body(client: rv.http.Client, odd: Odd) -> None:
    response = client.head(odd.url("/bytes/100")).result()
    assert response.status == 200
    assert response.headers["content-length"] == "100"
    assert response.content == b""


def test_request_takes_any_method(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.request("REPORT", odd.url("/echo")).result())["method"] == "REPORT"


def test_params_are_encoded_and_repeated(client: rv.http.Client, odd: Odd) -> None:
    params = {"word": "käse & brot", "many": ["a", "b"], "number": 3}
    query = sent(client.get(odd.url("/echo"), params=params).result())["query"]
    assert query == [["word", "käse & brot"], ["many", "a"], ["many", "b"], ["number", "3"]]


def test_params_are_added_to_those_of_the_url(client: rv.http.Client, odd: Odd) -> None:
    query = sent(client.get(odd.url("/echo", first="1"), params={"second": "2"}).result())["query"]
    assert query == [["first", "1"], ["second", "2"]]


def test_path_that_is_not_ascii_is_encoded(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.get(odd.url("/echo/grüße und mehr")).result())["path"] == "/echo/gr%C3%BC%C3%9Fe%20und%20mehr"


def test_fragment_is_not_sent(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.get(odd.url("/echo") + "#part").result())["path"] == "/echo"


def test_json_is_sent_with_its_type(client: rv.http.Client, odd: Odd) -> None:
    value = {"text": "ä", "numbers": [1, 2.5, None, True], "nested": {"big": 2**70}}
    seen = sent(client.post(odd.url("/echo"), json=value).result())
    assert json.loads(seen["body"]) == value
    assert seen["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_json_that_is_false_is_sent_too(client: rv.http.Client, odd: Odd, value: object) -> None:
    if value is None:
        pytest.skip("json=None is no body, as in every client")
    assert json.loads(sent(client.post(odd.url("/echo"), json=value).result())["body"]) == value


def test_bytes_are_sent_as_they_are(client: rv.http.Client, odd: Odd) -> None:
    data = bytes(range(256)) * 100
    seen = sent(client.post(odd.url("/echo"), data=data).result())
    assert seen["body"] == data
    assert seen["headers"]["content-length"] == str(len(data))


def test_text_is_sent_as_utf8(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.post(odd.url("/echo"), data="Grüße").result())["body"] == "Grüße".encode()


def test_dict_is_sent_as_a_form(client: rv.http.Client, odd: Odd) -> None:
    seen = sent(client.post(odd.url("/echo"), data={"a": "1 2", "b": ["x", "y&z"]}).result())
    assert seen["body"] == b"a=1+2&b=x&b=y%26z"
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_files_are_sent_as_multipart(client: rv.http.Client, odd: Odd, tmp_path: Path) -> None:
    path = tmp_path / "on disk.txt"
    path.write_bytes(b"from disk")
    files = {"one": ("name.bin", b"\x00\x01", "application/x-one"), "two": path}
    seen = sent(client.post(odd.url("/echo"), data={"field": "value"}, files=files).result())
    kind, _, boundary = seen["headers"]["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    parts = seen["body"].split(b"--" + boundary.strip('"').encode())
    assert len(parts) == 5
    assert b'name="field"' in parts[1]
    assert parts[1].endswith(b"\r\n\r\nvalue\r\n")
    assert b'name="one"; filename="name.bin"' in parts[2]
    assert b"application/x-one" in parts[2]
    assert parts[2].endswith(b"\r\n\r\n\x00\x01\r\n")
    assert b'filename="on disk.txt"' in parts[3]
    assert parts[3].endswith(b"from disk\r\n")


def test_multipart_names_cannot_break_out_of_their_header(client: rv.http.Client, odd: Odd) -> None:
    files = {'a"b\r\nX-Evil: 1': ('c"\r\n.txt', b"data", "text/plain")}
    body = sent(client.post(odd.url("/echo"), files=files).result())["body"]
    assert b"\r\nX-Evil" not in body


@pytest.mark.parametrize("options", [{"json": 1, "data": b"x"}, {"json": 1, "files": {"a": b"b"}}])
def test_two_bodies_are_an_error_at_the_call(client: rv.http.Client, odd: Odd, options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        client.post(odd.url("/echo"), **options)


def test_headers_are_sent(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.get(odd.url("/echo"), headers={"X-One": "1"}).result())["headers"]["x-one"] == "1"


@pytest.mark.parametrize("bad", [{"X-Bad": "a\r\nX-Evil: 1"}, {"X Bad": "a"}, {"": "a"}])
def test_header_that_would_break_the_request_is_refused(client: rv.http.Client, odd: Odd, bad: dict[str, str]) -> None:
    with pytest.raises((ValueError, rv.HttpError)):
        client.get(odd.url("/echo"), headers=bad).result()


def test_client_has_headers_for_all_and_a_request_overrides_them(odd: Odd) -> None:
    with rv.http.Client(headers={"X-One": "client", "X-Two": "client"}) as client:
        headers = sent(client.get(odd.url("/echo"), headers={"x-two": "request"}).result())["headers"]
    assert (headers["x-one"], headers["x-two"]) == ("client", "request")


def test_a_user_agent_is_sent_and_can_be_changed(client: rv.http.Client, odd: Odd) -> None:
    assert sent(client.get(odd.url("/echo")).result())["headers"]["user-agent"].startswith("raveler")
    changed = client.get(odd.url("/echo"), headers={"User-Agent": "mine"}).result()
    assert sent(changed)["headers"]["user-agent"] == "mine"


def test_base_url_is_put_before_paths_and_not_before_whole_urls(odd: Odd) -> None:
    with rv.http.Client(odd.url("/echo/")) as client:
        assert sent(client.get("below").result())["path"] == "/echo/below"
        assert sent(client.get(odd.url("/echo/other")).result())["path"] == "/echo/other"


@pytest.mark.parametrize(
    "url", ["no address", "ftp://127.0.0.1/", "http://", "", "http://[::1", "http://127.0.0.1:99999/"]
)
def test_bad_url_is_an_error_that_shows_it(client: rv.http.Client, url: str) -> None:
    with pytest.raises((ValueError, rv.HttpError)) as caught:
        client.get(url).result()
    assert url in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"timeout": -1}, {"retries": -1}, {"max_redirects": -1}, {"max_body": -1}, {"verify": 5}],
)
def test_bad_option_is_an_error_at_the_call(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        rv.http.Client(**options)
    assert next(iter(options)) in str(caught.value)


def test_unknown_option_is_a_type_error(client: rv.http.Client, odd: Odd) -> None:
    with pytest.raises(TypeError):
        client.get(odd.url("/echo"), colour="red")  # type: ignore[call-arg]


def test_closed_client_refuses(odd: Odd) -> None:
    with rv.http.Client() as client:
        pass
    with pytest.raises((RuntimeError, rv.RavelerError), match="closed"):
        client.get(odd.url("/echo")).result()


def test_basic_authentication_by_name_and_password(odd: Odd, client: rv.http.Client) -> None:
    assert client.get(odd.url("/guarded")).result().status == 401
    assert client.get(odd.url("/guarded"), auth=("ada", "secret")).result().text == "welcome"
    with rv.http.Client(auth=("ada", "secret")) as known:
        assert known.get(odd.url("/guarded")).result().status == 200


def test_basic_authentication_from_the_url(odd: Odd, client: rv.http.Client) -> None:
    url = odd.url("/guarded").replace("http://", "http://ada:secret@")
    assert client.get(url).result().status == 200


def test_bearer_authentication_by_a_token(odd: Odd, client: rv.http.Client) -> None:
    seen = sent(client.get(odd.url("/echo"), auth="token-1").result())
    assert seen["headers"]["authorization"] == "Bearer token-1"
