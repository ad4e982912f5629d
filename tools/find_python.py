"""Finds an interpreter of one version on this machine: ``find_python.py 3.13`` prints its path, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def candidates(version: str) -> list[str]:
    """Return the paths where that version may be, the likeliest first."""
    found = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(pyenv.glob(f"versions/{version}*/bin/python"), reverse=True)
    return [*([found] if found else []), *map(str, installed)]


def is_version(python: str, version: str) -> bool:
    """Tell whether this interpreter starts, is of that version and can make virtual environments."""
    probe = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", probe], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def main() -> None:
    """Print the first interpreter that fits."""
    version = sys.argv[1]
    print(next((python for python in candidates(version) if is_version(python, version)), ""))


if __name__ == "__main__":
    main()
