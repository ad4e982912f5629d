"""Files: read, written and found by Rust on threads of its own, while the script goes on.

Example:
    >>> import raveler as rv
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/note.txt"
    >>> rv.files.write(path, "hello").result()
    >>> rv.files.read(path, encoding="utf-8").result()
    'hello'
"""

from __future__ import annotations

import os

from raveler import _raveler
from raveler._core import native
from raveler._core import options as _options
from raveler._core.batches import BatchResults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from typing import Any, Literal, Unpack, overload

    from raveler._core.native import ManyOptions, OperationOptions
    from raveler._core.results import Results
    from raveler._core.runtime import Runtime
    from raveler._raveler import Task

__all__ = ["glob", "read", "read_many", "walk", "write"]

_CONCURRENCY = 16
_NONE = _raveler.NativeOptions({})


if TYPE_CHECKING:

    @overload
    def read(
        path: str | PathLike[str],
        encoding: None = None,
        *,
        runtime: Runtime | None = None,
        **options: Unpack[OperationOptions],
    ) -> Task[bytes]: ...
    @overload
    def read(
        path: str | PathLike[str],
        encoding: str,
        *,
        runtime: Runtime | None = None,
        **options: Unpack[OperationOptions],
    ) -> Task[str]: ...


@native.operation
def read(
    path: str | PathLike[str],
    encoding: str | None = None,
    *,
    runtime: Runtime | None = None,
    **options: Unpack[OperationOptions],
) -> Task[Any]:
    """Read a whole file.

    Args:
        path: The file.
        encoding: Return text in this encoding instead of bytes.
        runtime: The runtime that the task belongs to; by default the default one.
        options: The options of an operation.

    Raises:
        OSError: If it can't be read; the class is that of the system's reason, e.g. `FileNotFoundError`.
    """
    return _raveler.file_read(native.runtime_of(runtime), os.fspath(path), encoding, _read(options, runtime))


@native.operation
def write(
    path: str | PathLike[str],
    data: bytes | bytearray | memoryview | str,
    *,
    encoding: str = "utf-8",
    append: bool = False,
    atomic: bool = True,
    durable: bool = True,
    make_parents: bool = False,
    runtime: Runtime | None = None,
    **options: Unpack[OperationOptions],
) -> Task[None]:
    """Write a whole file: its name shows the old content or all of the new one, never a part.

    Args:
        path: The file.
        data: What to write.
        encoding: What text is encoded in.
        append: Add to the end of what is there, in place.
        atomic: Write beside the file and rename; else in place.
        durable: Wait until the disk has it.
        make_parents: Make missing folders.
        runtime: The runtime that the task belongs to; by default the default one.
        options: The options of an operation.

    Raises:
        OSError: If it can't be written; the old content is still there.
    """
    content = data.encode(encoding) if isinstance(data, str) else bytes(data)
    how = (append, atomic, durable, make_parents)
    return _raveler.file_write(native.runtime_of(runtime), os.fspath(path), content, how, _read(options, runtime))


if TYPE_CHECKING:

    @overload
    def read_many(
        paths: Iterable[str | PathLike[str]],
        encoding: None = None,
        *,
        runtime: Runtime | None = None,
        **options: Unpack[ManyOptions],
    ) -> Results[bytes]: ...
    @overload
    def read_many(
        paths: Iterable[str | PathLike[str]],
        encoding: str,
        *,
        runtime: Runtime | None = None,
        **options: Unpack[ManyOptions],
    ) -> Results[str]: ...


def read_many(
    paths: Iterable[str | PathLike[str]],
    encoding: str | None = None,
    *,
    runtime: Runtime | None = None,
    **options: Unpack[ManyOptions],
) -> Results[Any]:
    """Read many files at once, and return their contents in the order of the input.

    The paths are pulled lazily, and the contents in memory are bounded in number and bytes.

    Args:
        paths: The files.
        encoding: Return text in this encoding instead of bytes.
        runtime: The runtime that the tasks belong to; by default the default one.
        options: ``concurrency`` (16), ``ordered``, ``window``, ``errors``, ``progress``, and the options of an
            operation.
    """
    maker = _raveler.file_reader(encoding)
    return native.many(runtime, maker, paths, "files.read_many", dict(options), concurrency=_CONCURRENCY)


def walk(
    root: str | PathLike[str] = ".",
    *,
    hidden: bool = False,
    follow_links: bool = False,
    files_only: bool = True,
    max_depth: int | None = None,
    errors: Literal["raise", "return", "skip"] = "raise",
    runtime: Runtime | None = None,
) -> Results[str]:
    """Find everything below a folder, parents before children, neighbours sorted by name.

    The order never depends on the disk, and nothing is read ahead of the reader but one batch.

    Args:
        root: The folder.
        hidden: Visit names with a dot at the front too.
        follow_links: Enter folders that links lead to.
        files_only: Tell files only, else folders and everything else too.
        max_depth: How many folders deep; 1 is what stands in the root.
        errors: What a folder that can't be read does: ``"raise"`` its error, ``"return"`` it in its place, ``"skip"``
            it.
        runtime: The runtime that the tasks belong to; by default the default one.
    """
    depth = None if max_depth is None else _options.count("max_depth", max_depth)
    found = _raveler.FileWalk(os.fspath(root), None, hidden, follow_links, files_only, depth)
    return _walk("files.walk", found, errors, runtime)


def glob(
    pattern: str,
    root: str | PathLike[str] = ".",
    *,
    hidden: bool = False,
    follow_links: bool = False,
    files_only: bool = True,
    errors: Literal["raise", "return", "skip"] = "raise",
    runtime: Runtime | None = None,
) -> Results[str]:
    """Find what matches a pattern like ``"src/**/*.py"``, in the order of `walk`.

    Args:
        pattern: ``*`` and ``?`` stay within one name, ``**`` crosses folders, ``[abc]`` is one of these.
        root: What a relative pattern is relative to.
        hidden: Match names with a dot at the front too.
        follow_links: Enter folders that links lead to.
        files_only: Tell files only, else folders and everything else too.
        errors: As in `walk`.
        runtime: The runtime that the tasks belong to; by default the default one.

    Raises:
        ValueError: If the pattern can't be understood.
    """
    base = os.fspath(root)
    whole = pattern if base == "." else os.path.join(_escaped(base), pattern)  # noqa: PTH118 - a pattern is not a path
    found = _raveler.FileWalk(None, whole, hidden, follow_links, files_only, None)
    return _walk("files.glob", found, errors, runtime)


def _walk(name: str, found: _raveler.FileWalk, errors: str, runtime: Runtime | None) -> Results[str]:
    if errors not in {"raise", "return", "skip"}:
        message = f'errors must be "raise", "return" or "skip", not {errors!r}'
        raise ValueError(message)
    owner = native.runtime_of(runtime)
    results: Results[str] = BatchResults(name, lambda: found.batch(owner, _NONE), found.close, errors=errors)
    owner._track(results)  # noqa: SLF001 - the core and its extension are one unit
    return results


def _escaped(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[{" else letter for letter in path)


def _read(options: OperationOptions, runtime: Runtime | None) -> _raveler.NativeOptions:
    return _raveler.NativeOptions(native.checked(options, runtime)) if options else _NONE
