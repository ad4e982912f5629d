"""The lock of a journal: a file beside it, locked by the one process that writes; the kernel frees it at its end."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from raveler.exceptions import JournalError

_own: set[str] = set()
_guard = threading.Lock()


class JournalLock:
    """Holds one journal for one run of this process.

    Locks of `lockf` belong to the process and not to the descriptor: children don't inherit them, but a second run of
    the same process would get one too, and its end would drop both. So those of this process are listed here.
    """

    def __init__(self, journal: str) -> None:
        """Take the lock.

        Raises:
            JournalError: If another run has it, of this process or of another one; or if its file can't be made.
        """
        self._journal = str(Path(journal).resolve())
        self._path = f"{self._journal}-lock"
        self._pid = os.getpid()
        with _guard:
            if self._journal in _own:
                raise _in_use(journal, "another run of this process writes it")
            self._descriptor = self._taken(journal)
            _own.add(self._journal)

    def release(self) -> None:
        """Give it back and remove the file; a second time does nothing, nor does it in a fork of this process."""
        with _guard:
            if self._descriptor >= 0 and self._pid == os.getpid():
                _own.discard(self._journal)
                try:
                    Path(self._path).unlink()
                except OSError:
                    pass
                os.close(self._descriptor)
                self._descriptor = -1

    def _taken(self, journal: str) -> int:
        while True:
            descriptor = -1
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same_file(descriptor, self._path):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                    return descriptor
            except OSError as error:
                raise _refusal(journal, self._path, descriptor, error) from error
            # Who had it before has removed the file meanwhile.
            os.close(descriptor)


def _refusal(journal: str, path: str, descriptor: int, error: OSError) -> JournalError:
    """Return the error that says why the lock was not to be had; the descriptor is closed."""
    if descriptor < 0 or not isinstance(error, (BlockingIOError, PermissionError)):
        if descriptor >= 0:
            os.close(descriptor)
        return JournalError(f"the journal {journal} can't be opened: {error.strerror} ({path})")
    who = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    os.close(descriptor)
    return _in_use(journal, f"process {who or 'unknown'} writes it")


def _is_same_file(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), Path(path).stat())
    except FileNotFoundError:
        return False


def _in_use(journal: str, who: str) -> JournalError:
    message = f"the journal {journal} is in use: {who}; wait for its end, or give this run a journal of its own"
    return JournalError(message)
