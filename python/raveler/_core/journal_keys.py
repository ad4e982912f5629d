"""Texts that name values the same way in every process: the keys of journalled items."""

# It looks into values of any type, and what `isinstance` leaves of them has types that nobody knows.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from hashlib import blake2b
from pathlib import PurePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 64
_HEAD = 40
_DIGEST = 12
_NUMBERS = frozenset({int, float, bool, type(None)})
_ATOMS = _NUMBERS | {str, bytes}
_REST = (complex, type(...))


class NoText(Exception):
    """A value has no text that is the same in every process."""


def key_of(item: object) -> str | None:
    """Return a short text in ASCII that names the item, or None if it is not made of plain values alone.

    Plain are str, bytes, int, float, bool, None and paths, and tuples, lists, dicts and sets of them.
    """
    kind = type(item)
    try:
        is_flat = kind in _ATOMS or ((kind is tuple or kind is list) and _ATOMS.issuperset(map(type, item)))  # type: ignore[call-overload]
        text = ascii(item) if is_flat else text_of(item)
    except NoText:
        return None
    except ValueError:
        # A whole number of thousands of digits, which has no decimal text.
        return shortened(text_of(item))
    return text if len(text) <= LONGEST else shortened(text)


def shortened(text: str) -> str:
    """Return the beginning of a long text and a digest of all of it."""
    return text if len(text) <= LONGEST else f"{text[:_HEAD]}...{digest(text.encode())}"


def digest(*parts: bytes) -> str:
    """Return a short digest of bytes in hexadecimal digits."""
    state = blake2b(digest_size=_DIGEST)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def text_of(value: object) -> str:
    """Return the whole text of a plain value.

    Raises:
        NoText: If a part of it is not plain.
    """
    try:
        return _text_of(value)
    except RecursionError:
        raise NoText from None


def _text_of(value: object) -> str:  # noqa: PLR0911 - one for each kind of value
    kind = type(value)
    if kind is int:
        # Not `repr`, which refuses numbers of thousands of digits.
        return repr(value) if -(1 << 64) < value < 1 << 64 else hex(value)  # type: ignore[operator, arg-type]
    if kind in _ATOMS or kind in _REST:
        return ascii(value)
    if kind is tuple:
        return f"({_joined(value)},)"  # type: ignore[arg-type]
    if kind is list:
        return f"[{_joined(value)}]"  # type: ignore[arg-type]
    if isinstance(value, PurePath):
        return f"Path({str(value)!a})"
    if kind is dict:
        # The order of equal dicts may differ, as may that of sets.
        pairs = [f"{_text_of(name)}: {_text_of(part)}" for name, part in value.items()]  # type: ignore[attr-defined]
        return f"{{{', '.join(sorted(pairs))}}}"
    if kind is set or kind is frozenset:
        return f"{{{', '.join(sorted(map(_text_of, value)))}}}"  # type: ignore[call-overload]
    raise NoText


def _joined(parts: Iterable[object]) -> str:
    return ", ".join(map(_text_of, parts))
