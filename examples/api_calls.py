"""Call an API that is slow, busy now and then, and counts how often it is asked: retries, a rate limit, and order kept.

Run it with `python examples/api_calls.py`; it brings the server that it calls.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import raveler as rv

ITEMS = 40
LEAST_S = 0.3  # 48 calls need four pauses of 0.1 s; the server, which makes threads, notes the first ones a little late


class Api(BaseHTTPRequestHandler):
    """Answers with the square of a number; the first call for every fifth number is told to come back later."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[int]] = Counter()
    starts: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        """Answer one call."""
        number = int(self.path.rpartition("/")[2])
        self.asked[number] += 1
        self.starts.append(time.monotonic())
        is_busy = number % 5 == 0 and self.asked[number] == 1
        body = b"" if is_busy else json.dumps({"number": number, "square": number**2}).encode()
        self.send_response(429 if is_busy else 200)
        if is_busy:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


def main() -> None:
    """Ask for the squares of many numbers, at most 100 in a second."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    with rv.http.Client(base, rate=rv.Rate(10, per=0.1), retries=3, timeout=10.0) as client:
        answers = client.get_many(f"/square/{number}" for number in range(ITEMS))
        squares = [answer.raise_for_status().json()["square"] for answer in answers]
    server.shutdown()
    server.server_close()

    seconds = max(Api.starts) - min(Api.starts)
    print(f"{len(squares)} squares in order: {squares[:6]} ...", squares == [number**2 for number in range(ITEMS)])
    print(f"{sum(Api.asked.values())} calls for {ITEMS} answers: {ITEMS // 5} were busy and were asked again")
    print("not faster than 10 calls in a tenth of a second:", seconds > LEAST_S)


if __name__ == "__main__":
    main()
