"""Runs a function when a module is there: at once if it is loaded, else right after its first import."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call ``then`` now if the module is loaded, else once right after it was executed."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Watcher(name, then))


class _Watcher:
    """A finder that finds nothing itself: it lets the others find the module and adds a step after its execution."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        """Wait for the module ``name``."""
        self._name = name
        self._then = then

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders give, with the added step; None for any other module."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._add_step(spec)
                return spec
        sys.meta_path.insert(0, self)
        return None

    def _add_step(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        if loader is None:
            return
        execute, then = loader.exec_module, self._then

        def execute_and_then(module: ModuleType) -> None:
            execute(module)
            then()

        loader.exec_module = execute_and_then  # type: ignore[method-assign]
