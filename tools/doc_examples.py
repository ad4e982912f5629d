"""Runs the Python examples of Markdown files, each as a script of its own, and compares what it prints.

A block in the language ``python`` is an example. If a block in the language ``text`` follows it before the next
example does, that is what the example must print.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TIMEOUT_S = 60


class Example(NamedTuple):
    """One example, where it stands, and what it must print if the document says so."""

    place: str
    code: str
    output: str | None


def examples_in(path: Path) -> list[Example]:
    """Return the examples of one document, in order."""
    text = path.read_text(encoding="utf-8")
    found: list[Example] = []
    for block in BLOCK.finditer(text):
        language, body = block.groups()
        if language == "python":
            line = text.count("\n", 0, block.start()) + 1
            found.append(Example(f"{path}:{line}", body, None))
        elif found and found[-1].output is None:
            found[-1] = found[-1]._replace(output=body)
    return found


def fault_of(example: Example, folder: Path) -> str | None:
    """Run one example in an empty folder and return what is wrong with it."""
    command = [sys.executable, "-W", "error", "-c", example.code]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {TIMEOUT_S} s"
    if done.returncode:
        return f"ended with {done.returncode}\n{done.stderr}"
    if example.output is not None and done.stdout != example.output:
        return f"printed\n{done.stdout}instead of\n{example.output}"
    return None


def main() -> int:
    """Run the examples of all documents named on the command line; return 1 if one fails."""
    examples = [example for name in sys.argv[1:] for example in examples_in(Path(name))]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for example in examples:
            if fault := fault_of(example, Path(folder)):
                failed += 1
                print(f"{example.place}: the example {fault}", file=sys.stderr)
    print(f"{len(examples) - failed} passed, {failed} failed")
    return 1 if failed or not examples else 0


if __name__ == "__main__":
    sys.exit(main())
