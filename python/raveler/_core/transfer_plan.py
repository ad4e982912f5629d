"""What the transfers of many files have in common, and what makes each of them."""

from __future__ import annotations

import os

from raveler import _raveler
from raveler._core import http_request
from raveler._core import options as _options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from typing import Any

DEFAULT_RETRIES = 4
CONCURRENCY = 8


def downloader(
    folder: str | PathLike[str] | None,
    *,
    connections: int | None = 1,
    headers: Mapping[str, str] | None = None,
    store: Mapping[str, str] | None = None,
    **switches: bool,
) -> _raveler.Maker:
    """Return what makes the download of an item; for `download_many` and flows."""
    plan = download_plan(None, connections, headers, store, **switches)
    return _raveler.transfer_downloader(None if folder is None else os.fspath(folder), plan)


def uploader(
    method: str, *, headers: Mapping[str, str] | None = None, store: Mapping[str, str] | None = None
) -> _raveler.Maker:
    """Return what makes the upload of an item; for `upload_many` and flows."""
    return _raveler.transfer_uploader(upload_plan(method, headers, store))


def download_plan(
    sha256: str | None,
    connections: int | None,
    headers: Mapping[str, str] | None,
    store: Mapping[str, str] | None,
    **switches: bool,
) -> dict[str, Any]:
    plan: dict[str, Any] = dict(switches)
    for name, value in switches.items():
        if not isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"{name} must be True or False, not {value!r}"
            raise TypeError(message)
    if sha256 is not None:
        plan["sha256"] = sha256
    if connections is not None:
        plan["connections"] = _options.count("connections", connections)
    return plan | _common(headers, store)


def upload_plan(method: str, headers: Mapping[str, str] | None, store: Mapping[str, str] | None) -> dict[str, Any]:
    return {"method": method.upper(), **_common(headers, store)}


def _common(headers: Mapping[str, str] | None, store: Mapping[str, str] | None) -> dict[str, Any]:
    return {"headers": http_request.pairs("headers", headers), "store": http_request.pairs("store", store)}
