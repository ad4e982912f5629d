"""The Google Cloud Storage emulator, taught what its XML interface lacks: parts, versions, empty objects.

Started with a port. The emulator keeps everything in memory.
"""

from __future__ import annotations

import email.utils
import hashlib
import itertools
import sys
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator import server
from gcp_storage_emulator.handlers import objects

OBJECT = r"^/(?P<bucket_name>[-.\w]+)/(?P<object_id>.*[^/]+)$"
NAMESPACE = 'xmlns="http://doc.s3.amazonaws.com/2006-03-01"'

_NUMBERS = itertools.count()
_PARTS: dict[str, dict[int, bytes]] = {}


def tag_of(data: bytes) -> str:
    """Return the ETag of some content."""
    return f'"{hashlib.sha256(data).hexdigest()}"'


def element(name: str, inner: str) -> str:
    """Return an XML document."""
    return f'<?xml version="1.0"?><{name} {NAMESPACE}>{inner}</{name}>'


def body_of(request: Any) -> bytes:
    """Return the body, which may be empty."""
    return request.data or b""


def put(request: Any, response: Any, storage: Any) -> None:
    """Take an object, or one part of it."""
    data = body_of(request)
    if "uploadId" in request.query:
        _PARTS[request.query["uploadId"][0]][int(request.query["partNumber"][0])] = data
    else:
        request._data = data
        objects.xml_upload(request, response, storage)
    response["ETag"] = tag_of(data)


def post(request: Any, response: Any, storage: Any) -> None:
    """Begin an upload in parts, or put the parts together."""
    bucket, name = request.params["bucket_name"], request.params["object_id"]
    names = f"<Bucket>{bucket}</Bucket><Key>{name}</Key>"
    response["Content-Type"] = "application/xml"
    if "uploadId" not in request.query:
        number = f"upload-{next(_NUMBERS)}"
        _PARTS[number] = {}
        answer = f"<UploadId>{number}</UploadId>"
        response._content = (
            f"<InitiateMultipartUploadResult {NAMESPACE}>{names}{answer}</InitiateMultipartUploadResult>"
        )
        return
    parts = _PARTS.pop(request.query["uploadId"][0])
    body_of(request)
    request._data = b"".join(data for _, data in sorted(parts.items()))
    objects.xml_upload(request, response, storage)
    answer = f"<ETag>{tag_of(request._data)}</ETag>"
    response._content = element("CompleteMultipartUploadResult", names + answer)


def get(request: Any, response: Any, storage: Any) -> None:
    """Give an object with its version."""
    objects.download(request, response, storage)
    if response.status is HTTPStatus.NOT_FOUND:
        return
    whole = storage.get_file(request.params["bucket_name"], request.params["object_id"])
    response["ETag"] = tag_of(whole)
    response["Last-Modified"] = email.utils.formatdate(0, usegmt=True)
    response["Accept-Ranges"] = "bytes"


class Handler(server.RequestHandler):  # type: ignore[misc] # the emulator has no types
    """A request handler that knows HEAD as well."""

    def do_HEAD(self) -> None:  # noqa: N802 - the name that the base looks for
        """Answer as to a GET, and keep the body to itself."""
        router = server.Router(self)
        setattr(self, "wfile", Headless(self.wfile))  # noqa: B010 - the base wants a real file
        router.handle(server.GET)


class Headless:
    """A file that takes headers and drops what follows."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.is_body = False

    def write(self, data: bytes) -> int:
        """Write, until the headers are over."""
        if not self.is_body:
            self.file.write(data)
        self.is_body = self.is_body or data.endswith(b"\r\n\r\n")
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


if __name__ == "__main__":
    handlers = {server.GET: get, server.PUT: put, server.POST: post, server.DELETE: objects.delete}
    server.HANDLERS = (*server.HANDLERS[:-1], (OBJECT, handlers))
    server.RequestHandler = Handler
    server.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()
