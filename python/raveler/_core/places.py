"""The places of this process that Rust sends calls to: threads, the event loop, the calling thread."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raveler._core.calls import run_inline
    from raveler._core.loop_place import LoopPlace
    from raveler._core.thread_place import ThreadPlace

__all__ = ["LoopPlace", "ThreadPlace", "run_inline"]

_HOMES = {
    "LoopPlace": "raveler._core.loop_place",
    "ThreadPlace": "raveler._core.thread_place",
    "run_inline": "raveler._core.calls",
}


def __getattr__(name: str) -> object:
    """Import a place when it is first used: the loop brings asyncio, which threads don't need."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    found: object = getattr(import_module(home), name)
    globals()[name] = found
    return found
