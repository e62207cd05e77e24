"""Change the owner, the mode and the access control lists of what exists (`permissions.lanes`)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from . import atomic

__all__ = ["hand_over"]


def hand_over(path: Path | str, uid: int, gid: int, mode: int, lists: Mapping[str, bytes | None]) -> None:
    """Give the folder or plain file at `path` its owner (-1: as it is), group, mode and access control lists (None: it
    shall have none of that name). A symbolic link, or a file that has other names, is left alone: what root does here
    must not be led elsewhere. Raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags)
    try:
        st = os.fstat(fd)
        if not stat.S_ISDIR(st.st_mode) and (not stat.S_ISREG(st.st_mode) or st.st_nlink > 1):
            raise OSError(errno.EPERM, "not a plain file of one name", str(path))
        if uid not in (-1, st.st_uid) or gid != st.st_gid:
            atomic.calls.fchown(fd, uid, gid)
        if stat.S_IMODE(os.fstat(fd).st_mode) != mode:
            atomic.calls.fchmod(fd, mode)
        for name, value in lists.items():
            if value is not None:
                atomic.calls.setxattr(fd, name, value)
            else:
                with contextlib.suppress(OSError):  # it has none, or the file system has none at all
                    atomic.calls.removexattr(fd, name)
    except OSError as err:
        raise type(err)(err.errno, err.strerror, str(path)) from err
    finally:
        os.close(fd)
