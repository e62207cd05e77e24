"""``.daemon/decided.sqlite``: the index that finds a receipt. A cache; the receipts alone are the truth."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ..core.model import act_key, id_hash
from ..core.paths import Place, Root
from ..disk.untrusted import open_plain
from . import jsonl
from .jsonl import HEAD

__all__ = ["Decided", "copied"]

Answer = TypeVar("Answer")

_OFFSET = "SELECT offset FROM receipt WHERE user = ? AND hash = ? AND id = ?"
_TWIN = "SELECT id FROM receipt WHERE user = ? AND hash = ? AND id <> ?"

_CONCERNING = "SELECT offset FROM concerns WHERE user = ? AND hash = ? AND link = ? ORDER BY offset"
_TAKEN_BACK = "SELECT hash FROM taken_back WHERE user = ?"
_BY_HASH = "SELECT id FROM receipt WHERE user = ? AND hash = ?"


#: Counted up when the tables change: an index of another form is made again.
_FORM = 2


class Decided:
    """Where in whose receipts file which candidate's receipt begins: an index on disk, so that neither a start nor a
    drop costs more as history grows. It is only a cache: it holds for the file whose chain goes on from the hash that
    it has noted, and one that is lost, broken or of another file is made again. Where the disk has no room for it, it
    is kept in memory."""

    def __init__(self, root: Root) -> None:
        self._path = root.index
        self._db: sqlite3.Connection | None = None
        self._in_memory = False
        self._sizes: dict[str, int] | None = None  # by user, how far the receipts are known to have reached

    def _open(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        path = str(self._path)
        for target in (":memory:",) if self._in_memory else (path, path, ":memory:"):
            db = None
            try:
                db = sqlite3.connect(target, timeout=0, isolation_level=None, check_same_thread=False)
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=NORMAL")  # whole after a power cut, at worst a little behind
                if db.execute("PRAGMA user_version").fetchone() != (_FORM,):
                    if db.execute("SELECT 1 FROM sqlite_master").fetchone():
                        raise sqlite3.DatabaseError("an index of another form")
                    db.execute(f"PRAGMA user_version={_FORM}")
                db.execute(
                    "CREATE TABLE IF NOT EXISTS receipt (user TEXT, hash TEXT, id TEXT, offset INTEGER,"
                    " PRIMARY KEY (user, hash, id)) WITHOUT ROWID"
                )
                db.execute(
                    "CREATE TABLE IF NOT EXISTS upto (user TEXT PRIMARY KEY, size INTEGER, head TEXT) WITHOUT ROWID"
                )
                db.execute(
                    "CREATE TABLE IF NOT EXISTS concerns (user TEXT, hash TEXT, link INTEGER, offset INTEGER,"
                    " PRIMARY KEY (user, hash, link, offset)) WITHOUT ROWID"
                )
                db.execute(
                    "CREATE TABLE IF NOT EXISTS taken_back (user TEXT, hash TEXT, PRIMARY KEY (user, hash))"
                    " WITHOUT ROWID"
                )
                db.execute("CREATE TABLE IF NOT EXISTS who (user TEXT PRIMARY KEY, token TEXT) WITHOUT ROWID")
                db.execute(
                    "CREATE TABLE IF NOT EXISTS lost (user TEXT, hash TEXT, PRIMARY KEY (user, hash)) WITHOUT ROWID"
                )
                self._db = db
                return db
            except sqlite3.Error as err:
                if db is not None:
                    db.close()
                if _is_locked(err):
                    self._in_memory = True
                    return self._open()
                self._unlink()
        raise AssertionError("an in-memory database always opens")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _unlink(self) -> None:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{ending}")

    def offset(self, place: Place, candidate_id: str, size: int, head: str) -> int | None:
        """Where the last receipt of `candidate_id` begins in the file, of which `size` bytes are whole receipts, ending
        with the one that has the hash `head`. Raises OSError."""
        found: int | None = self._asked(lambda: self._find(_OFFSET, place, candidate_id, size, head))
        return found

    def twin(self, place: Place, candidate_id: str, size: int, head: str) -> str | None:
        """Another candidate that was decided whose id gives the same ACT id. Raises OSError."""
        found: str | None = self._asked(lambda: self._find(_TWIN, place, candidate_id, size, head))
        return found

    def concerning(self, place: Place, key: str, size: int, head: str, *, links: bool) -> list[int]:
        """Where the receipts begin that supersede or retract the entry with this `act_key`, or, with `links`, that link
        to it; and those that take that back. Oldest first. Raises OSError."""

        def found() -> list[int]:
            rows = self._up_to(place, size, head).execute(_CONCERNING, (place.user, key, links))
            return [offset for (offset,) in rows]

        return self._asked(found)

    def taken_back(self, place: Place, size: int, head: str) -> set[str]:
        """`id_hash` of the candidates of which a decision was ever taken back. Raises OSError."""
        return self._asked(lambda: {h for (h,) in self._up_to(place, size, head).execute(_TAKEN_BACK, (place.user,))})

    def candidate_of(self, place: Place, key: str, size: int, head: str) -> str | None:
        """The candidate with this `act_key` that has a receipt. Raises OSError."""
        row = self._asked(lambda: self._up_to(place, size, head).execute(_BY_HASH, (place.user, key)).fetchone())
        return row[0] if row else None

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        for attempt in range(2):
            try:
                return question()
            except sqlite3.Error as err:  # broken, or no room on the disk: made again, and then in memory
                self.close()
                if not _is_locked(err):
                    self._unlink()
                self._in_memory = attempt == 1 or _is_locked(err)
        return question()

    def _find(self, query: str, place: Place, candidate_id: str, size: int, head: str) -> Any:
        values = (place.user, id_hash(candidate_id), candidate_id)
        found = self._up_to(place, size, head).execute(query, values).fetchone()
        return found[0] if found else None

    def _up_to(self, place: Place, size: int, head: str) -> sqlite3.Connection:
        db = self._open()
        row = db.execute("SELECT size, head FROM upto WHERE user = ?", (place.user,)).fetchone()
        if row != (size, head):
            goes_on = row is not None and row[0] < size and _ends_with(place, row[0], row[1])
            self._catch_up(db, place, row[0] if goes_on else 0, size, head)
        return db

    def _catch_up(self, db: sqlite3.Connection, place: Place, start: int, size: int, head: str) -> None:
        db.execute("BEGIN")
        try:
            if start == 0:
                if self._is_another(db, place):
                    db.execute("DELETE FROM lost WHERE user = ?", (place.user,))
                db.execute("DELETE FROM receipt WHERE user = ?", (place.user,))
                db.execute("DELETE FROM concerns WHERE user = ?", (place.user,))
                db.execute("DELETE FROM taken_back WHERE user = ?", (place.user,))
                db.execute("INSERT OR REPLACE INTO who VALUES (?, ?)", (place.user, _token(place)))
            about: list[tuple[str, str, bool, int]] = []
            back: list[tuple[str, str]] = []
            rows = self._rows(place, start, size, about, back)
            db.executemany("INSERT OR REPLACE INTO receipt VALUES (?, ?, ?, ?)", rows)
            db.executemany("INSERT OR IGNORE INTO concerns VALUES (?, ?, ?, ?)", about)
            db.executemany("INSERT OR IGNORE INTO taken_back VALUES (?, ?)", back)
            db.execute("INSERT OR REPLACE INTO upto VALUES (?, ?, ?)", (place.user, size, head))
            db.execute("COMMIT")
            if self._sizes is not None:
                self._sizes[place.user] = size
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def _rows(
        self, place: Place, start: int, size: int, about: list[tuple[str, str, bool, int]], back: list[tuple[str, str]]
    ) -> Iterator[tuple[str, str, str, int]]:
        for at, line in jsonl.forwards(place.ledger, size, start):
            head = HEAD.match(line)
            if head:
                candidate_id = head["id"].decode()
                key = id_hash(candidate_id)
                for named, is_link in ((head["evidence"], True), (head["target"], False)):
                    if named and (other := act_key(named.decode(errors="replace"))) != key:
                        about.append((place.user, other, is_link, at))
                if head["action"] == b"undone":
                    back.append((place.user, key))
                yield place.user, key, candidate_id, at

    def reached(self, place: Place) -> int:
        """How far the file of `place` was known to be whole receipts; 0 where it is another one now, or that cannot be
        told. Raises OSError."""
        size, head = self._upto(place)
        return size if size and _ends_with(place, size, head) else 0

    def is_up_to(self, user: str, ledger: str) -> bool:
        """Whether the receipts of `user`, the file `ledger`, are as long as is known: else they are an older copy, or
        none, or there are some of which what they cause may not be done. Costs next to nothing. Raises OSError."""
        if self._sizes is None:
            self._sizes = {}
            if os.path.lexists(self._path):
                with contextlib.suppress(sqlite3.Error):
                    self._sizes = dict(self._open().execute("SELECT user, size FROM upto"))
        known = self._sizes.get(user)
        try:
            return os.stat(ledger).st_size == (known or 0)
        except FileNotFoundError:
            return not known

    def knows(self, place: Place, size: int, head: str) -> bool | None:
        """Whether the index is of just these receipts; None where it knows of fewer, or of none; False where it knows
        of others, or of more. Raises OSError."""
        known = self._upto(place)
        if known == (size, head):
            return True
        return None if not known[0] or (known[0] < size and _ends_with(place, *known)) else False

    def lost(self, place: Place) -> set[str]:
        """`id_hash` of candidates that the Record shows as approved, and no receipt does (see `note_lost`)."""
        with contextlib.suppress(sqlite3.Error):
            return {h for (h,) in self._open().execute("SELECT hash FROM lost WHERE user = ?", (place.user,))}
        return set()

    def note_lost(self, place: Place, hashes: set[str]) -> None:
        with contextlib.suppress(sqlite3.Error):
            db = self._open()
            db.execute("DELETE FROM lost WHERE user = ?", (place.user,))
            db.executemany("INSERT INTO lost VALUES (?, ?)", [(place.user, each) for each in hashes])

    def is_ahead(self, place: Place) -> bool:
        """Whether there were receipts of this user that are not in the file now. Raises OSError."""
        return self.had_some(place) and not self.reached(place)

    def ids(self, place: Place) -> Iterator[str]:
        """The candidates of this user that were decided."""
        with contextlib.suppress(sqlite3.Error):
            for (candidate_id,) in self._open().execute("SELECT id FROM receipt WHERE user = ?", (place.user,)):
                yield str(candidate_id)

    def had_some(self, place: Place) -> bool:
        """Whether there were receipts of this user."""
        return self._upto(place)[0] > 0

    def _upto(self, place: Place) -> tuple[int, str]:
        if self._db is None and not os.path.lexists(self._path):
            return 0, ""
        with contextlib.suppress(sqlite3.Error):
            db = self._open()
            row = db.execute("SELECT size, head FROM upto WHERE user = ?", (place.user,)).fetchone()
            if row is not None and not self._is_another(db, place):
                return int(row[0]), str(row[1])
            if self._sizes:
                self._sizes.pop(place.user, None)
        return 0, ""

    def _is_another(self, db: sqlite3.Connection, place: Place) -> bool:
        """Whether what is known is of a user who had this name before. Raises sqlite3.Error, OSError."""
        token = _token(place)
        if not token or not db.execute("SELECT 1 FROM upto WHERE user = ?", (place.user,)).fetchone():
            return False
        return bool(db.execute("SELECT token FROM who WHERE user = ?", (place.user,)).fetchone() != (token,))

    def forget(self, place: Place) -> None:
        """Forget this user (the file was replaced): it is read again at the next question."""
        with contextlib.suppress(sqlite3.Error):
            self._open().execute("DELETE FROM upto WHERE user = ?", (place.user,))


def _is_locked(err: sqlite3.Error) -> bool:
    """Whether another process holds the index: this one does without, and does not wait."""
    return getattr(err, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _token(place: Place) -> str:
    """The token that `user add` has put there; "" where it is gone with the receipts, or the user is older."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), open_plain(place.token) as file:
        return file.read(100).decode("ascii", "replace").strip()
    return ""


def _ends_with(place: Place, size: int, head: str) -> bool:
    """Whether the receipt that ends at `size` has the hash `head`, and so all before it are those it was made after."""
    end = f'"hash":"{head}"}}\n'.encode()
    with contextlib.suppress(FileNotFoundError), open_plain(place.ledger) as file:
        file.seek(max(0, size - len(end)))
        return file.read(len(end)) == end
    return False


@contextlib.contextmanager
def copied(root: Root) -> Iterator[Decided]:
    """The index as it is now, from a copy, since to read it where it is would write beside it. Empty where it is not
    there or cannot be read."""
    with contextlib.ExitStack() as stack:
        copy = Root(root.daemon / "none")
        with contextlib.suppress(OSError):
            os.stat(root.index)
            copy = Root(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recursion-gate-"))))
            copy.daemon.mkdir()
            for ending in ("-wal", ""):
                source, target = (index.with_name(index.name + ending) for index in (root.index, copy.index))
                with contextlib.suppress(FileNotFoundError), open_plain(source) as file, target.open("wb") as to:
                    shutil.copyfileobj(file, to)
        decided = Decided(copy)
        stack.callback(decided.close)
        yield decided
