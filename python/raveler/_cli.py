"""The ``raveler`` command."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    import argparse

    import raveler

    parser = argparse.ArgumentParser(prog="raveler", description="A concurrency runtime for Python.")
    parser.add_argument("--version", action="version", version=f"raveler {raveler.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("doctor", help="show what this machine offers, and limits that will hurt")
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 2
    return _doctor()


def _doctor() -> int:
    sys.stdout.write(report())
    return 0


def report() -> str:
    """Return what this machine offers, and what will hurt on it."""
    import platform
    import resource

    from raveler import _raveler

    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _raveler.doctor(
        python=f"{platform.python_version()} ({platform.python_implementation()}, {_gil()})",
        executable=sys.executable or "",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        descriptors=None if descriptors == resource.RLIM_INFINITY else descriptors,
    )


def _gil() -> str:
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return "with the GIL" if is_enabled is None or is_enabled() else "free-threaded"


if __name__ == "__main__":
    raise SystemExit(main())
