"""The keys that were used at a door, so that a key, or an id, means one proposal (docs/doors.md, "The same again").

A convenience, no truth: that nothing is doubled rests on the ids, which the daemon takes once. What is kept here tells
another proposal under an old key from the same one, at once and not only by a reason in problems/, and gives a retry
the moment of the first attempt. So it may be lost, and it is not synced at each use. It has no word of a proposal:
digests with a salt of its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Keys", "Used"]

#: How long, in nanoseconds, a key is remembered: 90 days.
_KEPT = 90 * 86_400 * 10**9
#: After so many uses the old ones are forgotten.
_CLEAN = 10_000

_TABLES = """
CREATE TABLE IF NOT EXISTS salt (salt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS used (name BLOB PRIMARY KEY, said BLOB NOT NULL, at INTEGER NOT NULL, file TEXT NOT NULL)
WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_time ON used (at);
"""


@dataclass(frozen=True, slots=True)
class Used:
    """The first use of a key."""

    #: When, in nanoseconds since the epoch, whole milliseconds.
    at: int
    #: The name of its drop.
    drop: str
    #: Whether that was an earlier use.
    again: bool


class Keys:
    """The used keys, in an SQLite file in `folder`; in memory where that is None. For the threads of one process, and
    for several processes."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises OSError where nothing can be written in the folder."""
        self._lock = threading.Lock()
        self._uses = 0
        if folder is None:
            self._open(":memory:")
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / "keys.sqlite"
        try:
            self._open(str(path))
        except sqlite3.DatabaseError as err:
            if isinstance(err, sqlite3.OperationalError):
                raise OSError(errno.EACCES, str(err), str(path)) from err
            for ending in ("", "-wal", "-shm"):  # damaged: what it knew is a convenience
                with suppress(FileNotFoundError):
                    os.unlink(f"{path}{ending}")
            self._open(str(path))

    def _open(self, where: str) -> None:
        self._db = db = sqlite3.connect(where, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_TABLES)
            db.execute("INSERT INTO salt SELECT randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM salt)")
            self._salt: bytes = db.execute("SELECT salt FROM salt").fetchone()[0]
        except sqlite3.Error:
            db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def use(self, user: str, names: Mapping[str, bytes], drop: str, now: int) -> Used | str:
        """Note that each of `names` stands for these bytes; `drop` is the file that is being dropped. Gives the first
        use of the first of them; or the one that stands for something else: then nothing is noted. Raises OSError."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                found = self._note(user, names, drop, now)
                self._db.execute("ROLLBACK" if isinstance(found, str) else "COMMIT")
                return found
            except sqlite3.Error as err:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                full = getattr(err, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
                raise OSError(errno.ENOSPC if full else errno.EIO, str(err), "keys.sqlite") from err

    def _note(self, user: str, names: Mapping[str, bytes], drop: str, now: int) -> Used | str:
        uses = []
        for name, said in names.items():
            key, digest = self._digest(user, name.encode()), self._digest(user, said)
            found = self._db.execute("SELECT said, at, file FROM used WHERE name = ?", (key,)).fetchone()
            if found is None:
                self._db.execute("INSERT INTO used VALUES (?, ?, ?, ?)", (key, digest, now, drop))
                uses.append(Used(now, drop, False))
            elif found[0] != digest:
                return name
            else:
                uses.append(Used(found[1], found[2], True))
        self._forget_old(now)
        return uses[0]

    def _forget_old(self, now: int) -> None:
        self._uses += 1
        if self._uses % _CLEAN == 1:
            self._db.execute("DELETE FROM used WHERE at < ?", (now - _KEPT,))

    def drop_of(self, user: str, name: str) -> str | None:
        """The name of the drop of the first use of `name`; None where it is unknown. Raises OSError."""
        with self._lock:
            try:
                row = self._db.execute(
                    "SELECT file FROM used WHERE name = ?", (self._digest(user, name.encode()),)
                ).fetchone()
            except sqlite3.Error as err:
                raise OSError(errno.EIO, str(err), "keys.sqlite") from err
        return row[0] if row else None

    def _digest(self, user: str, data: bytes) -> bytes:
        return hashlib.blake2b(user.encode() + b"\0" + data, digest_size=16, key=self._salt).digest()
