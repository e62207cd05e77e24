"""One daemon a root (contract: promise 6): a lock of the kernel's on ``.daemon/lock``.

The file stays where it is after release, since unlinking it would split those who wait over two inodes; it is opened
without truncating, and what stands in it is written only once the lock is held, so that a loser does not erase the
holder's. A lock held by the kernel dies with its process, which a pid file does not.

A lock does not reach everybody: its file may be deleted and made anew, and who comes by another way (a FUSE view of
the same folders) may have a lock of another file system on the same file. So the holder writes a word of its own into
the file, and `Held.check` looks before each write whether file and word are still there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import AlreadyRunning
from ..core.paths import Root
from . import atomic

__all__ = ["Held", "born", "hold", "holder", "is_held", "is_surely_free", "lock_holder"]

#: A link would lead us to write into what it names, and to lock that.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | _NO_LINK

#: How long, in seconds, a start tries: `is_held` takes the lock for a moment to see whether it is free.
_TRY, _AGAIN = 0.5, 0.05

#: More bytes than the file has.
_LIMIT = 200


class Held:
    """The lock, while it is held."""

    def __init__(self, root: Root) -> None:
        self._root, self._path = root, os.fspath(root.lock)
        self._fd, self._word = _take(root)

    def renew(self) -> bool:
        """Take the lock anew where its file is no longer the one we hold, since somebody has deleted ``.daemon/`` or
        mounted another disk there: else a second daemon could start beside us. Gives whether that was so. Raises
        AlreadyRunning when one has, OSError."""
        if self._is_ours():
            return False
        fd, word = _take(self._root)
        os.close(self._fd)
        self._fd, self._word = fd, word
        return True

    def check(self) -> None:
        """Called before each write. Where the place is no longer ours another daemon may have worked since, and what
        is in memory may be old. Raises AlreadyRunning when there is one, OSError where the place could be taken anew:
        the turn must end, and begin from what stands on disk."""
        if self.renew():
            raise OSError(errno.ESTALE, "the daemon's lock was taken away in mid-work", self._path)

    def _is_ours(self) -> bool:
        try:
            if not os.path.samestat(os.fstat(self._fd), os.lstat(self._path)):
                return False
        except FileNotFoundError:
            return False
        said = os.pread(self._fd, _LIMIT, 0)
        if self._word and not said:  # somebody has emptied it
            os.pwrite(self._fd, self._word, 0)
        elif self._word and said != self._word:
            raise AlreadyRunning(str(self._root.path), _pid(said))
        return True

    def release(self) -> None:
        with contextlib.suppress(OSError):  # nobody is to take us for alive here, who can see only our process
            if self._word and os.pread(self._fd, _LIMIT, 0) == self._word:
                os.ftruncate(self._fd, len(_first(self._word)))
        os.close(self._fd)


def _take(root: Root) -> tuple[int, bytes]:
    """Take the lock: its open file, and what was written into it. Raises AlreadyRunning, OSError."""
    atomic.make_folder(root.daemon)
    fd = os.open(root.lock, _OPEN)
    try:
        st = os.fstat(fd)
        if not stat.S_ISREG(st.st_mode) or st.st_nlink > 1:
            raise OSError(errno.EISDIR, "not a plain file of one name", str(root.lock))
        _lock(fd, root)
        _not_another_way(fd, root)
        atomic.fit(fd, root.daemon, limit=0o600)  # who can open it can hold it, and keep us from starting
    except BaseException:
        os.close(fd)
        raise
    word = f"{os.getpid()}\n{born(os.getpid())} {secrets.token_hex(8)}\n".encode()
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, word, 0)
    except OSError:  # a full disk has no room for it, and holding the lock is what counts
        word = b""
    return fd, word


def _lock(fd: int, root: Root) -> None:
    import portalocker

    until = time.monotonic() + _TRY
    while True:
        try:
            portalocker.lock(fd, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
            return
        except portalocker.exceptions.LockException:
            if time.monotonic() > until:
                raise AlreadyRunning(str(root.path), holder(root) or lock_holder(root)) from None
        time.sleep(_AGAIN)


def _not_another_way(fd: int, root: Root) -> None:
    """We have the lock; but one who has the same file by another way may live. Raises AlreadyRunning."""
    said = os.pread(fd, _LIMIT, 0)
    pid, _, rest = said.partition(b"\n")
    its = rest.rpartition(b" ")[0].decode(errors="replace")
    if its and pid.isdigit() and int(pid) != os.getpid() and its == born(int(pid)):
        raise AlreadyRunning(str(root.path), int(pid))


def born(pid: int) -> str:
    """A value that differs for a later process of the same number, also after another start of the machine; ""
    where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as boot, open(f"/proc/{pid}/stat") as file:
            return f"{boot.read().strip()}-{file.read().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


def _first(said: bytes) -> bytes:
    return said[: said.find(b"\n") + 1]


def _pid(said: bytes) -> int | None:
    number = _first(said).strip()
    return int(number) if number.isdigit() else None


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
        return _pid(root.lock.read_bytes()[:_LIMIT])
    except OSError:
        return None


def is_held(root: Root) -> bool | None:
    """Whether a daemon runs at `root`; None where the lock may not even be read. Writes nothing."""
    import portalocker

    try:
        with open(root.lock, "rb", opener=lambda path, flags: os.open(path, flags | _NO_LINK)) as file:
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


def is_surely_free(root: Root) -> bool:
    """Whether no daemon runs at `root`, as far as the kernel lists the locks there are. Opens nothing and imports
    nothing, unlike `is_held`: for agents, who may not open the lock, and who stage often."""
    return not os.path.lexists(root.daemon) or (
        os.access(root.daemon, os.X_OK) and (not os.path.lexists(root.lock) or _listed(root) == [])
    )


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
