"""Make a file in a folder that others write into too: for the clients, which hold no lock."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from . import atomic
from .syscalls import NO_LINKS

__all__ = ["deliver"]


def deliver(
    folder: Path | str,
    name: str,
    data: bytes,
    *,
    over: bool = False,
    own: bool = False,
    private: bool = False,
    mode: int | None = None,
    mtime_ns: int | None = None,
    sync: bool = True,
) -> Path:
    """Make a whole file that, with `sync`, is on disk when this returns. Gives its path: `name` in `folder`, or
    ``stem-2.ext`` and so on where that is taken; with `over` the new file replaces the old one. With `own` only its
    maker can write it; with `private` nobody else can read it either, from its first byte on; with `mode` it has that
    one, whatever the umask. `mtime_ns` is its modification time if not now. Raises OSError."""
    # A name of its own for each writer, of one process too; it begins with a dot, so that nobody looks at it yet.
    temp = os.path.join(folder, f".{os.getpid()}-{time.monotonic_ns()}-{os.urandom(3).hex()}.tmp")
    fd = atomic.calls.open(temp, atomic.NEW, 0o600) if private else atomic.calls.open(temp, atomic.NEW)
    try:
        try:
            if mode is not None:
                atomic.calls.fchmod(fd, mode)
            elif not private:
                atomic.fit(fd, folder, limit=0o644 if own else 0o666)
            atomic.write_all(fd, data)
            if mtime_ns is not None:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            if sync:
                atomic.calls.fsync(fd)
        finally:
            atomic.calls.close(fd)  # before it has its name: a file that is open for writing is not staged yet
        target = _name(temp, os.path.join(folder, name), over)
    except OSError:
        with contextlib.suppress(OSError):
            atomic.calls.unlink(temp)
        raise
    if sync:
        _sync_name(target, folder)
    return Path(target)


def _sync_name(path: str, folder: Path | str) -> None:
    """Make the file's name last. Agents may put files into the inbox, but perhaps not open the folder: then the file is
    synced once more, since the link has changed it, and the disk's journal has file and folder in one."""
    try:
        atomic.sync_folder(folder)
    except PermissionError:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # the daemon has taken it: its gate is synced
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            try:
                atomic.calls.fsync(fd)
            finally:
                os.close(fd)


def _name(temp: str, wanted: str, over: bool) -> str:
    """Give the file `temp` the name `wanted`, or, without `over`, the next one that is free."""
    stem, ending = os.path.splitext(wanted)
    target, number = wanted, 1
    while not over:
        try:
            atomic.calls.link(temp, target)
        except FileExistsError:
            number += 1
            target = f"{stem}-{number}{ending}"
        except OSError as err:
            if err.errno not in NO_LINKS:
                raise
            break
        else:
            atomic.calls.unlink(temp)
            return target
    atomic.calls.rename(temp, target)
    return target
