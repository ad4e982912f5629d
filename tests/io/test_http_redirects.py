"""Rules of redirects and cookies: followed, bounded, and careful with secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv

if TYPE_CHECKING:
    from tests.io.odd import Odd


def echoed(response: rv.http.Response) -> dict[str, str]:
    """Return the headers that the last server saw, names in lower case."""
    return {name.lower(): value for name, value in response.json()["headers"]}


def test_redirects_are_followed_and_remembered(client: rv.http.Client, odd: Odd) -> None:
    response = client.get(odd.url("/redirect/3")).result()
    assert response.status == 200
    assert response.url == odd.url("/echo")
    assert len(response.history) == 3


def test_redirects_are_not_followed_when_told(client: rv.http.Client, odd: Odd) -> None:
    response = client.get(odd.url("/redirect/3"), follow_redirects=False).result()
    assert response.status == 302
    assert response.headers["location"].startswith("/redirect/2")


def test_redirect_loop_is_an_error_that_names_the_limit(client: rv.http.Client, odd: Odd) -> None:
    key = odd.key()
    with pytest.raises(rv.HttpError, match="10"):
        client.get(odd.url("/redirect-loop", key=key)).result()
    assert odd.attempts(key) == 11


def test_limit_of_redirects_can_be_set(odd: Odd) -> None:
    with rv.http.Client(max_redirects=2) as client:
        assert client.get(odd.url("/redirect/2")).result().status == 200
        with pytest.raises(rv.HttpError, match="2"):
            client.get(odd.url("/redirect/3")).result()


@pytest.mark.parametrize(
    ("code", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
        (301, "GET", "GET"),
    ],
)
def test_method_after_a_redirect(client: rv.http.Client, odd: Odd, code: int, method: str, becomes: str) -> None:
    response = client.request(method, odd.url("/redirect/1", code=code), data=b"payload").result()
    seen: dict[str, Any] = response.json()
    assert seen["method"] == becomes
    assert bool(seen["body"]) == ((becomes == method and method != "GET") or method == "GET")


def test_redirect_to_an_address_without_host_or_sense_is_an_error(client: rv.http.Client, odd: Odd) -> None:
    with pytest.raises(rv.HttpError):
        client.get(odd.url("/redirect/1", to="http://[nonsense")).result()


def test_redirect_does_not_lead_to_other_schemes(client: rv.http.Client, odd: Odd) -> None:
    with pytest.raises(rv.HttpError):
        client.get(odd.url("/redirect/1", to="file:///etc/passwd")).result()


def test_credentials_do_not_follow_a_redirect_to_another_host(client: rv.http.Client, odd: Odd) -> None:
    elsewhere = odd.url("/echo", host="localhost")
    headers = {"Authorization": "Bearer hidden", "Cookie": "a=hidden", "X-Plain": "stays"}
    seen = echoed(client.get(odd.url("/redirect/1", to=elsewhere), headers=headers).result())
    assert "authorization" not in seen
    assert "cookie" not in seen
    assert seen["x-plain"] == "stays"


def test_basic_credentials_do_not_follow_a_redirect_to_another_host(client: rv.http.Client, odd: Odd) -> None:
    elsewhere = odd.url("/echo", host="localhost")
    seen = echoed(client.get(odd.url("/redirect/1", to=elsewhere), auth=("ada", "secret")).result())
    assert "authorization" not in seen


def test_credentials_follow_a_redirect_on_the_same_host(client: rv.http.Client, odd: Odd) -> None:
    seen = echoed(client.get(odd.url("/redirect/1"), auth=("ada", "secret")).result())
    assert seen["authorization"].startswith("Basic ")


def test_cookies_are_kept_by_a_client(client: rv.http.Client, odd: Odd) -> None:
    client.get(odd.url("/set-cookie", flavour="oat")).result()
    assert echoed(client.get(odd.url("/echo")).result())["cookie"] == "flavour=oat"


def test_cookies_set_on_a_redirect_are_sent_at_its_end(client: rv.http.Client, odd: Odd) -> None:
    assert echoed(client.get(odd.url("/set-cookie", flavour="oat", to="/echo")).result())["cookie"] == "flavour=oat"


def test_cookies_stay_with_their_host_and_their_client(client: rv.http.Client, odd: Odd) -> None:
    client.get(odd.url("/set-cookie", flavour="oat")).result()
    assert "cookie" not in echoed(client.get(odd.url("/echo", host="localhost")).result())
    with rv.http.Client() as other:
        assert "cookie" not in echoed(other.get(odd.url("/echo")).result())


def test_client_without_cookies_keeps_none(odd: Odd) -> None:
    with rv.http.Client(cookies=False) as client:
        client.get(odd.url("/set-cookie", flavour="oat")).result()
        assert "cookie" not in echoed(client.get(odd.url("/echo")).result())


def test_errors_of_redirects_hide_credentials(client: rv.http.Client, odd: Odd) -> None:
    goal = odd.url("/cut/10").replace("http://", "http://ada:hidden-word@")
    with pytest.raises(rv.HttpError) as caught:
        client.get(odd.url("/redirect/1", to=goal)).result()
    assert "hidden-word" not in json.dumps([str(caught.value), repr(caught.value), str(caught.value.url)])
