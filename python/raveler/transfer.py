"""Downloads and uploads of whole files: over HTTP, to and from object stores, and on this machine.

Addresses are ``http://``, ``https://``, ``s3://``, ``gs://``, ``az://`` and ``file://``. Credentials of stores come
from the environment (``AWS_ACCESS_KEY_ID`` and its relatives) or from ``store=``.

Example:
    >>> import raveler as rv
    >>> done = rv.transfer.download("https://example.org/data.csv", "data.csv")  # doctest: +SKIP
    >>> done.result().bytes  # doctest: +SKIP
    1256
"""

from __future__ import annotations

import os

from raveler import _raveler
from raveler._core import native
from raveler._core.transfer_plan import (
    CONCURRENCY,
    DEFAULT_RETRIES,
    download_plan,
    downloader,
    upload_plan,
    uploader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike
    from typing import Any, Unpack

    from raveler._core.native import ManyOptions, OperationOptions
    from raveler._core.results import Results
    from raveler._core.runtime import Runtime
    from raveler._raveler import Task

    Told = bool | Callable[[int, int | None], object]

Downloaded = _raveler.Downloaded
Uploaded = _raveler.Uploaded

__all__ = ["Downloaded", "Uploaded", "close", "download", "download_many", "upload", "upload_many"]


@native.operation
def download(
    url: str,
    path: str | PathLike[str],
    *,
    sha256: str | None = None,
    connections: int | None = None,
    resume: bool = True,
    overwrite: bool = True,
    durable: bool = True,
    headers: Mapping[str, str] | None = None,
    store: Mapping[str, str] | None = None,
    progress: Told = False,
    runtime: Runtime | None = None,
    **options: Unpack[OperationOptions],
) -> Task[Downloaded]:
    """Download a file: its name shows all of it, or nothing new.

    What arrives is written beside the target and renamed at the end. A download that broke off goes on where it was, by
    itself or at the next call, if the server still has the same content.

    Args:
        url: The address.
        path: The file; or a folder, and the name comes from the server or the address, made safe.
        sha256: The digest that the content must have, in hexadecimal.
        connections: How many ranges are fetched at once; by default one, and more where that pays.
        resume: Go on where an earlier call broke off.
        overwrite: Replace a file of that name.
        durable: Wait until the disk has it.
        headers: Sent to a web server.
        store: Options of an object store, e.g. ``{"aws_region": "eu-central-1"}``.
        progress: Show a bar on a terminal; or a function that is called with (bytes done, bytes in all or None).
        runtime: The runtime that the task belongs to; by default the default one.
        options: The options of an operation; ``retries`` is 4 unless said otherwise.

    Raises:
        TransferError: If it fails for good; the message says why, without credentials.
    """
    plan = download_plan(sha256, connections, headers, store, resume=resume, overwrite=overwrite, durable=durable)
    owner = native.runtime_of(runtime)
    counted = _raveler.TransferProgress()
    task = _raveler.transfer_download(owner, url, os.fspath(path), plan, counted, _read(options, runtime))
    _show(progress, "download", counted, task)
    return task


@native.operation
def upload(
    path: str | PathLike[str],
    url: str,
    *,
    method: str = "PUT",
    headers: Mapping[str, str] | None = None,
    store: Mapping[str, str] | None = None,
    progress: Told = False,
    runtime: Runtime | None = None,
    **options: Unpack[OperationOptions],
) -> Task[Uploaded]:
    """Upload a file; it is read piece by piece and never held in memory as a whole.

    Args:
        path: The file.
        url: The address.
        method: The method of a request to a web server.
        headers: Sent to a web server.
        store: Options of an object store.
        progress: Show a bar on a terminal; or a function that is called with (bytes done, bytes in all or None).
        runtime: The runtime that the task belongs to; by default the default one.
        options: The options of an operation; ``retries`` is 4 unless said otherwise.

    Raises:
        TransferError: If it fails for good; the message says why, without credentials.
    """
    owner = native.runtime_of(runtime)
    counted = _raveler.TransferProgress()
    plan = upload_plan(method, headers, store)
    task = _raveler.transfer_upload(owner, os.fspath(path), url, plan, counted, _read(options, runtime))
    _show(progress, "upload", counted, task)
    return task


def download_many(
    items: Iterable[str | tuple[str, str | PathLike[str]]],
    folder: str | PathLike[str] | None = None,
    *,
    connections: int | None = 1,
    resume: bool = True,
    overwrite: bool = True,
    durable: bool = True,
    headers: Mapping[str, str] | None = None,
    store: Mapping[str, str] | None = None,
    runtime: Runtime | None = None,
    **options: Unpack[ManyOptions],
) -> Results[Downloaded]:
    """Download many files at once, and return what became of each in the order of the input.

    Args:
        items: Pairs (address, path); or addresses, whose files go to ``folder``.
        folder: Where the files of bare addresses go, each under the last name in its address. If an earlier item has
            that name, a number is put before its ending, from 2 on in the order of the input: ``page.html``,
            ``page-2.html``. What the server proposes is not heeded here: the names would depend on who answers first.
        connections: How many ranges of one file are fetched at once.
        resume: Go on where earlier downloads broke off.
        overwrite: Replace files of these names.
        durable: Wait until the disk has them.
        headers: Sent to web servers.
        store: Options of an object store.
        runtime: The runtime that the tasks belong to; by default the default one.
        options: ``concurrency`` (8), ``ordered``, ``window``, ``errors``, ``progress``, and the options of an
            operation.
    """
    switches = {"resume": resume, "overwrite": overwrite, "durable": durable}
    maker = downloader(folder, connections=connections, headers=headers, store=store, **switches)
    given: dict[str, Any] = {"retries": DEFAULT_RETRIES, **options}
    return native.many(runtime, maker, items, "transfer.download_many", given, concurrency=CONCURRENCY)


def upload_many(
    items: Iterable[tuple[str | PathLike[str], str]],
    *,
    method: str = "PUT",
    headers: Mapping[str, str] | None = None,
    store: Mapping[str, str] | None = None,
    runtime: Runtime | None = None,
    **options: Unpack[ManyOptions],
) -> Results[Uploaded]:
    """Upload many files at once, and return what became of each in the order of the input.

    Args:
        items: Pairs (path, address).
        method: The method of requests to web servers.
        headers: Sent to web servers.
        store: Options of an object store.
        runtime: The runtime that the tasks belong to; by default the default one.
        options: ``concurrency`` (8), ``ordered``, ``window``, ``errors``, ``progress``, and the options of an
            operation.
    """
    maker = uploader(method, headers=headers, store=store)
    given: dict[str, Any] = {"retries": DEFAULT_RETRIES, **options}
    return native.many(runtime, maker, items, "transfer.upload_many", given, concurrency=CONCURRENCY)


def close() -> None:
    """Close the connections that are kept for the next transfer; those in use go on."""
    _raveler.transfer_close()


def _read(options: OperationOptions, runtime: Runtime | None) -> _raveler.NativeOptions:
    return _raveler.NativeOptions(native.checked({"retries": DEFAULT_RETRIES, **options}, runtime))


def _show(progress: Told, name: str, counted: _raveler.TransferProgress, task: Task[Any]) -> None:
    from raveler._core.transfer_progress import show

    if progress is not False:
        show(progress, name, counted, task)
