"""Mounts of a script's own, such as a disk that is soon full."""

from __future__ import annotations

import subprocess

import pytest


def private_mounts() -> list[str]:
    """Return the command that gives a script mounts of its own, or skip where that isn't allowed."""
    prefix = ["unshare", "--mount", "--propagation", "private"]
    try:
        probe = subprocess.run([*prefix, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if probe.returncode:
        pytest.skip("this machine gives us no mount namespace")
    return prefix
