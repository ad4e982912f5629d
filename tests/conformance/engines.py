"""The engines of this stage and what each can do; tests ask for capabilities, never for names."""

from __future__ import annotations

from typing import NamedTuple


class EngineUnderTest(NamedTuple):
    """One engine and its capabilities.

    ``processes``: tasks run outside of this process. ``parallel``: several tasks run at once, and beside the caller.
    ``kill``: a task that runs can be stopped.
    """

    name: str
    capabilities: frozenset[str]


ENGINES = (
    EngineUnderTest("serial", frozenset()),
    EngineUnderTest("local", frozenset({"processes", "parallel", "kill"})),
)
