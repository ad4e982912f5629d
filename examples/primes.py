"""Count primes on all cores, in parts that take very different times.

The parts at the far end cost far more than the first: no need to cut them evenly, the workers take one after another
and none waits for the others. Results come in the order of the parts, whichever is ready first.

    python examples/primes.py            # below 2,000,000
    python examples/primes.py 500000
"""

from __future__ import annotations

import sys
from math import isqrt

import raveler as rv


def count_primes(part: range) -> int:
    """Return how many numbers of a range are prime, by trial division."""
    return sum(all(number % divisor for divisor in range(2, isqrt(number) + 1)) for number in part if number > 1)


limit = int(dict(enumerate(sys.argv)).get(1, 2_000_000))
step = max(limit // 40, 1)
parts = [range(low, min(low + step, limit)) for low in range(0, limit, step)]

total = 0
for part, primes in zip(parts, rv.map(count_primes, parts), strict=True):
    total += primes
    print(f"{part.stop:12,}  {total:9,}  {'#' * (60 * primes // len(part))}")

print(f"{total:,} primes below {limit:,}")
