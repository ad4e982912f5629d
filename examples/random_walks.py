"""Simulate random walks on all cores; the answer is the same with any number of workers.

Every task draws from a stream of its own, made of the runtime's seed and the index of the task: which worker runs it,
and when, doesn't show.

    python examples/random_walks.py
"""

from __future__ import annotations

import raveler as rv


def walk(steps: int) -> int:
    """Return how far from its start a random walk ends."""
    rng = rv.rng()
    return abs(sum(rng.choice((-1, 1)) for _ in range(steps)))


answers = set[float]()
for workers in (1, 2, 3):
    with rv.Runtime(workers=workers, seed=2024) as rt:
        distances = rt.map(walk, [400] * 500).list()
    answers.add(sum(distances) / len(distances))
    print(f"{workers} workers: the mean distance after 400 steps is {sum(distances) / len(distances):.3f}")

print("the same every time" if len(answers) == 1 else "the answers differ")
