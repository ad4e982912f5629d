"""The shape of source files: how long they may be, what they may be called, and what must stand beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCES = ("*.rs", "*.py", "*.pyi")
LONG = 400
TOO_LONG = 600
EMPTY_WORDS = {"common", "helper", "helpers", "misc", "prelude", "types", "util", "utils"}


def tracked_sources() -> list[Path]:
    """Return the source files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *SOURCES]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    paths = [Path(line) for line in sorted(set(listing.stdout.splitlines()))]
    return [path for path in paths if path.is_file()]


def faults_of(path: Path) -> list[str]:
    """Return what is wrong with one file, each a sentence."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    faults: list[str] = []
    if lines > TOO_LONG:
        faults.append(f"{path} has {lines} lines, more than {TOO_LONG}: split it by noun")
    if path.name == "mod.rs":
        faults.append(f"{path}: name the file after its module, {path.parent}.rs")
    if path.stem.strip("_") in EMPTY_WORDS:
        faults.append(f"{path}: '{path.stem}' names nothing; call the module after what it holds")
    return faults


def long_files(paths: list[Path]) -> list[str]:
    """Return a warning for each file that should be split soon."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return [
        f"{path} has {lines} lines: split above {LONG}" for path, lines in lengths.items() if LONG < lines <= TOO_LONG
    ]


def crates_without_readme() -> list[str]:
    """Return a fault for each crate that doesn't say what it is."""
    crates = [manifest.parent for manifest in sorted(Path("crates").glob("*/Cargo.toml"))]
    return [
        f"{crate} has no README.md: its layer, its one sentence, what it must never import"
        for crate in crates
        if not (crate / "README.md").is_file()
    ]


def main() -> int:
    """Print warnings and faults; return 1 if there is a fault."""
    paths = tracked_sources()
    faults = [fault for path in paths for fault in faults_of(path)] + crates_without_readme()
    for warning in long_files(paths):
        print(f"warning: {warning}")
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"{len(paths)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
