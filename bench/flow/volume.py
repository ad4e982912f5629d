"""Many small items through three stages, in a process of its own: `python -m bench.flow.volume COUNT`.

It prints the most memory that this process and its workers have had, in bytes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 1_000


def halve(number: int) -> int:
    """Be the first stage."""
    return number // 2


def sums(numbers: list[int]) -> list[int]:
    """Be the last stage."""
    return [number + 1 for number in numbers]


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text(encoding="ascii").split():
            yield from family(int(child))


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had in use."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def main(count: int) -> None:
    """Send the items through, look at each, and measure before anything ends."""
    with rv.Runtime(workers=2) as rt:
        # Three stages that can't be one: batches are made in this process, between two stages in the workers.
        results = rt.flow(range(count)).map(halve).batch(BATCH).flat_map(sums)
        total = 0
        for number in results:
            total += number
        half = count // 2
        if total != half * (half - 1) + count:
            raise RuntimeError(f"the sum of all results is {total}, not {half * (half - 1) + count}")
        print(sum(peak_bytes(pid) for pid in family(os.getpid())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
