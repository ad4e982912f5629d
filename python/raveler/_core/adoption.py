"""The event loop of an ``async with`` block as the place of coroutine tasks, from entry to exit."""

from __future__ import annotations

from raveler._core import calls, hub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from raveler._core.loop_place import LoopPlace
    from raveler._core.runtime import Runtime, State
    from raveler._core.trio_place import TrioPlace


async def enter(runtime: Runtime, state: State) -> None:
    """Make the running loop the place of the runtime's coroutines."""
    place: LoopPlace | TrioPlace
    if hub.in_trio():
        from raveler._core.trio_place import TrioPlace

        place = state.trio = TrioPlace()
        await state.trio.open()
    else:
        from raveler._core.loop_place import LoopPlace

        place = LoopPlace(hub.running_loop())
    runtime._adopt(place)  # noqa: SLF001 - the core and its extension are one unit
    state.adopted = calls.adopted[place.thread_id] = place


async def leave(runtime: Runtime, state: State, *, cancel: bool) -> None:
    """Close the runtime while the loop goes on, then give the loop back."""
    close = runtime._close  # noqa: SLF001 - the core and its extension are one unit
    try:
        await InThread(lambda: close(cancel))
    except BaseException:
        await InThread(lambda: close(True))  # noqa: FBT003 - a private function says what it is by its name
        raise
    finally:
        place = state.adopted
        if place is not None:
            here = place.thread_id
            if calls.adopted.get(here) is place:
                del calls.adopted[here]
        if state.trio is not None:
            await state.trio.finish()


class InThread:
    """Awaits a blocking function that runs on a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        """Prepare to run it."""
        self._function = function

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it and wait for it."""
        return hub.in_thread(self._function)
