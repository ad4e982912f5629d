"""Certificates made for one run: an authority that the tests trust, and servers that deserve trust or do not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ALSO_LONG_AGO = dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
KINDS = ("good", "other-name", "expired", "unknown-issuer")


@dataclass(frozen=True)
class Certificates:
    """A folder of PEM files: ``KIND.pem`` with the chain and the key, ``authority.pem`` for clients."""

    folder: Path

    @property
    def authority(self) -> str:
        """The bundle that clients are told to trust."""
        return str(self.folder / "authority.pem")

    def chain(self, kind: str) -> str:
        """Return the file with the certificate and key of a server."""
        return str(self.folder / f"{kind}.pem")


def make(folder: Path) -> Certificates:
    """Make an authority and one server certificate of each kind."""
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued = {
        "good": authority.issue_cert("localhost", "127.0.0.1"),
        "other-name": authority.issue_cert("elsewhere.example"),
        "expired": authority.issue_cert("localhost", "127.0.0.1", not_before=LONG_AGO, not_after=ALSO_LONG_AGO),
        "unknown-issuer": stranger.issue_cert("localhost", "127.0.0.1"),
    }
    for kind, certificate in issued.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / f"{kind}.pem")
    return Certificates(folder)
