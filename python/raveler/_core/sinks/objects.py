"""A folder of an object store as a sink: one object a batch, named by its number."""

from __future__ import annotations

import os
import threading
from urllib.parse import urlsplit

from raveler import _raveler
from raveler._core import http_request, native
from raveler._core.sinks.lines import json_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from raveler._core.database import Database
    from raveler._core.runtime import Runtime
    from raveler._core.sinks.sink import Commit, State
    from raveler._raveler import Task, Uploaded

_SIZE = 10_000
_OPTIONS = {"retries": 4}


class ObjectSink:
    """Writes each batch as an object of lines of JSON: ``part-000000.jsonl``, ``part-000001.jsonl`` and so on.

    A store shows an object when all of it is there. A batch that is written again has the same number, so it takes the
    place of its first writing. Objects of an earlier run stay if that run had more batches: give each run a folder of
    its own, or empty it before.
    """

    database: Database | None = None

    def __init__(self, url: str, size: int | None, runtime: Runtime | None, store: Mapping[str, str] | None) -> None:
        """Connect to nothing yet.

        Raises:
            ValueError: If the address does not end in "/", or has more than a path.
        """
        address = urlsplit(url)
        shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
        if not address.path.endswith("/") or address.query or address.fragment:
            message = f'a flow writes many objects, and {shown!r} is the address of one; end it with "/"'
            raise ValueError(message)
        self.name = f"objects {shown}"
        self.size = _SIZE if size is None else size
        self._url = url
        self._runtime = runtime
        self._plan = {"method": "PUT", "headers": [], "store": http_request.pairs("store", store)}
        self._lock = threading.Lock()
        self._count = 0
        self._uploading: Task[Uploaded] | None = None
        self._is_given_up = False

    def open(self, state: State | None) -> None:
        """Find out which number is next."""
        self._count = state["parts"] if state else 0
        self._is_given_up = False

    def write(self, batch: list[Any], commit: Commit | None) -> None:
        """Write a batch as one object, or nothing.

        Raises:
            TransferError: If the store refuses or can't be reached.
            TypeError: If JSON can't hold an item.
            ValueError: As above, by its value.
        """
        del commit
        with self._lock:
            data, _ = json_lines(batch, {})
            if not data:
                return
            # A file without a name: nothing is left of it, however the process ends.
            with open(os.memfd_create("raveler-batch"), "wb") as file:  # noqa: PTH123
                file.write(data)
                file.flush()
                self._upload(f"/proc/self/fd/{file.fileno()}", f"{self._url}part-{self._count:06}.jsonl")
            self._count += 1

    def _upload(self, path: str, url: str) -> None:
        runtime = native.runtime_of(self._runtime)
        options = _raveler.NativeOptions(native.checked(_OPTIONS, self._runtime))
        counted = _raveler.TransferProgress()
        self._uploading = _raveler.transfer_upload(runtime, path, url, self._plan, counted, options)
        try:
            if self._is_given_up:
                self._uploading.cancel()
            self._uploading.result()
        finally:
            # The file ends with the block around this, and its number is another file's soon.
            self._uploading.cancel()
            self._uploading = None

    def state(self) -> State:
        """Return how many batches there are."""
        return {"parts": self._count}

    def close(self, *, failed: bool) -> None:
        """Let the upload under way end; after a failure it is given up."""
        self._is_given_up = failed
        uploading = self._uploading
        if failed and uploading is not None:
            uploading.cancel()
        with self._lock:
            pass
