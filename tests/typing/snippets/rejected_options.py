"""Wrong options, each at a line that a checker must reject."""

from __future__ import annotations

import raveler as rv


def length(text: str) -> int:
    """Return the length."""
    return len(text)


rt = rv.Runtime(workers=2)
rt.map(length, ["a"], colour="red")  # rejected
rt.options(on="moon")  # rejected
rv.task(length, retries="many")  # rejected
