"""Faults of the machine under a root: disk, file system, file events, and rights to write.

Linux reports more than other systems; where a system reports nothing, there is no finding.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ..audit.findings import Finding
from ..core.paths import RECORD_FILES, STATES, Root
from ..core.text import count
from ..disk import mounts
from .context import Context

__all__ = ["disk", "file_system", "watches", "writable_by_all"]

#: The disk is nearly full: less than this many bytes and this part of it are free.
_FEW_BYTES, _SMALL_PART = 500_000_000, 0.05
#: The disk counts as full below this: a merge may need a copy of each file that it changes.
_TOO_FEW_BYTES = 20_000_000
_FEW_INODES = 1_000

_NO_LINKS = {"vfat", "exfat", "msdos", "hfs", "9p"}
_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")


def disk(context: Context) -> Iterator[Finding]:
    """There is room on the disk."""
    usage = shutil.disk_usage(context.root.path)
    message = f"the disk is nearly full: {_size(usage.free)} of {_size(usage.total)} are free"
    remedy = "Free some space. A full disk stops the daemon; it loses nothing, and goes on by itself afterwards."
    if usage.free < min(_TOO_FEW_BYTES, usage.total // 10):  # a small disk that is empty is not full
        yield Finding("fault", "disk-full", "", message, remedy)
    elif usage.free < _FEW_BYTES and usage.free < _SMALL_PART * usage.total:
        yield Finding("warning", "disk-nearly-full", "", message, remedy)
    if hasattr(os, "statvfs"):
        fs = os.statvfs(context.root.path)
        if fs.f_files and fs.f_favail < _FEW_INODES:
            message = f"the disk has room for only {count(fs.f_favail, 'more file')} (inodes)"
            yield Finding("warning", "disk-few-inodes", "", message, "Remove files that nobody needs.")


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


def file_system(context: Context) -> Iterator[Finding]:
    """The root's file system has hard links and file events."""
    try:
        kind = mounts.kind_at(context.root.path, mounts.MOUNTS.read_text(errors="surrogateescape"))
    except OSError:
        kind = None
    if kind in _NO_LINKS:
        message = f"the root is on {kind}, which has no hard links: a half-written card may appear after a stop"
        yield Finding("note", "no-hard-links", "", message, "A disk with ext4, xfs, btrfs, APFS or NTFS is safer.")
    if where := mounts.silent(context.root):
        every = f"{context.settings.poll_seconds:g} s"
        message = f"changes by other machines or programs cause no file events here: {where}"
        remedy = f"Nothing to do: the daemon also looks every {every} (poll_seconds); a drop waits at most that long."
        yield Finding("note", "no-file-events", "", message, remedy)


def watches(context: Context) -> Iterator[Finding]:
    """The system allows as many inotify watches as there are folders to watch."""
    try:
        limit = int(_WATCHES.read_text())
    except (OSError, ValueError):
        return
    folders = 2 + _folders_in(context.root)
    if folders > 0.8 * limit:
        message = f"{count(folders, 'folder')} need a watch, and the system allows each account {limit:,}"
        remedy = f"sysctl fs.inotify.max_user_watches={max(4 * folders, 65_536)}, and the same in /etc/sysctl.d/."
        yield Finding("warning", "few-watches", "", message, remedy)


def _folders_in(root: Root) -> int:
    found = 0
    try:
        users = [e.path for e in os.scandir(root.inbox) if e.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return 0
    for path in users:
        try:
            found += 1 + sum(e.is_dir(follow_symlinks=False) for e in os.scandir(path))
        except OSError:
            found += 1 + len(STATES)
    return found


def writable_by_all(context: Context) -> Iterator[Finding]:
    """Only the daemon's account and group can write gate, Record and receipts (promise 6)."""
    if os.name != "posix":
        return
    root = context.root
    yield from _if_writable(root, root.path, None)
    for path in (root.homes, root.receipts, root.daemon):
        yield from _if_writable(root, path, None)
    for user in context.users:
        place = root.place(user)
        paths = [place.home, place.gate, *(place.home / n for n in RECORD_FILES)]
        for path in (*paths, place.receipts, place.ledger, place.baseline):
            yield from _if_writable(root, path, user)


def _if_writable(root: Root, path: Path, user: str | None) -> Iterator[Finding]:
    try:
        st = os.lstat(path)
    except OSError:
        return
    if stat.S_ISLNK(st.st_mode) or not st.st_mode & stat.S_IWOTH:
        return
    where = root.place("").display_path(path)
    message = "every account of this machine may write this, and so forge the Record or the receipts"
    yield Finding("warning", "writable-by-all", where, message, f"chmod o-w {path}", user)
