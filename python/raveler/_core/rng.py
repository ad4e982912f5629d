"""Random streams that depend on the runtime's seed and the task alone, never on the worker or the order."""

from __future__ import annotations

from _thread import _local
from contextvars import ContextVar

from raveler import _raveler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from typing import Any, Literal, overload

    import numpy as np

_OUTSIDE = 2**64 - 1


class Stream:
    """The generators of one task, each made when it is first asked for."""

    __slots__ = ("calls", "numpy", "python", "seed")

    def __init__(self, seed: int) -> None:
        """Start from a seed of 128 bits."""
        self.seed = seed
        self.calls = 0
        """How many calls the task has made itself: each has a stream below its own."""
        self.python: random.Random | None = None
        self.numpy: np.random.Generator | None = None


current: ContextVar[Stream | None] = ContextVar("raveler_stream", default=None)
"""The stream of the task that runs in this thread or coroutine; unset in a worker's main thread."""

_here = _local()
_outside: dict[int, Stream] = {}


if TYPE_CHECKING:

    @overload
    def rng(kind: Literal["python"] = "python") -> random.Random: ...
    @overload
    def rng(kind: Literal["numpy"]) -> np.random.Generator: ...


def rng(kind: str = "python") -> Any:
    """Return the random generator of the running task, the same object at every call in one task.

    It depends on the runtime's seed and on the task's place in the program (parent task, call, item): not on the
    worker, the number of workers, the chunk size, the engine, or a retry. Outside a task it belongs to the seed of
    the default runtime.

    Args:
        kind: ``"python"`` for a `random.Random`, ``"numpy"`` for a `numpy.random.Generator`.

    Raises:
        ValueError: If there is no generator of that kind.

    Example:
        >>> import raveler as rv
        >>> def throw(_):
        ...     return rv.rng().randint(1, 6)
        >>> with rv.Runtime(seed=7) as rt:
        ...     first = rt.map(throw, range(4)).list()
        >>> with rv.Runtime(seed=7, workers=1) as rt:
        ...     first == rt.map(throw, range(4)).list()
        True
    """
    stream = _stream()
    if kind == "python":
        if stream.python is None:
            from random import Random

            stream.python = Random(stream.seed)  # noqa: S311 - reproducible on purpose
        return stream.python
    if kind == "numpy":
        if stream.numpy is None:
            from numpy.random import default_rng

            stream.numpy = default_rng(stream.seed)
        return stream.numpy
    message = f'rng: {kind!r} is not a kind of generator: it must be "python" or "numpy"'
    raise ValueError(message)


def _stream() -> Stream:
    stream = current.get()
    if stream is not None:
        return stream
    token = _raveler.task_token()
    if token:
        if getattr(_here, "token", 0) != token:
            _here.token, _here.stream = token, Stream(_raveler.task_seed())
        return _here.stream  # type: ignore[no-any-return]
    from raveler._core.default import default_seed

    seed = default_seed()
    stream = _outside.get(seed)
    if stream is None:
        stream = _outside.setdefault(seed, Stream(_raveler.seed_child(seed, _OUTSIDE)))
    return stream
