"""Numbers as people read them: counts, rates, times, sizes and shares."""

from __future__ import annotations

_WHOLE = 10
_KILO = 1000
_SHORT_S = 100


def clock(seconds: float) -> str:
    """Return a time as a clock shows it: ``0:07``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Return a measured time with a unit that fits it: ``4.1 µs``, ``12 ms``, ``18.7 s``, ``3:12``."""
    if seconds >= _SHORT_S:
        return clock(seconds)
    if seconds >= 1:
        return f"{seconds:.1f} s"
    milliseconds = seconds * _KILO
    return f"{_two_digits(milliseconds)} ms" if milliseconds >= 1 else f"{_two_digits(milliseconds * _KILO)} µs"


def ascii_only(text: str) -> str:
    """Return text of this package for a stream that knows ASCII alone."""
    return text.replace("µ", "u").replace("…", "~")


def rate(items: float, seconds: float) -> str:
    """Return so many items in so many seconds as a speed: ``92/s``, ``0.52/s``, ``3.1/min``, ``1.4 M/s``."""
    speed = items / seconds if seconds > 0 else 0.0
    if speed >= _KILO * _KILO:
        return f"{_two_digits(speed / _KILO / _KILO)} M/s"
    if speed >= _WHOLE:
        return f"{speed:,.0f}/s"
    if speed >= 1 / _WHOLE or not speed:
        return f"{speed:.2f}/s"
    return f"{speed * 60:.1f}/min"


def size(count: int) -> str:
    """Return a number of bytes in decimal units: ``512 B``, ``31 MB``."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < _KILO:
            break
        amount, unit = amount / _KILO, larger
    return f"{count} B" if unit == "B" else f"{_two_digits(amount)} {unit}"


def share(part: float) -> str:
    """Return a share as a percentage; one that is not whole yet is never shown as 100 %."""
    percent = min(100, round(part * 100))
    return f"{min(percent, 99) if part < 1 else percent} %"


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 error``, ``1,024 errors``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _two_digits(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= _WHOLE else f"{amount:.1f}"
