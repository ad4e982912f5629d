"""What this machine holds for us: processes, descriptors and names in shared memory."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MARK = "RAVELER_TEST_MARK"
"""The environment variable by which a process is known even after its parent is gone."""

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    state: str

    @property
    def command(self) -> str:
        """What was started, as far as it can still be read."""
        try:
            words = (PROC / str(self.pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return "gone"
        return words.replace(b"\0", b" ").decode(errors="replace").strip()


def process(pid: int) -> Process | None:
    """Return what the kernel says about ``pid``, or nothing if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), fields[0])


def children(pid: int) -> set[int]:
    """Return the processes that threads of ``pid`` have started."""
    found: set[int] = set()
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            found |= {int(child) for child in (task / "children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def descendants(pid: int) -> dict[int, Process]:
    """Return children, grandchildren and so on of ``pid``, zombies included."""
    found: dict[int, Process] = {}
    wave = {pid}
    while wave:
        wave = set().union(*(children(parent) for parent in wave)) - found.keys()
        entries = (process(child) for child in wave)
        found |= {entry.pid: entry for entry in entries if entry is not None}
    return found


def marked(mark: str, skip: set[int] | None = None) -> dict[int, Process]:
    """Return the living processes that inherited ``mark``, orphans included.

    Processes in ``skip`` are not looked at; those found to be somebody else's are added to it.
    """
    needle = f"{MARK}={mark}".encode()
    foreign = set() if skip is None else skip
    found = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) in foreign:
            continue
        try:
            environment = (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if needle not in environment.split(b"\0"):
            foreign.add(int(folder.name))
            continue
        entry = process(int(folder.name))
        if entry is not None and entry.state not in "ZX":
            found[entry.pid] = entry
    return found


def workers_of(pid: int | None = None) -> list[int]:
    """Return the worker processes below ``pid``: the living leaves under its zygotes."""
    root = os.getpid() if pid is None else pid
    family = descendants(root)
    parents = {entry.parent for entry in family.values()}
    return sorted(
        entry.pid
        for entry in family.values()
        if entry.parent != root and entry.pid not in parents and entry.state not in "ZX"
    )


def zygotes_of(pid: int | None = None) -> list[int]:
    """Return the children of ``pid`` that have children of their own."""
    root = os.getpid() if pid is None else pid
    family = descendants(root)
    parents = {entry.parent for entry in family.values()}
    return sorted(entry.pid for entry in family.values() if entry.parent == root and entry.pid in parents)


def threads_of(pid: int) -> int:
    """Return how many threads ``pid`` has."""
    return len(list((PROC / str(pid) / "task").iterdir()))


def context_switches(pid: int) -> int:
    """Return how often the threads of ``pid`` were put on or taken off a core."""
    total = 0
    for task in (PROC / str(pid) / "task").iterdir():
        status = (task / "status").read_text()
        total += sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status))
    return total


def resident_bytes(pid: int) -> int:
    """Return the memory of ``pid`` that is nobody else's: anonymous resident pages."""
    status = (PROC / str(pid) / "status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 if found else 0


_FOREIGN: set[int] = set()


@dataclass(frozen=True)
class Census:
    """One count of everything that a test could leave behind."""

    processes: dict[int, Process]
    descriptors: Counter[str]
    shared_names: frozenset[str]

    @classmethod
    def take(cls) -> Census:
        """Count now."""
        mine = descendants(os.getpid()) | marked(os.environ.get(MARK, "-"), _FOREIGN)
        mine.pop(os.getpid(), None)
        kinds: Counter[str] = Counter()
        for entry in (PROC / "self" / "fd").iterdir():
            try:
                target = str(entry.readlink())
            except FileNotFoundError:
                continue
            kinds[re.sub(r"\d{2,}", "N", target)] += 1
        shm = Path("/dev/shm")
        names = frozenset(entry.name for entry in shm.glob("*raveler*"))
        return cls(mine, kinds, names)

    def joined(self, other: Census) -> Census:
        """Return the larger of both counts, kind by kind."""
        larger = self if len(self.processes) >= len(other.processes) else other
        return Census(larger.processes, self.descriptors | other.descriptors, self.shared_names | other.shared_names)

    def excess(self, before: Census) -> list[str]:
        """Name what is there now and was not before; a replaced worker is no excess."""
        found = []
        if len(self.processes) > len(before.processes):
            new = self.processes.keys() - before.processes.keys()
            found += [f"{self.processes[pid]}: {self.processes[pid].command}" for pid in sorted(new)]
        found += [f"descriptor {kind} x{count}" for kind, count in (self.descriptors - before.descriptors).items()]
        found += [f"/dev/shm/{name}" for name in sorted(self.shared_names - before.shared_names)]
        return found
