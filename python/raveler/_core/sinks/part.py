"""A file that grows by whole pieces, beside its final name until it gets that name.

A lock keeps two runs from writing to one file. It dies with its process, and so does nothing else: a part that is left
behind has no other use than to be overwritten by the next run.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

_LONGEST_STEM = 200
# File systems that know no locks, or none of this kind.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Part:
    """An open file; every change of it goes through `append`."""

    def __init__(self, target: str, *, beside: bool) -> None:
        """Open the file itself, or make one beside it, and lock it.

        Raises:
            OSError: If the folder or the file can't be used, or another run writes to the file.
        """
        folder, name = os.path.split(target)
        self._target = target
        self.is_published = not beside
        stem = os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])
        self._path = os.path.join(folder, f".{stem}.part") if beside else target  # noqa: PTH118
        if beside and not os.path.isdir(folder):  # noqa: PTH112
            message = f"the folder of {target!r} does not exist; make it before the flow runs"
            raise FileNotFoundError(errno.ENOENT, message)
        try:
            if beside:
                _refuse_locked(target)
            self._descriptor = self._locked(os.O_RDWR | os.O_CREAT if beside else os.O_RDWR)
        except BlockingIOError as error:
            message = f"{target!r} is written by another run; wait for its end or give another name"
            raise BlockingIOError(error.errno, message) from None
        except OSError as error:
            error.filename = target
            raise

    def append(self, data: bytes, offset: int, *, durable: bool) -> None:
        """Write ``data`` at ``offset``, which becomes the end of the file again if it fails.

        Raises:
            OSError: If the disk is full or fails.
        """
        try:
            # What an exception of another thread may have kept from being cut off.
            os.ftruncate(self._descriptor, offset)
            place, left = offset, memoryview(data)
            while left:
                written = os.pwrite(self._descriptor, left, place)
                place, left = place + written, left[written:]
            if durable:
                os.fdatasync(self._descriptor)
        except BaseException as error:
            os.ftruncate(self._descriptor, offset)
            if isinstance(error, OSError):
                error.filename = self._target
            raise

    def cut(self, offset: int) -> None:
        """Make ``offset`` the end of the file."""
        os.ftruncate(self._descriptor, offset)

    def read(self, count: int, offset: int) -> bytes:
        """Return ``count`` bytes from ``offset`` on, fewer at the end of the file."""
        pieces: list[bytes] = []
        while count:
            piece = os.pread(self._descriptor, count, offset)
            if not piece:
                break
            pieces.append(piece)
            count, offset = count - len(piece), offset + len(piece)
        return b"".join(pieces)

    def publish(self, *, must_be_durable: bool = True) -> None:
        """Give the file its final name, with the permissions of what it replaces, when the disk has it.

        Raises:
            OSError: If the disk fails or the folder refuses.
        """
        if not self.is_published and not self.has_name():
            try:
                old = os.lstat(self._target)
            except FileNotFoundError:
                pass
            else:
                os.fchmod(self._descriptor, stat.S_IMODE(old.st_mode))
            self._force(must_be_durable)
            os.rename(self._path, self._target)  # noqa: PTH104 - paths are text here
            _sync_folder(os.path.dirname(self._target))  # noqa: PTH120
        self.is_published = True

    def has_name(self) -> bool:
        """Say whether the final name leads to this file."""
        return _is_same(self._descriptor, self._target)

    def discard(self) -> None:
        """Remove a file that has not got its final name."""
        if not self.is_published and _is_same(self._descriptor, self._path):
            os.unlink(self._path)  # noqa: PTH108

    def close(self) -> None:
        """Give the lock and the descriptor back."""
        os.close(self._descriptor)

    def _locked(self, flags: int) -> int:
        while True:
            descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                _lock(descriptor)
                # Whoever held the lock may have given the file its final name meanwhile.
                if _is_same(descriptor, self._path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _force(self, must_be_durable: bool) -> None:  # noqa: FBT001 - one caller
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            error.filename = self._target
            if must_be_durable:
                raise


def _refuse_locked(path: str) -> None:
    """Raise `BlockingIOError` if another run writes to this file in place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _is_same(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems can't, and are taken as they are.
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(descriptor)
