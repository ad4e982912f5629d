"""Index every identifier of Python's own standard library on all cores, then search the index.

Parsing is pure Python work, one file independent of the next: what threads can't speed up and processes can. The same
function runs once in a plain loop and once through raveler, and both indexes must be equal.

    python examples/index_library.py                  # index the library, look up three names
    python examples/index_library.py "*_lock" fsum    # look up your own, wildcards allowed
    python examples/index_library.py --folder src     # index another folder
"""

from __future__ import annotations

import argparse
import ast
import platform
import sys
import sysconfig
import time
import warnings
from array import array
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import raveler as rv

if TYPE_CHECKING:
    from collections.abc import Iterable

Places: TypeAlias = dict[str, bytes]  # where each name of one file stands: line numbers, 4 bytes each
Index: TypeAlias = dict[str, dict[str, bytes]]  # name -> file -> lines


def identifiers(path: Path) -> Places | None:
    """Return the lines of every identifier in one file; None if it isn't Python that this interpreter can parse.

    Lines are packed: the caller gets thousands of these results, and bytes cost it a tenth of what lists of int do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            return None
    lines = defaultdict[str, list[int]](list)
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name)
                | ast.Attribute(attr=name)
                | ast.arg(arg=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                lines[name].append(node.lineno)
    return {name: array("I", sorted(found)).tobytes() for name, found in lines.items()}


def merge(files: Iterable[Path], results: Iterable[Places | None]) -> Index:
    """Join the results of all files, given in the order of the files, into one index."""
    index = defaultdict[str, dict[str, bytes]](dict)
    for path, places in zip(files, results, strict=True):
        file = str(path)
        for name, packed in (places or {}).items():
            index[name][file] = packed
    return index


def search(index: Index, pattern: str, folder: Path, shown: int = 5) -> None:
    """Print where the names that match a pattern stand, the most frequent file first."""
    found = defaultdict[str, list[int]](list)
    for name in [pattern] if pattern in index else [name for name in index if fnmatchcase(name, pattern)]:
        for file, packed in index[name].items():
            found[file] += memoryview(packed).cast("I").tolist()
    total = sum(map(len, found.values()))
    print(f"  {pattern}: {total:,} places in {len(found):,} files")
    for file, lines in sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:shown]:
        first = ", ".join(map(str, sorted(lines)[:shown]))
        print(f"    {Path(file).relative_to(folder)}:{first}{', ...' if len(lines) > shown else ''}")


def main() -> None:
    """Build the index both ways, compare them, and search."""
    parser = argparse.ArgumentParser(description="Index Python files on all cores, then search the index.")
    parser.add_argument("patterns", nargs="*", default=["heappush", "*_lock", "fsum"], metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path(sysconfig.get_path("stdlib")))
    options = parser.parse_args()

    files = sorted(path for path in options.folder.rglob("*.py") if "site-packages" not in path.parts)
    lines = sum(path.read_bytes().count(b"\n") for path in files)  # also brings every file into the page cache
    print(f"Python {platform.python_version()} indexes {len(files):,} files, {lines:,} lines, in {options.folder}\n")

    started = time.perf_counter()
    plain = merge(files, map(identifiers, files))
    plain_time = time.perf_counter() - started
    print(f"  plain Python, one core  {plain_time:6.2f} s", flush=True)

    started, own_work = time.perf_counter(), time.process_time()
    with rv.Runtime() as rt:
        index = merge(files, rt.map(identifiers, files))
    elapsed, own_work = time.perf_counter() - started, time.process_time() - own_work
    print(f"  raveler, {rt.workers:2} workers     {elapsed:6.2f} s   ({own_work:.2f} s of it here: collect, merge)")
    print(f"  speed-up                {plain_time / elapsed:6.2f}     of {rt.workers}, the limit\n")

    if index != plain:
        sys.exit("The two indexes differ.")
    places = sum(len(lines) // 4 for found in index.values() for lines in found.values())
    print(f"Both indexes are equal: {len(index):,} names in {places:,} places.\n\nSearch")
    for pattern in options.patterns:
        search(index, pattern, options.folder)


if __name__ == "__main__":
    main()
