"""Look at one file that somebody else put there, without trusting it.

Never follows a symbolic link, never opens a pipe or a device, never reads more than it was told to, and can say
whether the file is still being written.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from ..core.errors import Refusal

try:
    import fcntl
except ImportError:  # not POSIX: `open_elsewhere` then answers None, and quiet time decides
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "Mark",
    "Seen",
    "is_still",
    "kind_of",
    "look",
    "mark",
    "mark_at",
    "open_plain",
    "stamp",
    "stamp_at",
    "untouched",
]

_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)
_THE_FILE_ITSELF = "Put the file itself where this was."


#: Identifies the content of a file without reading it: device, inode, mtime, size.
Mark = tuple[int, int, int, int]


class Seen(NamedTuple):
    """A file as it was at one look: its bytes and what the file system says of them."""

    data: bytes
    stat: os.stat_result
    #: Whether some process has the file open for writing, or wrote while it was read; None where the system does not
    #: tell.
    open_elsewhere: bool | None = None

    @property
    def mark(self) -> Mark:
        """Changes whenever the content does."""
        return mark(self.stat)


def mark(st: os.stat_result) -> Mark:
    """The `Mark` of a file that was looked at."""
    return (st.st_dev, st.st_ino, st.st_mtime_ns, st.st_size)


def mark_at(path: Path | str) -> Mark | None:
    """The `mark` of what stands at `path`; None where nothing does. Raises OSError."""
    try:
        return mark(os.lstat(path))
    except FileNotFoundError:
        return None


def stamp_at(path: Path | str) -> tuple[int, ...] | None:
    """Changes with all that the system says of a file, its owner and its mode too; None where there is none."""
    try:
        return stamp(os.lstat(path))
    except FileNotFoundError:
        return None


def stamp(st: os.stat_result) -> tuple[int, ...]:
    return (*mark(st), st.st_ctime_ns)


def kind_of(mode: int) -> str:
    """In words, what sort of thing a file's mode says it is."""
    for test, word in (
        (stat.S_ISREG, "file"),
        (stat.S_ISDIR, "folder"),
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    ):
        if test(mode):
            return word
    return "special file"


def _open_elsewhere(fd: int) -> bool | None:
    """Whether anybody has this file open for writing. A read lease is granted only when nobody has (fcntl(2),
    "Leases"), and only to the file's owner or with CAP_LEASE; elsewhere the answer is None."""
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        # Who opens the file for writing while we hold the lease has us told by a signal: SIGIO, which ends the process,
        # unless another is set. This one is ignored unless somebody asks for it.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as err:
        return True if err.errno == errno.EAGAIN else None
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def look(path: Path | str, limit: int, *, ask_writers: bool = False) -> Seen:
    """Read the regular file at `path`, at most `limit` bytes.

    With `ask_writers` it is also asked whether the file is still open for writing. What changed while it was read
    counts as open, and its `mark` is that of before, so that it never passes for unchanged. Raises FileNotFoundError
    when it is gone, Refusal when it is no regular file, too large or not readable, OSError for anything that is the
    disk's or the system's fault and may pass.
    """
    before = os.lstat(path)
    try:
        return _look(path, limit, before, ask_writers)
    except Refusal as err:
        err.stat = before
        raise


def _look(path: Path | str, limit: int, before: os.stat_result, ask_writers: bool) -> Seen:
    if not stat.S_ISREG(before.st_mode):
        word = kind_of(before.st_mode)
        remedy = "Take the files out of it, and put them where it was." if word == "folder" else _THE_FILE_ITSELF
        raise Refusal(f"this is a {word}, not a file", remedy)
    try:
        fd = os.open(path, _READ)
    except PermissionError as err:
        raise Refusal(
            "the daemon is not allowed to read this file",
            "Make it readable before dropping it: chmod 644 FILE, or 'umask 022' in the agent that writes it.",
        ) from err
    except OSError as err:
        if err.errno in (errno.ELOOP, errno.ENXIO):  # became a link or a pipe since the look above
            raise Refusal("this is not a regular file", _THE_FILE_ITSELF) from err
        if err.errno == errno.EAGAIN:  # a lease (fcntl(2)): its holder is asked to give it up, and may not
            raise Refusal(
                "another program keeps this file to itself", "Drop it when that is done.", maybe_unfinished=True
            ) from err
        raise
    try:
        st = os.fstat(fd)
        if not stat.S_ISREG(st.st_mode):
            raise Refusal("this is not a regular file", _THE_FILE_ITSELF)
        if st.st_size > limit:
            raise Refusal(
                f"the file has {st.st_size:,} bytes; the most allowed is {limit:,}",
                "Split it into smaller files, or raise max_drop_bytes in recursion-gate.toml.",
            )
        data = os.read(fd, st.st_size + 1)
        while 0 < len(data) < st.st_size:  # a read may give less than asked
            more = os.read(fd, st.st_size - len(data))
            if not more:
                break
            data += more
        writers = _open_elsewhere(fd) if ask_writers else None
        if len(data) != st.st_size or mark(os.fstat(fd)) != mark(st):
            writers = True
        return Seen(data, st, writers)
    finally:
        os.close(fd)


def untouched(path: Path | str, seen: object) -> bool:
    """Whether what stands at `path` has still the `mark` that was `seen` (None: nothing stands there), and nobody has
    it open for writing, as far as the system can tell."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return seen is None
    try:
        return mark(os.fstat(fd)) == seen and _open_elsewhere(fd) is not True
    finally:
        os.close(fd)


def is_still(seen: Mark) -> Callable[[Path | str], bool]:
    """The question whether what stands at a path is what was `seen`, for `atomic`."""
    return lambda path: mark_at(path) == seen


def open_plain(path: Path) -> BufferedReader:
    """The plain file at `path`, open for reading. Raises FileNotFoundError, IsADirectoryError when something else
    than a plain file (a link, a pipe, a folder) stands there, OSError."""
    try:
        fd = os.open(path, _READ)
    except OSError as err:
        if err.errno in (errno.ELOOP, errno.ENXIO):
            raise IsADirectoryError(errno.EISDIR, "not a plain file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise IsADirectoryError(errno.EISDIR, "not a plain file", str(path))
    return os.fdopen(fd, "rb")
