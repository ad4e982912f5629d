"""Checks that every file that the documents name is there: links, and paths or file names in backquotes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
NAMED = re.compile(
    r"`((?:[\w.-]+/)*[\w.-]+\.(?:rs|pyi?|toml|md))`|`((?:crates|python|tests|docs|examples|bench)/[\w./-]*)`"
)


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Path(line) for line in listing.stdout.splitlines()]


def faults_of(document: Path, names: set[str]) -> list[str]:
    """Return what one document names that isn't there."""
    text = document.read_text(encoding="utf-8")
    links = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    named = [path or folder for path, folder in NAMED.findall(text)]
    # A path is meant from the root or from the document, a bare name is that of any file.
    lost = [
        name
        for name in named
        if name not in names and not (document.parent / name).exists() and not Path(name).exists()
    ]
    return [f"{document} names {name}, which isn't there" for name in links + lost]


def main() -> int:
    """Print what is missing; return 1 if anything is."""
    names = {path.name for path in tracked()}
    documents = [path for path in tracked("*.md") if path.is_file()]
    faults = [fault for document in documents for fault in faults_of(document, names)]
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"{len(documents)} documents, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
