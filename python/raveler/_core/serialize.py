"""The face that Rust calls: values, functions and errors as bytes and back."""

from __future__ import annotations

from raveler._core.failures import dump_error, load_error
from raveler._core.functions import dump_function, load_function, resolve, still_same
from raveler._core.values import dumps, loads

__all__ = [
    "dump_error",
    "dump_function",
    "dumps",
    "load_error",
    "load_function",
    "loads",
    "resolve",
    "still_same",
]
