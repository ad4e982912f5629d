"""The protocol that an engine for more than one machine implements, and what an engine may be able to do."""

from __future__ import annotations

from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Capability", "Engine"]


class Capability(Flag):
    """What an engine can do."""

    PROCESSES = auto()
    """Tasks run in processes of their own, so that one may die alone."""
    KILL = auto()
    """A running task can be stopped, whatever it does."""
    SHARED_MEMORY = auto()
    """Arguments and results on one node travel without a copy through a socket."""
    REMOTE = auto()
    """Tasks may run on another machine."""


@runtime_checkable
class Engine(Protocol):
    """Moves chunks of work between machines, as opaque bytes; it never looks inside.

    The local and the serial engine are not of this kind: they are part of the runtime.
    """

    capabilities: Capability

    def connect(self, address: str, options: Mapping[str, str]) -> None:
        """Connect to the cluster."""
        ...

    def close(self) -> None:
        """Leave the cluster; agents that were started are stopped."""
        ...

    def nodes(self) -> Sequence[str]:
        """Return the ids of the nodes that are there now."""
        ...

    def start_agent(self, node: str, config: bytes) -> str:
        """Start the agent of a node and return its id."""
        ...

    def stop_agent(self, agent: str) -> None:
        """Stop an agent and all that it runs."""
        ...

    def submit(self, agent: str, chunk: bytes) -> str:
        """Hand a chunk to an agent and return the chunk's id."""
        ...

    def poll(self, timeout: float) -> Sequence[tuple[str, bytes | None]]:
        """Return the chunks that ended, each with its results, or with None if its node is lost."""
        ...

    def control(self, agent: str, message: bytes) -> bytes:
        """Send a control message to an agent and return its answer."""
        ...

    def put(self, data: bytes) -> str:
        """Store a value in the cluster and return its id."""
        ...

    def fetch(self, value: str) -> bytes:
        """Return a stored value."""
        ...

    def free(self, value: str) -> None:
        """Forget a stored value."""
        ...
