"""Rules of failure over HTTP: every break is an error with a reason, never a short body, never a secret."""

from __future__ import annotations

import pickle
import traceback
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.io.odd import Odd
from tests.io.servers import free_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", ["/cut/0", "/cut/999", "/cut/500?reset=1", "/cut-chunked", "/cut-at-once", "/garbage"])
def test_broken_response_is_an_error_and_never_a_short_body(client: rv.http.Client, odd: Odd, page: str) -> None:
    with pytest.raises(rv.HttpError) as caught:
        client.get(odd.url(page)).result()
    assert f"127.0.0.1:{odd.port}" in str(caught.value)
    assert str(caught.value.url).split("?")[0] == odd.url(page).split("?")[0]


def test_refused_connection_is_an_error_that_names_the_address(client: rv.http.Client) -> None:
    port = free_port()
    with pytest.raises(rv.HttpError, match=f"127.0.0.1:{port}") as caught:
        client.get(f"http://127.0.0.1:{port}/").result()
    assert "refused" in str(caught.value).lower()


def test_name_that_does_not_exist_is_an_error_that_names_it(client: rv.http.Client) -> None:
    with pytest.raises(rv.HttpError, match=r"nowhere\.invalid"):
        client.get("http://nowhere.invalid/").result()


def test_server_that_dies_in_the_middle_is_an_error(client: rv.http.Client, tmp_path: Path) -> None:
    mortal = Odd(tmp_path)
    key = mortal.key()
    task = client.get(mortal.url("/hang-in-body", key=key))
    mortal.wait_for(key)
    mortal.process.kill()
    with pytest.raises(rv.HttpError):
        task.result()


def test_client_goes_on_when_the_server_is_back(client: rv.http.Client, tmp_path: Path) -> None:
    first = Odd(tmp_path)
    assert client.get(first.url("/bytes/1")).result().ok
    first.stop()
    with pytest.raises(rv.HttpError):
        client.get(first.url("/bytes/1")).result()
    second = Odd(tmp_path)
    assert client.get(second.url("/bytes/1")).result().ok
    second.stop()


@pytest.mark.parametrize(
    "failing", ["/cut/10", "/cut-at-once", "/garbage", "/redirect-loop", "/broken-gzip", "refused", "hang"]
)
def test_credentials_are_in_no_error(odd: Odd, failing: str) -> None:
    address = f"http://127.0.0.1:{free_port()}/" if failing == "refused" else odd.url(f"/{failing.lstrip('/')}")
    url = (
        address.replace("http://", "http://ada:hidden-1@")
        + "?X-Amz-Signature=hidden-2&sig=hidden-3&access_token=hidden-4"
    )
    headers = {"Authorization": "Bearer hidden-5", "Cookie": "session=hidden-6", "X-Api-Key": "hidden-7"}
    with rv.http.Client(timeout=0.5) as client:
        task = client.get(url, headers=headers)
        with pytest.raises((rv.HttpError, TimeoutError)) as caught:
            task.result()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(task)
    told += str(getattr(caught.value, "url", "")) + repr(vars(caught.value))
    assert "hidden" not in told


def test_credentials_are_not_shown_by_a_client(odd: Odd) -> None:
    with rv.http.Client(odd.url("/"), auth=("ada", "hidden"), headers={"Authorization": "hidden"}) as client:
        assert "hidden" not in repr(client)


def test_error_of_status_hides_credentials(client: rv.http.Client, odd: Odd) -> None:
    url = odd.url("/status/403").replace("http://", "http://ada:hidden@") + "?sig=hidden"
    with pytest.raises(rv.HttpError) as caught:
        client.get(url).result().raise_for_status()
    assert "hidden" not in f"{caught.value} {caught.value!r} {caught.value.url}"


def test_http_error_is_a_raveler_error_that_can_be_pickled(client: rv.http.Client, odd: Odd) -> None:
    with pytest.raises(rv.HttpError) as caught:
        client.get(odd.url("/status/404")).result().raise_for_status()
    assert isinstance(caught.value, rv.RavelerError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status, again.url) == (str(caught.value), 404, caught.value.url)


def test_extra_bytes_after_a_body_do_not_reach_the_next_response(client: rv.http.Client, odd: Odd) -> None:
    for _ in range(5):
        assert client.get(odd.url("/too-long")).result().text == "ten bytes."
        assert client.get(odd.url("/bytes/4")).result().content == b"\x00\x00\x00\x00"
