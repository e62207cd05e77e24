"""Make files in a folder that others write into too: for the clients, which hold no lock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import atomic
from .syscalls import NO_LINKS

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Delivery", "deliver", "deliver_all", "prepare"]

#: So many files are synced at once.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file to be made."""

    folder: Path | str
    name: str
    data: bytes
    #: Its modification time, if not now.
    mtime_ns: int | None = None


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
    one = _Coming(folder, private=private)
    one.write(data, own=own, mode=mode, mtime_ns=mtime_ns)
    one.close(sync=sync)
    target = one.give_name(name, over=over)
    if sync:
        _sync_names([target], folder)
    return Path(target)


def deliver_all(files: Sequence[Delivery]) -> list[Path | OSError]:
    """`deliver` each of them, synced, whatever becomes of the others: the path of each, or why it could not be made.
    Together they wait for the disk about as long as one of them would: their bytes are synced at the same time, and a
    folder once."""
    made: list[_Coming | OSError] = [_begun(each) for each in files]
    # By threads: syncs that are asked for at once share a commit of the disk's journal; one after the other they do not
    made = [_closed(one) for one in made] if len(made) < 2 else list(_threads().map(_closed, made))
    found = [_named(one, each.name) for one, each in zip(made, files, strict=True)]
    by_folder: dict[str, dict[int, str]] = {}
    for number, (each, path) in enumerate(zip(files, found, strict=True)):
        if isinstance(path, Path):
            by_folder.setdefault(str(each.folder), {})[number] = str(path)
    for folder, paths in by_folder.items():
        try:
            _sync_names(paths.values(), folder)
        except OSError as err:
            for number in paths:
                found[number] = err
    return found


def prepare(folder: Path | str, data: bytes) -> str:
    """Make a whole file, not synced, under a hidden name that nobody else uses, to be renamed once it is needed: what
    has no room on the disk fails here. Gives its path. Raises OSError."""
    one = _Coming(folder)
    one.write(data)
    one.close(sync=False)
    return one.temp


@cache
def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # here, since it takes time that `stage` does not have

    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")


def _begun(file: Delivery) -> _Coming | OSError:
    try:
        one = _Coming(file.folder)
        one.write(file.data, mtime_ns=file.mtime_ns)
    except OSError as err:
        return err
    return one


def _closed(one: _Coming | OSError) -> _Coming | OSError:
    if isinstance(one, _Coming):
        try:
            one.close(sync=True)
        except OSError as err:
            return err
    return one


def _named(one: _Coming | OSError, name: str) -> Path | OSError:
    if isinstance(one, OSError):
        return one
    try:
        return Path(one.give_name(name))
    except OSError as err:
        return err


class _Coming:
    """A file that does not have its name yet. Where a step fails, it is gone."""

    def __init__(self, folder: Path | str, *, private: bool = False) -> None:
        # A name of its own for each writer, of one process too; it begins with a dot, so that nobody looks at it yet.
        name = f".{os.getpid()}-{time.monotonic_ns()}-{os.urandom(3).hex()}.tmp"
        self._folder, self._temp = os.fspath(folder), os.path.join(folder, name)
        self._private = private
        mode = (0o600,) if private else ()
        self._fd = atomic.calls.open(self._temp, atomic.NEW, *mode)

    def write(self, data: bytes, *, own: bool = False, mode: int | None = None, mtime_ns: int | None = None) -> None:
        """Raises OSError."""
        try:
            if mode is not None:
                atomic.calls.fchmod(self._fd, mode)
            elif not self._private:
                atomic.fit(self._fd, self._folder, limit=0o644 if own else 0o666)
            atomic.write_all(self._fd, data)
            if mtime_ns is not None:
                os.utime(self._fd, ns=(mtime_ns, mtime_ns))
        except OSError:
            with contextlib.suppress(OSError):
                atomic.calls.close(self._fd)
            self._unlink()
            raise

    @property
    def temp(self) -> str:
        """Its path until it has its name."""
        return self._temp

    def close(self, *, sync: bool) -> None:
        """Raises OSError."""
        try:
            try:
                if sync:
                    atomic.calls.fsync(self._fd)
            finally:
                atomic.calls.close(self._fd)  # before it has its name: a file open for writing is not staged yet
        except OSError:
            self._unlink()
            raise

    def give_name(self, name: str, *, over: bool = False) -> str:
        """Gives the path. Raises OSError."""
        try:
            return _name(self._temp, os.path.join(self._folder, name), over)
        except OSError:
            self._unlink()
            raise

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            atomic.calls.unlink(self._temp)


def _sync_names(paths: Iterable[str], folder: Path | str) -> None:
    """Make the names of files last. Agents may put files into the inbox, but perhaps not open the folder: then each
    file is synced once more, since the link has changed it, and the disk's journal has file and folder in one."""
    try:
        atomic.sync_folder(folder)
        return
    except PermissionError:
        pass
    for path in paths:
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
