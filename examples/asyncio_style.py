"""Use raveler from asyncio: tasks on all cores are awaited like any coroutine, and the event loop stays free.

Run it with `python examples/asyncio_style.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
from itertools import pairwise

import raveler as rv


def stretch(password: str) -> str:
    """Return a key derived from a password, in pure CPU time."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"raveler", 200_000).hex()[:12]


async def tick(ticks: list[float]) -> None:
    """Count every 10 ms that the loop was free to run this."""
    loop = asyncio.get_running_loop()
    while True:
        ticks.append(loop.time())
        await asyncio.sleep(0.01)


async def main() -> None:
    """Derive keys on all cores while the loop keeps ticking."""
    ticks: list[float] = []
    async with rv.Runtime() as rt:
        ticking = asyncio.create_task(tick(ticks))
        names = [f"user{number}" for number in range(12)]
        keys = await asyncio.gather(*(rt.submit(stretch, name) for name in names))
        ticking.cancel()

    for name, key in list(zip(names, keys, strict=True))[:3]:
        print(name, key)
    longest = max((later - earlier for earlier, later in pairwise(ticks)), default=0.0)
    print(
        f"{len(keys)} keys; the loop ticked {len(ticks)} times meanwhile, its longest pause was {1000 * longest:.0f} ms"
    )


asyncio.run(main())
