"""What mypy and pyright say about code that uses raveler."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Checker = Callable[[Path, Path], dict[int, str]]

SNIPPETS = Path(__file__).parent / "snippets"
ACCEPTED = sorted(path.name for path in SNIPPETS.glob("accepted_*.py"))
REJECTED = sorted(path.name for path in SNIPPETS.glob("rejected_*.py"))


def mypy_lines(path: Path, cache: Path) -> dict[int, str]:
    """Return mypy's errors by line."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cache)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(rf"^{re.escape(str(path))}:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert found or done.returncode == 0, done.stdout
    return {int(line): text for line, text in found}


def pyright_lines(path: Path, cache: Path) -> dict[int, str]:
    """Return pyright's errors by line."""
    beside = Path(sys.executable).with_name("pyright")
    program = str(beside) if beside.exists() else shutil.which("pyright")
    if program is None:
        pytest.skip("pyright is not installed")
    shutil.copy(path, cache)
    config = {"include": [path.name], "strict": [path.name], "pythonVersion": "3.11"}
    (cache / "pyrightconfig.json").write_text(json.dumps(config))
    command = [program, "--outputjson", "--pythonpath", sys.executable, "--project", str(cache)]
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cache, env=environment)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    errors = [item for item in report["generalDiagnostics"] if item["severity"] == "error"]
    return {item["range"]["start"]["line"] + 1: item["message"] for item in errors}


CHECKERS = [mypy_lines, pyright_lines]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("name", ACCEPTED)
def test_right_use_is_accepted(checker: Checker, name: str, tmp_path: Path) -> None:
    assert checker(SNIPPETS / name, tmp_path) == {}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("name", REJECTED)
def test_wrong_use_is_rejected_at_its_line(checker: Checker, name: str, tmp_path: Path) -> None:
    lines = (SNIPPETS / name).read_text().splitlines()
    expected = {number for number, line in enumerate(lines, 1) if line.endswith("# rejected")}
    assert set(checker(SNIPPETS / name, tmp_path)) == expected
