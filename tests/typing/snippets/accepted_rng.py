"""Right use of random numbers, errors and the executor."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, assert_type

import raveler as rv

if TYPE_CHECKING:
    import concurrent.futures

assert_type(rv.rng(), random.Random)

with rv.Executor(max_workers=2) as pool:
    executor: concurrent.futures.Executor = pool
    assert_type(pool.submit(abs, -1).result(), int)

try:
    rv.submit(abs, -1).result()
except rv.TaskTimeout as error:
    late: TimeoutError = error
except rv.WorkerDied as error:
    died: rv.RavelerError = error
