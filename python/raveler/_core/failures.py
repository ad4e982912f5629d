"""Exceptions as bytes: with their chain, their notes and the traceback that the worker saw."""

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import

from raveler._core import process, values
from raveler.exceptions import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    # Its pickle, its class and text should that fail to load, the index of its cause and context, and whether the
    # context is hidden.
    Node = tuple[bytes | None, str, str, tuple[str, ...], int | None, int | None, bool]

_OWN = __file__.rpartition("/_core/")[0] + "/"
_LONGEST_CHAIN = 50


def dump_error(error: BaseException) -> bytes:
    """Return an exception as bytes, with its causes and contexts, and the traceback as a note.

    Never fails: an exception that can't travel is replaced by one that names its class and text.
    """
    chain = _chain(error)
    place = {id(each): index for index, each in enumerate(chain)}
    note = _traceback(error)
    try:
        error.add_note(note)
        notes: tuple[str, ...] = ()
    except Exception:  # noqa: BLE001 - whatever a user's exception does
        notes = (note,)
    nodes = [_node(each, _travelling(each), notes if each is error else _notes(each), place) for each in chain]
    if nodes[0][0] is None:
        nodes[0] = (*nodes[0][:3], _notes(error) or notes, *nodes[0][4:])
    return pickle.dumps(nodes, 5)


def dump_lasting(error: BaseException) -> bytes:
    """Return an exception as bytes that a later process can load: its classes go by name, its traceback stays behind.

    Never fails, as `dump_error` never does.
    """
    chain = _chain(error)
    place = {id(each): index for index, each in enumerate(chain)}
    return pickle.dumps([_node(each, _travelling(each, _by_name), _notes(each), place) for each in chain], 5)


def load_error(data: bytes) -> BaseException:
    """Return the exception that was dumped, its chain and notes restored."""
    nodes: list[Node] = pickle.loads(data)
    errors = [_arrived(node) for node in nodes]
    for error, (_, _, _, _, cause, context, hidden) in zip(errors, nodes, strict=True):
        error.__cause__ = None if cause is None else errors[cause]
        error.__context__ = None if context is None else errors[context]
        error.__suppress_context__ = hidden
    return errors[0]


def rebuilt(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any] | None) -> BaseException:
    """Return an exception made without its ``__init__``, which may want other arguments than it keeps."""
    error = cls.__new__(cls, *args)
    error.args = args
    if state:
        error.__dict__.update(state)
    return error


def _chain(error: BaseException) -> list[BaseException]:
    chain, seen = [error], {id(error)}
    for each in chain:
        for linked in (each.__cause__, each.__context__):
            if linked is not None and id(linked) not in seen and len(chain) < _LONGEST_CHAIN:
                seen.add(id(linked))
                chain.append(linked)
    return chain


def _node(error: BaseException, data: bytes | None, notes: tuple[str, ...], place: dict[int, int]) -> Node:
    return (
        data,
        f"{type(error).__module__}.{type(error).__qualname__}",
        _text(error),
        notes,
        place.get(id(error.__cause__)),
        place.get(id(error.__context__)),
        error.__suppress_context__,
    )


def _notes(error: BaseException) -> tuple[str, ...]:
    return tuple(map(str, getattr(error, "__notes__", ())))


def _travelling(error: BaseException, dumps: Callable[[object], bytes] | None = None) -> bytes | None:
    """Return the exception alone as bytes that were seen to load, or None."""
    for form in (error, _Rebuilt(error)):
        try:
            data = (dumps or _in_band)(form)
            back = pickle.loads(data)
        except Exception:  # noqa: BLE001, S112 - whatever a user's exception does
            continue
        if type(back) is type(error):
            return data
    return None


class _Rebuilt:
    """Pickles as a call of `rebuilt`."""

    def __init__(self, error: BaseException) -> None:
        """Stand for ``error``."""
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the call that rebuilds the exception."""
        return rebuilt, (type(self.error), self.error.args, self.error.__dict__)


def _by_name(value: object) -> bytes:
    return pickle.dumps(value, 5)


def _in_band(value: object) -> bytes:
    try:
        data = pickle.dumps(value, 5)
    except Exception:  # noqa: BLE001 - whatever a user's exception does
        data = b"__main__"
    if b"__main__" not in data:
        return data
    from raveler._core import byvalue

    return byvalue.dumps(value, here=not process.is_worker)


def _arrived(node: Node) -> BaseException:
    data, kind, text, notes, *_ = node
    error: BaseException
    try:
        if data is None:
            raise pickle.UnpicklingError  # noqa: TRY301 - one way out for all that did not arrive
        error = values.loads(data)
        if not isinstance(error, BaseException):
            raise pickle.UnpicklingError  # noqa: TRY301 - one way out for all that did not arrive
    except Exception:  # noqa: BLE001 - whatever a user's exception does
        error = RemoteError(f"{kind}: {text} (the exception itself could not travel between processes)")
        error.type_name, error.original = kind, text
    known = getattr(error, "__notes__", ())
    for note in notes:
        if note not in known:
            error.add_note(note)
    return error


def _traceback(error: BaseException) -> str:
    """Return the traceback as text, without the frames of raveler that called the function."""
    from traceback import TracebackException

    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN):
        frames = frames.tb_next
    try:
        text = "".join(TracebackException(type(error), error, frames, compact=True).format())
    except Exception as failure:  # noqa: BLE001 - whatever a user's exception does
        text = f"{type(error).__qualname__} (no traceback: {failure!r})\n"
    from raveler import _raveler

    running = _raveler.current_task()
    place = "in the worker" if running is None else f"in the worker, task {running[0]}"
    return f"{place}:\n{text.rstrip()}"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever a user's exception does
        return f"<{type(error).__qualname__} whose text can't be made>"
