"""Rules of TLS: certificates are verified unless the user says otherwise in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import raveler as rv
from tests.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io.certificates import Certificates
    from tests.io.odd import Odd
    from tests.io.servers import Nginx

REASONS = {
    "other-name": r"(?i)name|valid for|elsewhere",
    "expired": r"(?i)expired",
    "unknown-issuer": r"(?i)issuer|unknown|trust|self.signed",
}


def test_trusted_certificate_is_accepted(odd: Odd, certificates: Certificates) -> None:
    with rv.http.Client(verify=certificates.authority) as client:
        assert client.get(odd.url("/bytes/10", kind="good", host="localhost")).result().status == 200
        assert client.get(odd.url("/bytes/10", kind="good", host="127.0.0.1")).result().status == 200


@pytest.mark.parametrize("kind", REASONS)
def test_bad_certificate_is_refused_in_words(odd: Odd, certificates: Certificates, kind: str) -> None:
    key = odd.key()
    url = odd.url("/bytes/10", kind=kind, host="localhost", key=key)
    with rv.http.Client(verify=certificates.authority) as client, pytest.raises(rv.HttpError) as caught:
        client.get(url).result()
    assert re.search(REASONS[kind], str(caught.value))
    assert "localhost" in str(caught.value)
    assert odd.attempts(key) == 0


def test_unknown_authority_is_refused_by_default(odd: Odd, client: rv.http.Client) -> None:
    with pytest.raises(rv.HttpError, match=REASONS["unknown-issuer"]):
        client.get(odd.url("/bytes/10", kind="good", host="localhost")).result()


@pytest.mark.parametrize("kind", REASONS)
def test_verification_can_be_turned_off_in_words(odd: Odd, kind: str) -> None:
    with rv.http.Client(verify=False) as client:
        assert client.get(odd.url("/bytes/10", kind=kind, host="localhost")).result().status == 200


def test_bundle_that_does_not_exist_is_an_error_that_names_it() -> None:
    with pytest.raises((OSError, ValueError, rv.HttpError), match=r"no-such\.pem"):
        rv.http.Client(verify="/no-such.pem").get("https://localhost/").result()


def test_ssl_cert_file_is_honoured(odd: Odd, certificates: Certificates, tmp_path: Path) -> None:
    source = """
import sys, raveler as rv
print(rv.http.get(sys.argv[1]).result().status)
"""
    url = odd.url("/bytes/10", kind="good", host="localhost")
    ended = run_script(source, url, folder=tmp_path, env={"SSL_CERT_FILE": certificates.authority})
    assert ended.check().out == "200\n"


def test_http2_is_agreed_upon_where_both_sides_speak_it(nginx: Nginx, certificates: Certificates) -> None:
    with rv.http.Client(verify=certificates.authority, http2=True) as client:
        assert client.get(nginx.secure_url("/protocol")).result().text == "HTTP/2.0"
        assert [response.text for response in client.get_many([nginx.secure_url("/protocol")] * 50)] == [
            "HTTP/2.0"
        ] * 50


def test_http1_is_spoken_when_told(nginx: Nginx, certificates: Certificates) -> None:
    with rv.http.Client(verify=certificates.authority, http2=False) as client:
        assert client.get(nginx.secure_url("/protocol")).result().text == "HTTP/1.1"


def test_plain_answer_to_a_secure_request_is_an_error(odd: Odd) -> None:
    with rv.http.Client(verify=False) as client, pytest.raises(rv.HttpError):
        client.get(f"https://127.0.0.1:{odd.port}/bytes/1").result()
