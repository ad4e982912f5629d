"""Draw the Mandelbrot set on all cores and write it, row by row, to a PGM picture.

Rows arrive in order while later ones are still computed, so the file is written as the picture grows and only a window
of rows is ever in memory.

    python examples/mandelbrot.py                     # mandelbrot.pgm, 900 pixels wide
    python examples/mandelbrot.py small.pgm 120
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import raveler as rv

ROUNDS = 200
ESCAPED = 4.0  # the square of a distance from which no point comes back


def draw_row(row: int, width: int, height: int) -> bytes:
    """Return one row of the picture, a byte a pixel."""
    pixels = bytearray(width)
    imaginary = 2.4 * row / height - 1.2
    for column in range(width):
        point = complex(3.2 * column / width - 2.3, imaginary)
        value = 0j
        for step in range(ROUNDS):
            value = value * value + point
            if value.real * value.real + value.imag * value.imag > ESCAPED:
                pixels[column] = 255 - min(255, 12 * step)
                break
    return bytes(pixels)


given = dict(enumerate(sys.argv))
path = Path(given.get(1, "mandelbrot.pgm"))
width = int(given.get(2, 900))
height = width * 3 // 4

with rv.Runtime() as rt, path.open("wb") as picture:
    picture.write(b"P5 %d %d 255\n" % (width, height))
    for row in rt.map(partial(draw_row, width=width, height=height), range(height)):
        picture.write(row)

print(f"{path}: {width} x {height} pixels, {path.stat().st_size:,} bytes")
