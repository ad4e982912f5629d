"""The global generators of `random` and NumPy, made to follow the task: reseeded at the first draw of each task."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import sys

from raveler import _raveler
from raveler._core import process, rng
from raveler._core.imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# Apart from each other and from the streams of `rng`, which start from the task's seed itself.
_PYTHON = 0x9E3779B97F4A7C15F39CC0605CEDC834
_NUMPY = 0x6A09E667F3BCC908BB67AE8584CAA73B


class TaskRandom(random.Random):
    """A generator that starts anew at the first draw of each task."""

    _token = 0
    """The task that the stream belongs to; draws outside a task go on with it."""

    def random(self) -> float:
        """Draw a float from 0 (included) to 1 (excluded)."""
        if _raveler.task_token() != self._token:
            self._begin()
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        """Draw ``k`` bits."""
        if _raveler.task_token() != self._token:
            self._begin()
        return super().getrandbits(k)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """Draw from a normal distribution; a value kept back in another task is not used."""
        if _raveler.task_token() != self._token:
            self._begin()
        return super().gauss(mu, sigma)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        """Start from a seed of the user's, which holds until the task ends."""
        self._token = _raveler.task_token() or self._token
        super().seed(*args, **kwargs)

    def getstate(self) -> tuple[Any, ...]:
        """Return the state that the next draw of this task starts from."""
        if _raveler.task_token() != self._token:
            self._begin()
        return super().getstate()

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go on from a state of the user's, which holds until the task ends."""
        super().setstate(state)
        self._token = _raveler.task_token() or self._token

    def _begin(self) -> None:
        # A thread that a task started is outside it: its draws must not make the task begin again.
        if _raveler.task_token():
            self.seed(_raveler.task_seed() ^ _PYTHON)


def install_global_random() -> None:
    """Make the global generators of this process follow its tasks, at no cost for tasks that don't draw."""
    generator = random._inst  # noqa: SLF001 - there is no public name for it
    if isinstance(generator, TaskRandom):
        return
    # The object stays the same, so that names bound to its methods before this moment follow too.
    generator.__class__ = TaskRandom
    for name in ("random", "getrandbits", "gauss", "seed", "getstate", "setstate"):
        setattr(random, name, getattr(generator, name))
    when_imported("numpy.random", _install_numpy)


class InlineTask:
    """While entered, the global generators of this process belong to one task; afterwards they are as before."""

    def __init__(self, seed: int) -> None:
        """Prepare for a task with that seed."""
        self._seed = seed
        self._python: tuple[Any, ...] = ()
        self._numpy: Any = None
        self._stream: Any = None

    def __enter__(self) -> None:
        """Keep the states and start from the task's seed."""
        self._stream = rng.current.set(rng.Stream(self._seed))
        self._python = random.getstate()
        random.seed(self._seed ^ _PYTHON)
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            self._numpy = numpy.get_state(legacy=False)
            numpy.seed(_words(self._seed ^ _NUMPY))

    def __exit__(self, *_: object) -> None:
        """Put the states back."""
        rng.current.reset(self._stream)
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules["numpy.random"].set_state(self._numpy)


def _install_numpy() -> None:
    """Put a state behind `numpy.random` that reseeds at the first draw of each task."""
    package: Any = sys.modules["numpy.random"]
    module: Any = sys.modules["numpy.random.mtrand"]
    original = module._rand  # noqa: SLF001 - there is no public name for it
    follower = _following(module.RandomState)(original._bit_generator)  # noqa: SLF001 - there is no public name for it
    module._rand = follower  # noqa: SLF001 - there is no public name for it
    for namespace in (package, module):
        names: list[str] = list(vars(namespace))
        for name in names:
            if getattr(getattr(namespace, name), "__self__", None) is original:
                setattr(namespace, name, getattr(follower, name))


def _following(base: Any) -> Any:
    last_token = 0

    def begin(state: Any, name: str) -> None:
        nonlocal last_token
        token = _raveler.task_token()
        if token and token != last_token:
            last_token = token
            if name not in {"seed", "set_state"}:
                base.seed(state, _words(_raveler.task_seed() ^ _NUMPY))

    def method(name: str) -> Callable[..., Any]:
        original = getattr(base, name)

        def follow(self: Any, *args: Any, **kwargs: Any) -> Any:
            begin(self, name)
            return original(self, *args, **kwargs)

        follow.__name__ = name
        follow.__doc__ = original.__doc__
        return follow

    names = [name for name in dir(base) if not name.startswith("_") and callable(getattr(base, name))]
    return type("TaskRandomState", (base,), {name: method(name) for name in names})


def _words(seed: int) -> list[int]:
    return list(_split(seed))


def _split(seed: int) -> Iterator[int]:
    for _ in range(4):
        yield seed & 0xFFFFFFFF
        seed >>= 32


if process.is_worker:
    install_global_random()
