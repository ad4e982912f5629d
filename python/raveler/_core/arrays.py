"""How NumPy arrays travel: their buffers beside the pickle, and read-only on arrival, whatever their layout."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

writable = False
"""True while arguments are unpickled for a task with ``writable=True``."""


def with_arrays(table: dict[type, Any], *, in_band: bool = False) -> dict[type, Any]:
    """Return the table of reducers, with one for arrays where NumPy is loaded.

    With ``in_band`` the buffers stay in the pickle, so that every array has to be made read-only on arrival.
    """
    numpy = sys.modules.get("numpy")
    array = getattr(numpy, "ndarray", None)
    if array is not None and array not in table:
        table[array] = _reduce_in_band if in_band else _reduce
    return table


def frozen(make: Callable[..., Any], args: tuple[Any, ...], state: Any = None) -> Any:
    """Rebuild an array whose buffer did not travel on its own, and make it read-only."""
    array = make(*args)
    if state is not None:
        array.__setstate__(state)
    if not writable:
        array.flags.writeable = False
    return array


def _reduce(array: Any) -> Any:
    reduced = array.__reduce_ex__(5)
    return reduced if reduced[0].__name__ == "_frombuffer" else (frozen, reduced[:3])


def _reduce_in_band(array: Any) -> Any:
    return frozen, array.__reduce_ex__(5)[:3]
