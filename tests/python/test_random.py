"""Random streams: one for each task, the same on every worker, and no cost or trace outside tasks."""

from __future__ import annotations

import random
import subprocess
import sys
from contextvars import copy_context
from typing import Any

import numpy as np
import pytest

import raveler as rv
from raveler import _raveler
from raveler._core import rng as rng_module
from raveler._core.global_random import InlineTask


def in_stream(seed: int, function: Any) -> Any:
    context = copy_context()
    context.run(rng_module.current.set, rng_module.Stream(seed))
    return context.run(function)


def test_a_task_has_one_generator_of_each_kind() -> None:
    def look() -> bool:
        return rv.rng() is rv.rng() and rv.rng("numpy") is rv.rng("numpy")

    assert in_stream(1, look)


def test_the_seed_alone_decides_what_is_drawn() -> None:
    def draw() -> tuple[float, float]:
        return rv.rng().random(), rv.rng("numpy").random()

    assert in_stream(7, draw) == in_stream(7, draw)
    assert in_stream(7, draw) != in_stream(8, draw)


def test_draws_never_change_between_releases() -> None:
    assert in_stream(2**100 + 5, lambda: rv.rng().getrandbits(64)) == random.Random(2**100 + 5).getrandbits(64)
    assert in_stream(5, lambda: rv.rng("numpy").integers(2**31)) == np.random.default_rng(5).integers(2**31)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'torch'"):
        rv.rng("torch")  # type: ignore[call-overload]


def test_an_inline_task_draws_from_its_stream_and_leaves_no_trace() -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).rand()
    drawn = []
    for seed in (5, 5, 6):
        with InlineTask(seed):
            drawn.append((random.random(), np.random.rand(), rv.rng().random()))
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 3
    assert (random.random(), np.random.rand()) == expected


SCRIPT = """
import random, sys
from random import randint, random as bound
from raveler import _raveler
from raveler._core import global_random
if {numpy_first}:
    import numpy as np
token = 0
_raveler.task_token = lambda: token
_raveler.task_seed = lambda: 1000 + token % 10
global_random.install_global_random()
global_random.install_global_random()
import numpy as np
def draws():
    return (random.random(), random.randint(0, 10**9), randint(0, 10**9), random.gauss(0, 1),
            random.choice(range(10**6)), random.sample(range(10**6), 2), random.getrandbits(40),
            float(np.random.rand()), int(np.random.randint(10**9)), np.random.permutation(5).tolist(),
            float(np.random.mtrand._rand.normal()))
token = 3
first = draws()
assert draws() != first
token = 13
again = draws()
assert first == again, (first, again)
token = 4
assert draws() != first
token = 23
random.seed(5); np.random.seed(5)
assert random.random() == random.Random(5).random()
assert np.random.rand() == np.random.RandomState(5).rand()
token = 33
assert draws() == first
random.gauss(0, 1)
token = 43
random.gauss(0, 1)
token = 53
one = random.gauss(0, 1)
token = 63
assert one == random.gauss(0, 1)
token = 0
before = random.getstate()
token = 63
assert before == random.getstate()
state = np.random.get_state(legacy=False)
token = 73
np.random.set_state(state)
token = 83
assert draws() == first
print("ok")
"""


@pytest.mark.parametrize("numpy_first", [True, False])
def test_global_generators_of_a_worker_start_anew_with_each_task(numpy_first: bool) -> None:  # noqa: FBT001
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(numpy_first=numpy_first)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ok\n", done.stderr


def test_draws_outside_any_task_belong_to_the_default_seed() -> None:
    assert _raveler.task_token() == 0
    assert rv.rng() is rv.rng()
