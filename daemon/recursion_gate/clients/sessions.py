"""What the people's page keeps of its sessions, so that its restart signs nobody out (docs/page.md, "Who gets in").

The key that signs the cookies, and the numbers of the sessions that were ended before their time. Whoever can read the
key can sign in as anybody: the file is its maker's alone. One that is not is replaced by another key, which ends all
sessions; so does removing it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from ..disk.deliver import deliver
from ..disk.untrusted import open_plain, stamp_at

__all__ = ["LASTS", "Kept", "SessionFile", "end_all"]

#: Seconds that a session lasts.
LASTS = 30 * 24 * 3600

_NAME = "sessions.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the sessions of a page."""

    #: Signs the cookies, 32 bytes.
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    #: The numbers of the sessions that were ended, and when, in seconds since the epoch.
    ended: Mapping[str, float] = field(default_factory=dict)


@checked(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class _File:
    key: str
    ended: dict[str, float]


class SessionFile:
    """A page's sessions, in a file in `folder`; in memory where that is None. For the threads of one process, and for
    several processes."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises OSError where nothing can be written in the folder."""
        self._folder = folder
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._known = Kept()
        if folder is not None:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._known = self._changed(folder)

    def now(self) -> Kept:
        """What is known now: another process may have changed or removed the file."""
        if self._folder is not None and (stamp_at(self._folder / _NAME) or ()) != self._stamp:
            with self._lock, contextlib.suppress(OSError):  # what was known stays true while the disk fails
                self._known = self._changed(self._folder)
        return self._known

    def end(self, number: str) -> None:
        """End the session of this number. Raises OSError where that cannot be kept: it is then ended in this process
        only."""
        with self._lock:
            now = time.time()
            self._known = Kept(self._known.key, _fresh({**self._known.ended, number: now}, now))
            if self._folder is not None:
                self._known = self._changed(self._folder, number)

    def _changed(self, folder: Path, ended: str | None = None) -> Kept:
        """The file as it is now, made where there is none that can be trusted, with one more that `ended`. One process
        at a time: the folder is locked. Raises OSError."""
        import portalocker

        fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            portalocker.lock(fd, portalocker.LockFlags.EXCLUSIVE)
            there = _read(folder / _NAME)
            made = there or Kept()
            if ended is not None:
                now = time.time()
                made = Kept(made.key, _fresh({**made.ended, ended: now}, now))
            if made != there:
                data = TypeAdapter(_File).dump_json(_File(made.key.hex(), dict(made.ended)))
                deliver(folder, _NAME, data, over=True, private=True)
            self._stamp = stamp_at(folder / _NAME)
            return made
        finally:
            os.close(fd)


def end_all(folder: Path) -> bool:
    """End all sessions of the page that keeps them in `folder`, by removing its key; whether there was one. Raises
    OSError."""
    try:
        os.unlink(folder / _NAME)
    except FileNotFoundError:
        return False
    return True


def _fresh(ended: Mapping[str, float], now: float) -> dict[str, float]:
    """Without those whose cookie is too old by now anyway."""
    return {number: at for number, at in ended.items() if now - at < LASTS}


def _read(path: Path) -> Kept | None:
    """The file, where it is whole and nobody else can have read its key; else None. Raises OSError."""
    try:
        with open_plain(path) as file:
            st = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and (st.st_uid != os.geteuid() or st.st_mode & 0o077):
                return None
            said = TypeAdapter(_File).validate_json(file.read())
        key = bytes.fromhex(said.key)
    except (FileNotFoundError, IsADirectoryError, PermissionError, ValidationError, ValueError):
        return None
    return Kept(key, said.ended) if len(key) == 32 else None
