"""The ``raveler`` command."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# Below these a few dozen workers, or their interpreters and libraries, hardly fit.
_FEW_DESCRIPTORS = 256
_LITTLE_MEMORY = 256 * 2**20


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
    from raveler import _raveler, exceptions

    try:
        lines = report(_raveler.cores())
    except (OSError, exceptions.RavelerError) as error:
        sys.stderr.write(f"raveler doctor: {error}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def report(machine: Mapping[str, Any]) -> list[str]:
    """Return the lines that describe a machine and what will hurt on it."""
    import platform

    import raveler

    usable, online = machine.get("usable"), machine.get("online")
    quota, affinity = machine.get("quota"), machine.get("affinity")
    total, limit = machine.get("memory_total"), machine.get("memory_limit")
    rows = [
        ("raveler", raveler.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()}, {_gil()})"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("cores", f"{usable} usable of {online} online" + _because(usable, affinity, quota)),
        ("CPU quota", "none" if quota is None else f"{quota:g} cores (cgroup)"),
        ("memory", _size(total) + ("" if limit is None else f", limited to {_size(limit)} (cgroup)")),
        ("workers", f"{usable} by default, started by {machine.get('start_method', 'zygote')}"),
    ]
    rows += [("descriptors", f"at most {_descriptors()} in one process")]
    hints = _hints(machine)
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return [*lines, "", *(hints or ["Nothing here will hurt."])]


def _gil() -> str:
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return "with the GIL" if is_enabled is None or is_enabled() else "free-threaded"


def _because(usable: Any, affinity: Any, quota: Any) -> str:
    if quota is not None and usable is not None and quota < (affinity or float("inf")):
        return " (held down by the CPU quota)"
    if affinity is not None and affinity == usable:
        return " (all that this process is allowed on)"
    return ""


def _size(number: Any) -> str:
    if number is None:
        return "unknown"
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"


def _descriptors() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _hints(machine: Mapping[str, Any]) -> list[str]:
    """Say what will hurt, one line each."""
    hints: list[str] = []
    usable, quota = machine.get("usable"), machine.get("quota")
    if usable == 1:
        hints.append("! one core: process tasks can't run faster than plain Python here")
    if quota is not None and quota != int(quota):
        hints.append(f"! a quota of {quota:g} cores: workers on the last, partial core are throttled")
    if _descriptors() < _FEW_DESCRIPTORS:
        hints.append("! few file descriptors: raise `ulimit -n` to run many workers")
    limit = machine.get("memory_limit")
    if limit is not None and usable and limit / usable < _LITTLE_MEMORY:
        hints.append("! less than 256 MiB of memory for each worker: use fewer workers, or memory=")
    return hints


if __name__ == "__main__":
    raise SystemExit(main())
