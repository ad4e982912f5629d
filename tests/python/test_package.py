"""The package: its names, its cost, its command."""

from __future__ import annotations

import subprocess
import sys

import pytest

import raveler as rv
from raveler._core import progress, screen

SLOW = ("asyncio", "concurrent.futures", "typing", "dataclasses", "inspect", "logging", "cloudpickle", "numpy", "trio")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_every_public_name_is_there() -> None:
    for name in rv.__all__:
        assert getattr(rv, name) is not None
    assert set(dir(rv)) == set(rv.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = rv.nothing


@pytest.mark.parametrize(
    "script", ["import raveler", "import raveler; raveler.Runtime().close()", "import raveler; raveler.task(len)"]
)
def test_importing_raveler_imports_nothing_slow(script: str) -> None:
    done = run("-c", f"import sys; old = set(sys.modules); {script}; print(*(set(sys.modules) - old))")
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert not [name for name in SLOW if name in loaded]


def test_another_system_is_a_clear_import_error() -> None:
    done = run("-c", "import sys; sys.platform = 'plan9'; import raveler")
    assert "ImportError: raveler runs on Linux; 'plan9' is not supported yet" in done.stderr


def test_the_command_tells_its_version_and_its_help() -> None:
    assert run("-m", "raveler._cli", "--version").stdout == f"raveler {rv.__version__}\n"
    assert run("-m", "raveler._cli").returncode == 2


def test_the_doctor_examines_this_machine() -> None:
    done = run("-m", "raveler._cli", "doctor")
    assert done.returncode == 0, done.stderr
    for word in ("cores", "quota", "memory", "Python", "workers"):
        assert word in done.stdout


def test_a_progress_bar_tells_rate_and_time_left() -> None:
    bar = progress.Bar(screen.Screen(), "f", 100)
    bar.done = 25
    text = "".join(span.text for span in bar.line(5.0))
    assert text == "f  ━━━━━━──────────────────  25 %  25/100  5.00/s  0:15 left"
    unknown = progress.Bar(screen.Screen(), "f", None)
    unknown.done = 5000
    assert "".join(span.text for span in unknown.line(10.0)) == "f  5,000 done  500/s  0:10"


def test_progress_is_quiet_when_nobody_looks() -> None:
    assert progress.meter(True, "f", 3) is None  # noqa: FBT003
    assert progress.meter(False, "f", 3) is None  # noqa: FBT003
    with pytest.raises(TypeError, match="progress"):
        progress.meter(3, "f", 3)  # type: ignore[arg-type]
    seen: list[tuple[int, int | None]] = []
    meter = progress.meter(lambda done, total: seen.append((done, total)), "f", 2)
    assert meter is not None
    meter.step()
    meter.step()
    meter.finish()
    assert seen == [(1, 2), (2, 2)]
