"""Whether a worker process finds an object under its name, and how it looks it up."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_known: dict[str, tuple[ModuleType, bool]] = {}


def found_by_name(thing: object) -> bool:
    """Tell whether a fresh process would find this very object by its module and qualified name."""
    name, qualname = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(name, str) or not isinstance(qualname, str) or "<" in qualname:
        return False
    module = sys.modules.get(name)
    if module is None or not importable(name, module):
        return False
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
        if found is None:
            return False
    return found is thing or (getattr(found, "__wrapped__", None) is thing and _is_task_function(found))


def importable(name: str, module: ModuleType) -> bool:
    """Tell whether a fresh process that has our ``sys.path`` would import this module under this name."""
    known = _known.get(name)
    if known is not None and known[0] is module:
        return known[1]
    answer = _finders_find(name, module)
    _known[name] = (module, answer)
    return answer


def root_of(name: str) -> str | None:
    """Return the directory that must be on ``sys.path`` for the top-level package of ``name`` to be found."""
    module = sys.modules.get(name.partition(".")[0])
    paths = list(getattr(module, "__path__", ()))
    file = paths[0] if paths else getattr(module, "__file__", None)
    if not isinstance(file, str) or "/" not in file:
        return None
    return file.rpartition("/")[0]


def look_up(module: str, qualname: str, root: str | None = None) -> object:
    """Return the object of that name, or the module itself for an empty one, importing the module if need be.

    ``root`` goes to the end of ``sys.path`` if the module is not found without it.
    """
    found: object = sys.modules.get(module) or _load(module, root)
    for part in qualname.split(".") if qualname else ():
        found = getattr(found, part)
    return found


def _load(name: str, root: str | None) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        top = name.partition(".")[0]
        if error.name != top or root is None or root in sys.path:
            raise
        sys.path.append(root)
        return import_module(name)


def _finders_find(name: str, module: ModuleType) -> bool:
    """Ask the finders as an import would, and compare where they point to."""
    spec = getattr(module, "__spec__", None)
    if name == "__main__" or spec is None:
        return False
    if spec.origin in {"built-in", "frozen"}:
        return True
    parent, _, _ = name.rpartition(".")
    path = None
    if parent:
        package = sys.modules.get(parent)
        if package is None or not importable(parent, package):
            return False
        path = getattr(package, "__path__", None)
        if path is None:
            # `os.path` and its like: a module that its parent put in place while it was imported.
            return getattr(package, name.rpartition(".")[2], None) is module
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            found = find(name, path, None) if find is not None else None
        except (ImportError, AttributeError, ValueError):
            found = None
        if found is not None:
            return bool(found.origin == spec.origin)
    # An alias that its package put into `sys.modules` by hand: there after the package's own import.
    return bool(parent) and spec.name != name


def _is_task_function(thing: object) -> bool:
    from raveler._core.task import TaskFunction

    return isinstance(thing, TaskFunction)
