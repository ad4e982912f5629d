"""Wrong use of the verbs, each at a line that a checker must reject."""

from __future__ import annotations

import raveler as rv


def length(text: str) -> int:
    """Return the length."""
    return len(text)


rt = rv.Runtime(workers=2)
rt.submit(length, 5)  # rejected
rt.submit(length)  # rejected
rt.submit(length, "a", scale=1)  # rejected
rt.submit(5)  # rejected
rt.map(length, [1, 2])  # rejected
rt.map(length, ["a"], errors="ignore")  # rejected
rv.Runtime(workers="two")  # rejected
text: str = rt.submit(length, "a").result()  # rejected
