"""The arguments of a runtime: checked, and in the form that Rust takes."""

from __future__ import annotations

from raveler._core import limits as _limits
from raveler._core import options as _options
from raveler.exceptions import EngineUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import ContextVar
    from typing import Any

    from raveler._core.wrapping import Wrapping

_LARGEST_SEED = 2**64


def checked(  # noqa: PLR0917 - the order is part of the signature
    workers: int | None,
    engine: str,
    seed: int,
    limits: Mapping[str, int | _limits.Rate] | None,
    memory: str | int | None,
    preload: Iterable[str],
    trace: Any,
) -> dict[str, Any]:
    """Return the arguments by the names that Rust knows.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a value is out of range.
        EngineUnavailable: If the engine can't be used here.
    """
    if isinstance(preload, str) or not hasattr(preload, "__iter__"):
        message = f'preload must be a list of module names like ["numpy"], not {preload!r}'
        raise TypeError(message)
    modules = tuple(preload)
    for module in modules:
        message = f"preload takes names of modules, not {module!r}"
        if not isinstance(module, str):
            raise TypeError(message)
        if not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(message)
    message = f"seed must be a whole number from 0 to 2**64 - 1, not {seed!r}"
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(message)
    if not 0 <= seed < _LARGEST_SEED:
        raise ValueError(message)
    return {
        "workers": None if workers is None else _options.count("workers", workers),
        "engine": _engine(engine),
        "seed": seed,
        "limits": _limits.normalised(limits),
        "memory": None if memory is None else _options.number_of_bytes("memory", memory),
        "preload": modules,
        "trace": trace,
    }


def wrapping(carry: Iterable[ContextVar[Any]], watch_globals: object) -> Wrapping | None:
    """Return what goes around the functions of the runtime; None if nothing does.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a variable can't be found by a worker.
    """
    if not isinstance(watch_globals, bool):
        message = f"watch_globals must be True or False, not {watch_globals!r}"
        raise TypeError(message)
    variables: tuple[ContextVar[Any], ...] = ()
    if carry != ():
        from raveler._core.carry import checked

        variables = checked(carry)
    if not variables and not watch_globals:
        return None
    from raveler._core.wrapping import Wrapping

    return Wrapping(variables, watch_globals=watch_globals)


def _engine(engine: object) -> str:
    if engine in {"local", "serial"}:
        return str(engine)
    if isinstance(engine, str) and engine.partition(":")[0] in {"ray", "dask"}:
        name = engine.partition(":")[0]
        message = f'the engine {engine!r} is not part of this version; use engine="local" (or wait for raveler[{name}])'
        raise EngineUnavailable(message)
    message = (
        f'engine must be "local", "serial", "ray", "ray://host:port", "dask" or "dask://host:port", not {engine!r}'
    )
    raise ValueError(message)
