"""Rules of proxies: named or from the environment, for plain and for secure addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raveler as rv
from tests.io.servers import free_port
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.certificates import Certificates
    from tests.io.odd import Odd

FAR = "http://far.invalid/echo"
SCRIPT = """
import sys
import raveler as rv
options = {"proxy": None} if sys.argv[2:] else {}
with rv.http.Client(retries=0, **options) as client:
    try:
        print(client.get(sys.argv[1]).result().status)
    except rv.HttpError:
        print("refused")
"""


def proxy(odd: Odd) -> str:
    """Return the address under which the odd server is a proxy: it answers for every host."""
    return f"http://127.0.0.1:{odd.port}"


def headers_of(response: rv.http.Response) -> dict[str, str]:
    """Return the headers that the last server saw, names in lower case."""
    document: dict[str, Any] = response.json()
    return {name.lower(): value for name, value in document["headers"]}


def test_named_proxy_is_asked_for_the_whole_address(odd: Odd) -> None:
    key = odd.key()
    with rv.http.Client(proxy=proxy(odd)) as client:
        assert client.get(f"{FAR}?key={key}").result().status == 200
    (request,) = odd.seen(key)["requests"]
    assert request["target"].startswith("http://far.invalid/echo")


def test_secure_address_is_reached_through_a_tunnel(odd: Odd, certificates: Certificates) -> None:
    before = odd.attempts("tunnels")
    with rv.http.Client(proxy=proxy(odd), verify=certificates.authority) as client:
        url = odd.url("/bytes/10", kind="good", host="localhost")
        assert client.get(url).result().status == 200
        assert client.get(url).result().status == 200
    assert odd.attempts("tunnels") == before + 1
    assert odd.seen("tunnels")["requests"][-1]["target"] == f"localhost:{odd.ports['good']}"


def test_credentials_of_a_proxy_are_for_the_proxy_alone(odd: Odd, certificates: Certificates) -> None:
    named = proxy(odd).replace("http://", "http://ada:hidden@")
    with rv.http.Client(proxy=named, verify=certificates.authority) as client:
        assert "proxy-authorization" in headers_of(client.get(FAR).result())
        inner = headers_of(client.get(odd.url("/echo", kind="good", host="localhost")).result())
        assert "hidden" not in repr(client)
    assert "proxy-authorization" not in inner
    outer = {name.lower(): value for name, value in odd.seen("tunnels")["requests"][-1]["headers"]}
    assert outer["proxy-authorization"].startswith("Basic ")


def test_dead_proxy_is_an_error_that_names_it_and_hides_its_password() -> None:
    port = free_port()
    with rv.http.Client(proxy=f"http://ada:hidden@127.0.0.1:{port}", retries=0) as client:
        error = client.get(FAR).exception()
    assert isinstance(error, rv.HttpError)
    assert str(port) in str(error)
    assert "hidden" not in f"{error} {error!r}"


@pytest.mark.parametrize("word", ["no address", "ftp://127.0.0.1:1"])
def test_bad_proxy_is_an_error_that_shows_it(word: str) -> None:
    with pytest.raises((ValueError, rv.HttpError)) as caught:
        rv.http.Client(proxy=word).get(FAR).result()
    assert word in str(caught.value)


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_used(odd: Odd, tmp_path: Path, name: str) -> None:
    ended = run_script(SCRIPT, FAR, folder=tmp_path, env={name: proxy(odd)})
    assert ended.check().out == "200\n"


def test_no_proxy_makes_exceptions(odd: Odd, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    for exception, expected in (("127.0.0.1", "200\n"), ("elsewhere.example", "refused\n")):
        env = {"http_proxy": dead, "no_proxy": exception}
        assert run_script(SCRIPT, odd.url("/bytes/1"), folder=tmp_path, env=env).check().out == expected


def test_proxy_of_the_environment_is_left_out_when_told(odd: Odd, tmp_path: Path) -> None:
    env = {"http_proxy": f"http://127.0.0.1:{free_port()}"}
    assert run_script(SCRIPT, odd.url("/bytes/1"), "none", folder=tmp_path, env=env).check().out == "200\n"
