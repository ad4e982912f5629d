"""Functions by value without cloudpickle, which is slow to import: their code, and what they refer to.

Classes of ``__main__`` and other rarities are refused here, and then go the slow way.
"""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import
import builtins
import io
import marshal
import opcode
import sys
from contextvars import ContextVar
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, ModuleType

from raveler._core import arrays, carry
from raveler._core.importable import found_by_name, importable, look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# A version of the format without back references: equal code gives equal bytes.
_FORMAT = 2
_READS = {opcode.opmap[name] for name in ("LOAD_GLOBAL", "LOAD_NAME") if name in opcode.opmap}
_LOAD_GLOBAL = opcode.opmap["LOAD_GLOBAL"]
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_OF_THE_MODULE = ("__name__", "__package__", "__path__", "__file__")


def dumps(value: object) -> bytes:
    """Return ``value`` pickled, functions that no worker can import by value.

    Raises:
        pickle.PicklingError: If it takes cloudpickle; so does any other exception.
    """
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def global_names(code: CodeType) -> Iterator[str]:
    """Yield the names of the globals that a code object reads, and those that it contains."""
    extended = 0
    instructions = code.co_code
    for operation, argument in zip(instructions[::2], instructions[1::2], strict=True):
        if operation == _EXTENDED_ARG:
            extended = (extended | argument) << 8
            continue
        if operation in _READS:
            index = extended | argument
            yield code.co_names[index >> 1 if operation == _LOAD_GLOBAL else index]
        extended = 0
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


def reduced_code(code: CodeType) -> tuple[Any, ...]:
    """Return how code is rebuilt, with its file name; both ends run the same interpreter."""
    return marshal.loads, (marshal.dumps(code, _FORMAT),)


def reduced_stream(stream: object) -> tuple[Any, ...]:
    """Return how a standard stream is found by its name.

    Raises:
        TypeError: If it is another open file, which is not its content.
    """
    for name in ("stdout", "stderr", "stdin"):
        if stream is getattr(sys, name, None):
            return getattr, (sys, name)
    message = f"cannot pickle {type(stream).__qualname__!r} object"
    raise TypeError(message)


def one_of_a_kind(thing: Any) -> Any:
    """Return how a method of a global random generator is found by its name, or NotImplemented for any other thing.

    Pickled as it is, it would carry the state of the generator along.
    """
    python = sys.modules.get("random")
    is_generator = python is not None and thing is getattr(python, "_inst", None)
    owner: Any = thing if is_generator else getattr(thing, "__self__", None)
    if owner is None:
        return NotImplemented
    if python is not None and owner is getattr(python, "_inst", None):
        return getattr, (python, "_inst" if is_generator else thing.__name__)
    legacy = sys.modules.get("numpy.random.mtrand")
    if legacy is not None and owner is getattr(legacy, "_rand", None):
        return getattr, (sys.modules["numpy.random"], thing.__name__)
    return NotImplemented


class _Pickler(pickle.Pickler):
    """Knows functions, modules and little more."""

    def __init__(self, file: io.BytesIO) -> None:
        """Pickle into ``file``."""
        super().__init__(file, 5)
        self.dispatch_table = arrays.with_arrays({CodeType: reduced_code}, in_band=True)
        self._spaces: dict[int, dict[str, Any]] = {}

    def reducer_override(self, obj: Any) -> Any:  # noqa: PLR0911 - one for each kind of value
        """Return how to rebuild ``obj``, or NotImplemented to leave it to its own class."""
        if isinstance(obj, FunctionType):
            return NotImplemented if found_by_name(obj) else self._reduce_function(obj)
        if isinstance(obj, ModuleType):
            if not importable(obj.__name__, obj):
                message = f"module {obj.__name__!r} can't be imported by a worker"
                raise pickle.PicklingError(message)
            return look_up, (obj.__name__, "")
        if issubclass(type(obj), type):
            if obj.__module__ == "builtins" or found_by_name(obj):
                return NotImplemented
            message = f"class {obj.__qualname__!r} can't be imported by a worker"
            raise pickle.PicklingError(message)
        if isinstance(obj, ContextVar):
            return carry.reduced(obj)
        if isinstance(obj, (BuiltinMethodType, MethodType)) or type(obj).__name__ in {"Random", "TaskRandom"}:
            return one_of_a_kind(obj)
        if isinstance(obj, io.TextIOBase) and not isinstance(obj, io.StringIO):
            return reduced_stream(obj)
        return NotImplemented

    def _reduce_function(self, function: FunctionType) -> Any:
        read = dict.fromkeys(global_names(function.__code__))
        space = function.__globals__
        shared = self._spaces.get(id(space))
        if shared is None:
            shared = self._spaces[id(space)] = {name: space[name] for name in _OF_THE_MODULE if name in space}
        used = {name: space[name] for name in read if name in space}
        state = (
            used,
            tuple(_submodules(used, function.__code__)),
            tuple(_contents(cell) for cell in function.__closure__ or ()),
            {name: getattr(function, name) for name in _ATTRIBUTES},
            function.__dict__,
        )
        arguments = (function.__code__, shared, function.__name__, len(function.__closure__ or ()))
        # The state comes after the function is known, so that functions may refer to each other and to themselves.
        return _made, arguments, state, None, None, _filled


_ATTRIBUTES = ("__defaults__", "__kwdefaults__", "__annotations__", "__module__", "__qualname__", "__doc__")


def _made(code: CodeType, space: dict[str, Any], name: str, cells: int) -> FunctionType:
    return FunctionType(code, space, name, None, tuple(CellType() for _ in range(cells)) or None)


def _filled(function: FunctionType, state: tuple[Any, ...]) -> None:
    space, submodules, cells, attributes, own = state
    # As in a module: C code that imports something looks for it in the globals of its caller.
    function.__globals__.setdefault("__builtins__", builtins)
    for name in submodules:
        look_up(name, "")
    for name, value in space.items():
        function.__globals__.setdefault(name, value)
    for cell, contents in zip(function.__closure__ or (), cells, strict=True):
        if contents:
            cell.cell_contents = contents[0]
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.update(own)


def _submodules(used: dict[str, Any], code: CodeType) -> Iterator[str]:
    """Yield the loaded submodules that code may reach through a package that it uses, as in ``import xml.dom``."""
    packages = [value.__name__ + "." for value in used.values() if isinstance(value, ModuleType)]
    if packages:
        words = set(_words(code))
        for name in list(sys.modules):
            for package in packages:
                if name.startswith(package) and words.issuperset(name[len(package) :].split(".")):
                    yield name


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)


def _contents(cell: CellType) -> tuple[object, ...]:
    """Return what is in a cell, in a tuple, which is empty if the cell is."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()
