"""The system calls that change something, one method each, and those of Linux that Python does not have.

`atomic` and the modules beside it call nothing else to write, so a test can count, fail or kill at every step: it puts
an object of its own in the place of `atomic.calls`.
"""

from __future__ import annotations

import errno
import functools
import os
from typing import Any

__all__ = ["NO_EXCHANGE", "NO_LINKS", "Calls"]

#: The errors of disks and systems without such a rename, and of those without hard links (FAT, some shares).
NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Calls:
    """The system calls that change something, one method each."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        return os.open(path, flags, mode)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def syncfs(self, fd: int) -> None:
        _syncfs(fd)

    def fchmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        os.fchown(fd, uid, gid)

    def ftruncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def rename_new(self, old: str, new: str) -> None:
        """Raises FileExistsError where something is called `new` already."""
        _rename_new(old, new)

    def exchange(self, old: str, new: str) -> None:
        """Each file gets the other's name, in one step."""
        _renameat2(old, new, _RENAME_EXCHANGE)

    def link(self, old: str, new: str) -> None:
        os.link(old, new, follow_symlinks=False)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        os.mkdir(path, mode)

    def setxattr(self, fd: int, name: str, value: bytes) -> None:
        os.setxattr(fd, name, value)

    def removexattr(self, fd: int, name: str) -> None:
        os.removexattr(fd, name)


def _syncfs(fd: int) -> None:
    """syncfs(2), which Python does not have; where the system has none either, all disks are synced."""
    import ctypes  # here, since it takes time that `stage` does not have

    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        os.sync()
        return
    if call(fd):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2


@functools.cache
def _libc_renameat2() -> Any:
    import ctypes

    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None


def _renameat2(old: str, new: str, flag: int) -> None:
    """renameat2(2), which Python does not have."""
    import ctypes

    call = _libc_renameat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), old)
    if call(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flag):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), old)


def _rename_new(old: str, new: str) -> None:
    try:
        _renameat2(old, new, _RENAME_NOREPLACE)
        return
    except OSError as err:
        if err.errno not in NO_EXCHANGE:
            raise
    try:  # this disk or system has no such rename
        os.link(old, new, follow_symlinks=False)
    except OSError as err:
        if err.errno not in NO_LINKS:
            raise
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from None
        os.rename(old, new)
    else:
        os.unlink(old)
