"""Arguments and results as bytes: pickle with the buffers beside it, cloudpickle where plain pickle can't do it."""

from __future__ import annotations

import _pickle as pickle  # the C half alone: `pickle` itself is slow to import
import copyreg
import sys
from io import BytesIO

from raveler._core import arrays
from raveler.exceptions import NotSerializable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_table: dict[type, Any] = {}


def dumps(
    value: object,
    label: str = "args",
    here: bool = False,  # noqa: FBT001, FBT002 - Rust calls it
) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """Return ``value`` pickled, and the buffers that travel beside it.

    With ``here`` the bytes are for this same process, where every class is at hand.

    Raises:
        NotSerializable: If a part of ``value`` can't be pickled; it names the part, starting from ``label``.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        if "numpy" in sys.modules:
            file = BytesIO()
            pickler = pickle.Pickler(file, 5, buffer_callback=buffers.append)
            pickler.dispatch_table = _with_arrays()
            pickler.dump(value)
            data = file.getvalue()
        else:
            data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ raises
        return _by_value(value, label, here=here)
    return (data, buffers) if here or b"__main__" not in data else _by_value(value, label, here=here)


def loads(data: bytes, buffers: Sequence[Any] = (), writable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Rust calls it
    """Return the value; arrays stand on the buffers, and are read-only unless ``writable`` says otherwise."""
    if not writable:
        return pickle.loads(data, buffers=buffers)
    arrays.writable = True
    try:
        return pickle.loads(data, buffers=buffers)
    finally:
        arrays.writable = False


def can_travel(value: object) -> bool:
    """Tell whether ``value`` can be pickled, by value if need be."""
    from raveler._core import byvalue

    try:
        byvalue.dumps(value)
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ raises
        return False
    return True


def refusal(value: object, label: str, reason: BaseException) -> NotSerializable:
    """Return the error that says which part of ``value`` can't be pickled, and why."""
    from raveler._core import blame

    path, part = blame.path_to(value, label, lambda each: not can_travel(each))
    error = NotSerializable(
        f"{path} can't be sent to another process: {type(part).__module__}.{type(part).__qualname__} "
        f"can't be pickled ({type(reason).__name__}: {reason}); pass what it is made from, or run the task with "
        f'on="thread"'
    )
    error.path = path
    return error


def _by_value(value: object, label: str, *, here: bool) -> tuple[bytes, list[pickle.PickleBuffer]]:
    from raveler._core import byvalue

    buffers: list[pickle.PickleBuffer] = []
    try:
        return byvalue.dumps(value, buffers, here=here), buffers
    except Exception as error:
        raise refusal(value, label, error) from error


def _with_arrays() -> dict[type, Any]:
    """Return the registered reducers and ours; a plain dict, which the C pickler looks up fastest."""
    if len(_table) != len(copyreg.dispatch_table) + 1:
        _table.clear()
        arrays.with_arrays(_table)
        _table.update(copyreg.dispatch_table)
    return _table
