"""A stand-in for `typing.Generic` that costs no import at run time; type checkers see the real one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, ParamSpec, TypeVar

    T = TypeVar("T")
    U = TypeVar("U")
    P = ParamSpec("P")
    R = TypeVar("R")
else:
    T = U = P = R = None

    class Generic:
        """Accepts type parameters and forgets them."""

        def __class_getitem__(cls, _parameters: object) -> type:
            """Return the class itself."""
            return cls


__all__ = ["Generic", "P", "R", "T", "U"]
