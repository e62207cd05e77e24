"""All that the daemon writes: replace a file, append to one, make one, move one, remove one.

The functions here, and those of `aside`, `deliver` and `hand_over`, change the disk only through `calls`, one method a
system call. So this page shows the order of writes and syncs, and a test can count, fail or kill at every step.

The promises (docs/reliability.md says why they are enough):

* `replace`, `replace_by_parts`: a reader finds the old bytes or the new ones, at any instant and after a power cut.
* `append`: the bytes are on disk when it returns; cut short, they are a prefix, which `ledger` recognises.
* `create`: the file appears whole or not at all and never takes the place of another. It is synced where it is asked
  for, before it gets its name, so that a name always stands for whole bytes; cards are not, since they can be made
  again.
* `move`, `remove`, `make_folder`: one call each; `sync_folder` makes them last.
* `overwrite`: promises nothing; the status on a full disk is all that it is for.

What is made in a folder of a lane (`lanes`), known by its setgid bit, can be read by whoever may enter the folder and
changed by whoever may change the folder, whatever our umask; elsewhere the umask decides.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..core.paths import TEMP_NAME
from .syscalls import NO_EXCHANGE, NO_LINKS, Calls

__all__ = [
    "NEW",
    "Calls",
    "append",
    "calls",
    "create",
    "fit",
    "make_folder",
    "move",
    "overwrite",
    "remove",
    "replace",
    "replace_by_parts",
    "sync_disk",
    "sync_folder",
    "truncate",
    "write_all",
]

#: Make a file that is not there yet.
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)

#: All changes go through it; a test puts its own in its place.
calls = Calls()


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`: one call may write a part. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[calls.write(fd, view) :]


def _lane_mode(mode: int) -> int | None:
    """The mode of a file made in a folder that has `mode`; None where the umask decides."""
    if not mode & stat.S_ISGID:
        return None
    if mode & stat.S_ISVTX:  # an inbox: each one's file is his own, and the daemon, which is in the group, reads it
        return 0o640
    return 0o600 | (mode & 0o011) << 2 | mode & 0o022


def fit(fd: int, folder: Path | str, *, limit: int = 0o666) -> None:
    """Give the open file, which lies in `folder`, the mode that files there have, but no right beyond `limit`. Raises
    OSError."""
    _fit(fd, os.stat(folder).st_mode, limit=limit)


def _fit(fd: int, folder_mode: int, *, limit: int = 0o666) -> None:
    mode = _lane_mode(folder_mode)
    if mode is not None:
        mode &= limit
    if mode is not None and stat.S_IMODE(os.fstat(fd).st_mode) != mode:
        calls.fchmod(fd, mode)


def _write_temp(
    folder: str,
    data: bytes | bytearray | Iterable[bytes],
    *,
    sync: bool,
    like: os.stat_result | None = None,
    inside: os.stat_result | None = None,
    mode: int | None = None,
) -> str:
    """A new file in `folder` with `data`, whole or in parts, still under its temporary name."""
    temp = os.path.join(folder, TEMP_NAME)
    try:
        fd = calls.open(temp, NEW)
    except FileExistsError:  # left by a stop; never written into, since somebody may hold it open or have linked it
        calls.unlink(temp)
        fd = calls.open(temp, NEW)
    try:
        for part in (data,) if isinstance(data, bytes | bytearray) else _gathered(data):
            write_all(fd, part)
        if mode is not None:
            calls.fchmod(fd, mode)
        elif like is None:
            _fit(fd, (inside or os.stat(folder)).st_mode)
        else:
            calls.fchmod(fd, stat.S_IMODE(like.st_mode))
            made = os.fstat(fd)
            if (like.st_uid, like.st_gid) != (made.st_uid, made.st_gid):
                with contextlib.suppress(PermissionError):  # a daemon without rights keeps its own account
                    calls.fchown(fd, like.st_uid, like.st_gid)
        if sync:
            calls.fsync(fd)
    except OSError as err:
        calls.close(fd)
        with contextlib.suppress(OSError):
            calls.unlink(temp)
        raise _named(err, folder) from None
    calls.close(fd)
    return temp


def _gathered(parts: Iterable[bytes]) -> Iterator[bytearray]:
    """The same in parts of a megabyte: many small ones would each cost a call."""
    gathered = bytearray()
    for part in parts:
        gathered += part
        if len(gathered) >= 1 << 20:
            yield gathered
            gathered = bytearray()
    yield gathered


def _named(err: OSError, path: str) -> OSError:
    """The error with the file or folder that it is about: a call on an open file does not know it."""
    if err.filename is None:
        err.filename = path
    return err


def sync_folder(folder: Path | str) -> None:
    """Make the folder's entries last: what was created, moved or removed in it survives a power cut."""
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        calls.fsync(fd)
    except OSError as err:  # some network file systems cannot sync a folder; they order such changes themselves
        if err.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def sync_disk(folder: Path | str) -> None:
    """Make all last that was written to the disk that `folder` is on: one call in place of one for each of many files.
    Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        calls.syncfs(fd)
    finally:
        os.close(fd)


def replace(
    path: Path | str, data: bytes | bytearray, *, sync: bool = True, still: Callable[[str], bool] | None = None
) -> bool:
    """Put `data` in the place of the file at `path`, keeping its mode and, where allowed, its owner.

    `still` is asked whether the file at a path is the one that is meant; where it is not, since somebody has saved it
    in the meantime, nothing is done, and False returned.

    The folder is not synced: call `sync_folder` where the replacement must last before the next step.
    Raises OSError; the old file is then as it was.
    """
    try:
        like: os.stat_result | None = os.lstat(path)
    except FileNotFoundError:
        like = None
    if like is not None and stat.S_ISLNK(like.st_mode):
        like = None  # the mode of every link is 777; the file that takes its place must not have that
    temp = _write_temp(os.path.dirname(path), data, sync=sync, like=like)
    if still is not None:
        return _replace_if(temp, str(path), still)
    _take_place(temp, str(path))
    return True


def replace_by_parts(path: Path | str, parts: Iterable[bytes]) -> None:
    """As `replace`, synced, for a file that is too large to be held in memory. The old file stays readable until then.
    Raises OSError, and whatever `parts` raises; the old file is then as it was."""
    _take_place(_write_temp(os.path.dirname(path), parts, sync=True, like=os.lstat(path)), str(path))


def _take_place(temp: str, target: str) -> None:
    try:
        calls.rename(temp, target)
    except OSError:
        with contextlib.suppress(OSError):
            calls.unlink(temp)
        raise


def _replace_if(temp: str, target: str, still: Callable[[str], bool]) -> bool:
    """Put `temp` in the place of `target`, if that is `still` the one that is meant, also where somebody saves it at
    the very moment: the two change places, and the one that is taken away is looked at again."""
    try:
        if not still(target):
            calls.unlink(temp)
            return False
        calls.exchange(temp, target)
    except Exception as err:
        number = err.errno if isinstance(err, OSError) else None
        if number in NO_EXCHANGE or (number == errno.ENOENT and not os.path.lexists(target)):
            _take_place(temp, target)
            return True
        with contextlib.suppress(OSError):
            calls.unlink(temp)
        raise
    try:
        if still(temp):
            calls.unlink(temp)
            return True
    except OSError:  # it cannot be told whose that is: all is to be as it was, and no save left under that name
        calls.exchange(temp, target)
        with contextlib.suppress(OSError):
            calls.unlink(temp)
        raise
    calls.rename(temp, target)  # what somebody saved goes back
    return False


def create(
    path: Path | str,
    data: bytes,
    *,
    sync: bool = False,
    inside: os.stat_result | None = None,
    mode: int | None = None,
) -> bool:
    """Make the file `path`, whole or not at all. False when something of that name is there already: it is left
    alone. With `sync` its bytes are on disk before it has its name; the folder is not synced. `inside` is what the
    caller has seen of the folder, if it has just looked; `mode` is for a file that is not as others there are. Raises
    OSError."""
    target = str(path)
    if os.path.lexists(target):  # saves the temporary file in the common case; the link below is what decides
        temp = os.path.join(os.path.dirname(target), TEMP_NAME)
        if os.path.lexists(temp):  # a stop came between the link and the unlink below
            calls.unlink(temp)
        return False
    temp = _write_temp(os.path.dirname(target), data, sync=sync, inside=inside, mode=mode)
    try:
        calls.link(temp, target)
    except FileExistsError:
        calls.unlink(temp)
        return False
    except OSError as err:
        if err.errno in NO_LINKS and not os.path.lexists(target):  # a disk without hard links (FAT, some shares)
            calls.rename(temp, target)
            return True
        with contextlib.suppress(OSError):
            calls.unlink(temp)
        raise
    calls.unlink(temp)
    return True


def overwrite(path: Path | str, data: bytes) -> None:
    """Write `data` over the file at `path`, in the room that it has already: for a disk that has none for another
    file. A reader may see it torn, and what was longer is filled up with blanks. Raises OSError."""
    fd = calls.open(str(path), os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        st = os.fstat(fd)
        if len(data) > max(st.st_size, getattr(st, "st_blocks", 0) * 512):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_all(fd, data.ljust(st.st_size))
    finally:
        calls.close(fd)


def append(path: Path | str, data: bytes) -> None:
    """Add `data` at the end of the file, on disk when this returns. A failed append is cut off again where the
    disk allows it; what a kill leaves is a prefix. Raises OSError."""
    target = str(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = calls.open(target, flags)
    try:
        before = os.fstat(fd).st_size
        try:
            if not before:
                fit(fd, os.path.dirname(target) or ".")
            write_all(fd, data)
            calls.fsync(fd)
        except OSError as err:
            with contextlib.suppress(OSError):
                calls.ftruncate(fd, before)
            raise _named(err, target) from None
    finally:
        calls.close(fd)
    if not before:  # also where an earlier append made the file and failed: nobody has synced its folder since
        sync_folder(os.path.dirname(target) or ".")


def truncate(path: Path | str, size: int) -> None:
    """Cut the file to `size` bytes, on disk when this returns. Raises OSError."""
    fd = calls.open(str(path), os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        calls.ftruncate(fd, size)
        calls.fsync(fd)
    finally:
        calls.close(fd)


def move(source: Path | str, target: Path | str) -> None:
    """Rename `source` to `target`, which the caller has seen to be free. Only ever inside one user's inbox: a file
    that is renamed out of a watched tree holds up every later event by half a second (watchdog waits for the other
    half of the move). Raises OSError."""
    calls.rename(str(source), str(target))


def remove(path: Path | str) -> None:
    """Unlink `path`; it does not matter if it is gone already. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        calls.unlink(str(path))


def make_folder(path: Path | str) -> None:
    """Make the folder and, if need be, those above it; synced into the folder above. Raises OSError."""
    target = str(path)
    if os.path.isdir(target):
        return
    above = os.path.dirname(target) or "."
    if not os.path.isdir(above):
        make_folder(above)
    try:
        _mkdir(target, os.stat(above).st_mode)
    except FileExistsError:
        if not os.path.isdir(target):
            raise
    sync_folder(above)


def _mkdir(path: str, above: int) -> None:
    if not above & stat.S_ISGID:
        calls.mkdir(path)
        return
    # A lane's: as the folder above, which hands down its group and setgid bit. In an inbox, where the group is the
    # agents', closed. Not by chmod afterwards: a confined service may not set the setgid bit.
    umask = os.umask(0)
    try:
        calls.mkdir(path, 0o700 if above & stat.S_ISVTX else above & 0o777)
    finally:
        os.umask(umask)
