"""One daemon a root (contract: promise 6): a lock of the kernel's on ``.daemon/lock``.

The file stays where it is after release, since unlinking it would split those who wait over two inodes; it is opened
without truncating, and the pid is written only once the lock is held, so that a loser does not erase the holder's. A
lock held by the kernel dies with its process, which a pid file does not.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import portalocker

from . import durable
from .errors import AlreadyRunning
from .layout import Root

__all__ = ["Held", "hold", "holder", "is_held", "lock_holder"]


class Held:
    """The lock, while it is held."""

    def __init__(self, root: Root) -> None:
        self._root, self._path = root, os.fspath(root.lock)
        self._lock, self._file = _take(root)

    def renew(self) -> bool:
        """Take the lock anew where its file is no longer the one we hold, since somebody has deleted ``.daemon/`` or
        mounted another disk there: else a second daemon could start beside us. Gives whether that was so. Raises
        AlreadyRunning when one has, OSError."""
        try:
            if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return False
        except FileNotFoundError:
            pass
        lock, file = _take(self._root)
        self._lock.release()
        self._lock, self._file = lock, file
        return True

    def release(self) -> None:
        self._lock.release()


def _take(root: Root) -> tuple[portalocker.Lock, IO[Any]]:
    durable.make_folder(root.daemon)
    lock = portalocker.Lock(
        root.lock,
        mode="a+",
        # `is_held` takes the lock for a moment to see whether it is free; that must not stop a start.
        timeout=0.5,
        check_interval=0.05,
        flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING,
    )
    try:
        file = lock.acquire()
    except portalocker.exceptions.LockException:
        raise AlreadyRunning(str(root.path), holder(root) or lock_holder(root)) from None
    try:
        durable.fit(file.fileno(), root.daemon, most=0o600)  # who can open it can hold it, and keep us from starting
    except OSError:
        lock.release()
        raise
    with contextlib.suppress(OSError):  # a full disk has no room for it, and holding the lock is what counts
        file.truncate(0)
        os.write(file.fileno(), f"{os.getpid()}\n".encode())
    return lock, file


@contextmanager
def hold(root: Root) -> Iterator[Held]:
    """Be the daemon of `root` while the block runs. Raises AlreadyRunning, OSError."""
    held = Held(root)
    try:
        yield held
    finally:
        held.release()


def holder(root: Root) -> int | None:
    """The pid that the last holder wrote. Says nothing of whether it still runs: see `is_held`."""
    try:
        return int(root.lock.read_text() or 0) or None
    except (OSError, ValueError):
        return None


def is_held(root: Root) -> bool | None:
    """Whether a daemon runs at `root`; None where the lock may not even be read. Writes nothing."""
    try:
        with open(root.lock, "rb") as file:
            try:
                portalocker.lock(file, portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING)
            except portalocker.exceptions.LockException:
                return True
            portalocker.unlock(file)
            return False
    except FileNotFoundError:
        return False
    except PermissionError:
        listed = _listed(root)
        return None if listed is None else bool(listed)
    except OSError:
        return None


def lock_holder(root: Root) -> int | None:
    """The process that the kernel says holds the lock: for a full disk, where the lock has no room for it. None where
    the kernel does not tell."""
    return next((pid for surely, pid in _listed(root) or () if surely and pid), None)


def _listed(root: Root) -> list[tuple[bool, int]] | None:
    """The locks on the file that the kernel lists, which tells those who may not open it; None where it has no such
    list. Of each, whether it is surely one of this file, and its process (0: one that is not seen from here)."""
    try:
        st = os.stat(root.lock)
        with open("/proc/locks") as file:
            entries = [line.split() for line in file]
    except OSError:
        return None
    device = (os.major(st.st_dev), os.minor(st.st_dev))
    found = []
    for entry in entries:  # 1: FLOCK  ADVISORY  WRITE 8892 fe:00:2237702 0 EOF
        if len(entry) < 6 or entry[1:4:2] != ["FLOCK", "WRITE"]:
            continue
        major, minor, inode = entry[5].split(":")
        surely = (int(major, 16), int(minor, 16)) == device
        # Of a file system without a device of its own (btrfs) stat names another number than the list.
        if int(inode) == st.st_ino and (surely or not device[0]):
            found.append((surely, max(int(entry[4]), 0)))
    return found
