"""Download a file over a connection that breaks: it goes on where it was, and its checksum is verified.

Run it with `python examples/resumed_download.py`; it brings the server, which breaks off the first two answers.
"""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import raveler as rv

CONTENT = bytes(range(256)) * (24 << 12)
BREAKS = 2
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Fragile(BaseHTTPRequestHandler):
    """Serves ranges of one file, and breaks off in the middle of the first two answers."""

    protocol_version = "HTTP/1.1"
    ranges: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        """Serve what was asked for, or the first part of it."""
        wanted = self.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        self.ranges.append(start)
        body = CONTENT[start:]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("ETag", f'"{DIGEST[:16]}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        is_cut = len(self.ranges) <= BREAKS
        self.wfile.write(body[: len(body) // 2] if is_cut else body)
        self.close_connection = is_cut

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


def main() -> None:
    """Download the file and look at it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fragile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with TemporaryDirectory() as folder:
        target = Path(folder) / "content.bin"
        url = f"http://127.0.0.1:{server.server_port}/content.bin"
        done = rv.transfer.download(url, target, sha256=DIGEST, connections=1, backoff=0.05, progress=True).result()
        whole = target.read_bytes() == CONTENT
        print(f"{done.bytes:,} bytes, sha256 {done.sha256 == DIGEST}, equal to the source: {whole}")
        print(f"{len(Fragile.ranges)} answers: each went on where the one before broke off:", Fragile.ranges[1] > 0)
        print("nothing else in the folder:", [path.name for path in Path(folder).iterdir()])
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
