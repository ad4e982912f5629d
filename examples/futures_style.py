"""Use raveler the way people use `concurrent.futures`: an executor, futures, callbacks, and promises beside them.

Run it with `python examples/futures_style.py`.
"""

from __future__ import annotations

from concurrent.futures import Future, as_completed
from math import factorial

import raveler as rv


def digits(number: int) -> tuple[int, int]:
    """Return a number and the sum of the digits of its factorial."""
    return number, sum(map(int, str(factorial(number))))


def larger(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Return the pair with the larger number."""
    return max(left, right)


def announce(future: Future[tuple[int, int]]) -> None:
    """Say that a future is done; called once for each."""
    finished.append(future.result()[0])


# The standard library's interface, to the letter: these are its own Future objects.
finished: list[int] = []
with rv.Executor() as executor:
    futures = [executor.submit(digits, number) for number in (900, 600, 300)]
    for future in futures:
        future.add_done_callback(announce)
    sums = dict(future.result() for future in as_completed(futures))
print("futures:", sums, "callbacks:", sorted(finished))

# The same work as tasks: a task may be the argument of another, and its value never comes back here in between.
with rv.Runtime() as rt:
    first, second = rt.submit(digits, 300), rt.submit(digits, 600)
    largest = rt.submit(larger, first, second)
    print("tasks:", largest.result())

    # And as promises: each step is a task of its own, an error goes to the next `catch`.
    good = rt.submit(digits, 900).then(lambda pair: f"{pair[0]}! has the digit sum {pair[1]}")
    bad = rt.submit(digits, -1).catch(lambda error: f"no answer: {error}")
    print("promises:", good.result(), "|", bad.result())
