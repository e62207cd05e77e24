"""The chain of receipts, and which candidates have one (contract, "A receipt").

The receipts file is also the write-ahead log of the merge: a decision is taken at the moment its receipt is on disk,
and whatever then is missing in the Record or still stands in the gate is made good from it (`merging.finish`). So
there is no instant, not even after a power cut, at which the Record holds a line that no receipt accounts for.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import itertools
import json
import logging
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..core.errors import Parked, Refusal
from ..core.model import Receipt, canonical, chain_hash, id_hash, line_of
from ..core.paths import RECORD_FILES, Place, Root, is_ignored
from ..disk import atomic
from ..disk.untrusted import look, open_plain
from ..formats import cards
from . import jsonl

__all__ = ["Decided", "Ledger", "baseline_bytes"]

log = logging.getLogger("recursion_gate")

_Answer = TypeVar("_Answer")
_START = "0" * 64
_MONTH = re.compile(r"\d{4}-\d{2}")
_ACT = re.compile(rb"ACT-\d{4}-\d\d-\d\d-([A-Za-z0-9]+)")
_HEAD = re.compile(rb'\{"seq":(\d+),"candidate_id":"([A-Za-z0-9._-]+)"')


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
                db.execute(
                    "CREATE TABLE IF NOT EXISTS receipt (user TEXT, hash TEXT, id TEXT, offset INTEGER,"
                    " PRIMARY KEY (user, hash, id)) WITHOUT ROWID"
                )
                db.execute(
                    "CREATE TABLE IF NOT EXISTS upto (user TEXT PRIMARY KEY, size INTEGER, head TEXT) WITHOUT ROWID"
                )
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
        """Where the receipt of `candidate_id` begins in the file, of which `size` bytes are whole receipts, the last
        one with the hash `head`. Raises OSError."""
        return self._asked(lambda: self._offset(place, candidate_id, size, head))

    def twin(self, place: Place, candidate_id: str, size: int, head: str) -> str | None:
        """Another candidate that was decided whose id gives the same ACT id. Raises OSError."""
        return self._asked(lambda: self._twin(place, candidate_id, size, head))

    def _asked(self, question: Callable[[], _Answer]) -> _Answer:
        for attempt in range(2):
            try:
                return question()
            except sqlite3.Error as err:  # broken, or no room on the disk: made again, and then in memory
                self.close()
                if not _is_locked(err):
                    self._unlink()
                self._in_memory = attempt == 1 or _is_locked(err)
        return question()

    def _offset(self, place: Place, candidate_id: str, size: int, head: str) -> int | None:
        db = self._up_to(place, size, head)
        found = db.execute(
            "SELECT offset FROM receipt WHERE user = ? AND hash = ? AND id = ?",
            (place.user, id_hash(candidate_id), candidate_id),
        ).fetchone()
        return found[0] if found else None

    def _twin(self, place: Place, candidate_id: str, size: int, head: str) -> str | None:
        db = self._up_to(place, size, head)
        found = db.execute(
            "SELECT id FROM receipt WHERE user = ? AND hash = ? AND id <> ?",
            (place.user, id_hash(candidate_id), candidate_id),
        ).fetchone()
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
                db.execute("DELETE FROM receipt WHERE user = ?", (place.user,))
            db.executemany("INSERT OR IGNORE INTO receipt VALUES (?, ?, ?, ?)", self._rows(place, start, size))
            db.execute("INSERT OR REPLACE INTO upto VALUES (?, ?, ?)", (place.user, size, head))
            db.execute("COMMIT")
            if self._sizes is not None:
                self._sizes[place.user] = size
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def _rows(self, place: Place, start: int, size: int) -> Iterator[tuple[str, str, str, int]]:
        for at, line in jsonl.forwards(place.ledger, size, start):
            head = _HEAD.match(line)
            if head:
                candidate_id = head[2].decode()
                yield place.user, id_hash(candidate_id), candidate_id, at

    def reached(self, place: Place) -> int:
        """How far the file of `place` was known to be whole receipts; 0 where it is another one now, or that cannot be
        told. Raises OSError."""
        size, head = self._upto(place)
        return size if size and _ends_with(place, size, head) else 0

    def is_older(self, user: str, ledger: str) -> bool:
        """Whether the receipts of `user`, the file `ledger`, are shorter than they were: an older copy, or none. Costs
        next to nothing. Raises OSError."""
        if self._sizes is None:
            self._sizes = {}
            if os.path.lexists(self._path):
                with contextlib.suppress(sqlite3.Error):
                    self._sizes = dict(self._open().execute("SELECT user, size FROM upto"))
        known = self._sizes.get(user)
        try:
            return known is not None and os.stat(ledger).st_size < known
        except FileNotFoundError:
            return bool(known)

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

    def had_some(self, place: Place) -> bool:
        """Whether there were receipts of this user."""
        return self._upto(place)[0] > 0

    def _upto(self, place: Place) -> tuple[int, str]:
        if self._db is None and not os.path.lexists(self._path):
            return 0, ""
        with contextlib.suppress(sqlite3.Error):
            row = self._open().execute("SELECT size, head FROM upto WHERE user = ?", (place.user,)).fetchone()
            if row is not None:
                return int(row[0]), str(row[1])
        return 0, ""

    def forget(self, place: Place) -> None:
        """What is known of this user is wrong (the file was replaced): read it again at the next question."""
        with contextlib.suppress(sqlite3.Error):
            self._open().execute("DELETE FROM upto WHERE user = ?", (place.user,))


def _is_locked(err: sqlite3.Error) -> bool:
    """Whether somebody else holds the index: it is left as it is, and nobody waits for it."""
    return getattr(err, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


class Ledger:
    """One user's receipts: the end of the chain, and a way to find any of them."""

    def __init__(self, place: Place, decided: Decided) -> None:
        self.place = place
        self._decided = decided
        #: Bytes of the file that are whole receipts.
        self.size = 0
        self.seq = 0
        self.head = _START
        self.last: Receipt | None = None
        self._inode = 0
        #: `id_hash` of candidates that the Record shows as approved, though no receipt does.
        self.lost: set[str] = set()

    @classmethod
    def open(cls, place: Place, decided: Decided) -> Ledger:
        """Read the end of the chain. What an append that was cut short left behind it is cut off.

        Raises Parked when the last line is no receipt, or was one and is damaged, or when these are older receipts
        than there were, OSError when the file cannot be read.
        """
        ledger = cls(place, decided)
        ledger._read_end()
        if ledger.last is not None:
            ledger._ask_the_witnesses(ledger.last)
        return ledger

    def _ask_the_witnesses(self, last: Receipt) -> None:
        """An older copy of the receipts leaves out decisions, which would be taken twice. The index knows how far the
        receipts reached. Where it does not know of all of these, since it is new or older itself, it is the decided
        cards that tell, and the Record. Raises Parked, OSError."""
        place, decided = self.place, self._decided
        knows = decided.knows(place, self.size, self.head)
        if knows is False:
            raise Parked(
                place.shown(place.ledger),
                "the receipts are older than those that were here, or others: what was decided since would be decided"
                " again",
                "Put back the newest copy; or, if these are the right ones, stop the daemon, delete"
                " .daemon/decided.sqlite and start it again",
            )
        if knows is None:
            cards_of = _filed_since(place, last)
            if cards_of:
                raise Parked(
                    place.shown(place.ledger),
                    f"the receipts are older than the decided cards: there is none of {cards_of[0]}"
                    f"{f' and {len(cards_of) - 1:,} more' if len(cards_of) > 1 else ''}",
                    f"Put back the newest copy; or, if these are the right ones, move the cards that are newer out of"
                    f" {place.shown(place.receipts)}/ ('recursion-gate verify' names them)",
                )
            shown = _shown_as_approved(place)
            # Noted before the index knows of these receipts, and so would not ask again.
            decided.note_lost(place, shown - set(map(id_hash, _decided_in(place))) if shown else shown)
        self.lost = decided.lost(place)

    def _read_end(self) -> None:
        place = self.place
        self.size, self.seq, self.head, self.last, self._inode = 0, 0, _START, None, 0
        end = jsonl.end(place.ledger)
        if end.more:
            self._cut(end.size)
        if end.size == 0:
            self._begin()
            return
        self.size = end.size
        if not end.last.endswith(b"\n"):
            atomic.append(place.ledger, b"\n")
            self.size += 1
        self.last = _receipt(place, end.last)
        self.seq, self.head = self.last.seq, self.last.hash

    def _begin(self) -> None:
        """There are no receipts: this is the start of the chain. Raises Parked where there were some."""
        self.head = baseline_hash(self.place)
        if self._decided.had_some(self.place) or _has_months(self.place):
            raise Parked(
                self.place.shown(self.place.ledger),
                "the receipts are gone: there were some, and without them what was decided would be decided again",
                "Put back a copy; or, to begin a new chain, move the rest of that folder away and delete .daemon/",
            )

    def _cut(self, size: int) -> None:
        """Cut off what an append that had not returned has left. Raises Parked where it had."""
        if self._decided.reached(self.place) > size:
            raise Parked(
                self.place.shown(self.place.ledger),
                f"what stands behind byte {size:,} was a receipt, and is damaged",
                "Put back a copy that is whole; 'recursion-gate verify' tells where it breaks",
            )
        log.warning("event=receipts-cut user=%s size=%d", self.place.user, size)
        atomic.truncate(self.place.ledger, size)

    def unchanged(self) -> bool:
        """Whether the file is still as long as it was left here, and the same file."""
        try:
            st = os.stat(self.place.ledger)
            self._inode = self._inode or st.st_ino
            return st.st_size == self.size and st.st_ino == self._inode
        except FileNotFoundError:
            return self.size == 0

    def find(self, candidate_id: str) -> Receipt | None:
        """The receipt of a candidate, if it has been decided. Raises OSError, Parked."""
        if self.size == 0:
            return None
        for _ in range(2):
            offset = self._decided.offset(self.place, candidate_id, self.size, self.head)
            if offset is None:
                return None
            with open_plain(self.place.ledger) as file:
                file.seek(offset)
                line = file.readline().rstrip(b"\n")
            head = _HEAD.match(line)
            if head and head[2].decode() == candidate_id:
                return _receipt(self.place, line)
            self._decided.forget(self.place)
        raise Parked(self.place.shown(self.place.ledger), "the receipts changed under the daemon", "Run verify")

    def twin(self, candidate_id: str) -> str | None:
        """Another candidate that was decided whose id gives the same ACT id. Raises OSError."""
        return self._decided.twin(self.place, candidate_id, self.size, self.head) if self.size else None

    def append(self, drafts: list[dict[str, Any]]) -> list[Receipt]:
        """Give each draft its number and its place in the chain, and put them all on disk: from here on these
        decisions are taken. One write and one sync, however many. Raises OSError; then none is taken, or, where the
        disk failed half-way, a prefix, which the next `open` finds."""
        seq, head = self.seq, self.head if self.seq else baseline_hash(self.place)
        made: list[Receipt] = []
        data = bytearray()
        for draft in drafts:
            seq += 1
            fields = {"seq": seq, **draft, "prev_hash": head}
            head = fields["hash"] = chain_hash(fields)
            data += line_of(fields) + b"\n"
            made.append(Receipt.model_validate(fields))
        atomic.append(self.place.ledger, bytes(data))
        self.seq, self.head, self.last = seq, head, made[-1]
        self.size += len(data)
        return made

    def put_into_index(self) -> None:
        """Let the index know how far the receipts reach, so that it can tell should they be gone. Raises OSError."""
        if self.last is not None:
            self._decided.offset(self.place, self.last.candidate_id, self.size, self.head)

    def latest(self, most: int) -> list[Receipt]:
        """The last receipts, at most so many, the last one first, but for damaged ones. Raises OSError."""
        found = []
        for _, line in itertools.islice(jsonl.backwards(self.place.ledger, self.size), most):
            with contextlib.suppress(ValidationError):
                found.append(Receipt.model_validate_json(line))
        return found

    def unfinished(self, waiting: Callable[[str], bool]) -> list[Receipt]:
        """The receipts at the end of the chain whose candidates are still `waiting` at the gate, oldest first: what
        a stop between the receipt and the gate leaves to be finished. Raises OSError, Parked."""
        while self.last is not None and waiting(self.last.candidate_id):
            found: list[Receipt] = []
            for at, line in jsonl.backwards(self.place.ledger, self.size):
                if b"\0" in line:  # a power cut took a part out of an append that had not returned: none of it counts
                    self._cut(at)
                    self._read_end()
                    break
                receipt = _receipt(self.place, line)
                if not waiting(receipt.candidate_id):
                    return found[::-1]
                found.append(receipt)
            else:
                return found[::-1]
        return []


def _receipt(place: Place, line: bytes) -> Receipt:
    try:
        return Receipt.model_validate_json(line)
    except ValidationError:
        raise Parked(
            place.shown(place.ledger),
            "a line is not a receipt",
            "Put back a copy that is whole; 'recursion-gate verify' tells where it breaks",
        ) from None


def _ends_with(place: Place, size: int, head: str) -> bool:
    """Whether the receipt that ends at `size` has the hash `head`, and so all before it are those it was made after."""
    end = f'"hash":"{head}"}}\n'.encode()
    with open_plain(place.ledger) as file:
        file.seek(max(0, size - len(end)))
        return file.read(len(end)) == end


def _decided_in(place: Place) -> Iterator[str]:
    """The candidates that have a receipt. Raises OSError."""
    for _, line in jsonl.forwards(place.ledger, sys.maxsize):
        if head := _HEAD.match(line):
            yield head[2].decode()


def _filed_since(place: Place, last: Receipt) -> list[str]:
    """The candidates whose cards are filed in the month of the `last` receipt or later, and that have no receipt.
    Raises OSError."""
    first = last.at[:7]
    months = [name for name in os.listdir(place.receipts) if _MONTH.fullmatch(name) and name >= first]
    there = {f"{month}/{name}" for month in months for name in _files_in(place.receipts / month)}
    for _, line in jsonl.backwards(place.ledger, jsonl.end(place.ledger).size) if there else ():
        try:
            fields = json.loads(line)
        except ValueError:  # damaged: `verify` says so
            continue
        month = str(fields["merged_at"] or fields["rejected_at"])[:7]
        if month < first:
            break
        stem, ending = os.path.splitext(fields["card"])
        there -= {f"{month}/{fields['card']}", f"{month}/{stem}-{fields['seq']}{ending}"}
    found: dict[str, None] = {}
    for path in sorted(there):
        with contextlib.suppress(Refusal, OSError):
            candidate_id = cards.id_of(look(place.receipts / path, 16 << 20).data)
            if candidate_id:
                found[candidate_id] = None
    for candidate_id in _decided_in(place) if found else ():
        found.pop(candidate_id, None)  # a copy that somebody made
    return list(found)


def _files_in(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if not is_ignored(entry.name)]
    return []


def _shown_as_approved(place: Place) -> set[str]:
    """The last part of each ACT id that the Record has, and had not before the first receipt. Raises OSError."""
    found: set[str] = set()
    for name in RECORD_FILES:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), open_plain(place.home / name) as file:
            found.update(m.decode() for m in _ACT.findall(file.read()))
    if found:
        with contextlib.suppress(FileNotFoundError):
            found.difference_update(m.decode() for m in _ACT.findall(_baseline(place)))
    return found


def _has_months(place: Place) -> bool:
    """Whether decided cards are filed there, which the receipts are older than."""
    try:
        return any(_MONTH.fullmatch(name) for name in os.listdir(place.receipts))
    except FileNotFoundError:
        return False


def baseline_bytes(place: Place) -> bytes:
    """The Record as it is now, as ``baseline.json`` keeps it: what stood there before the first receipt."""
    files = {}
    names = set(RECORD_FILES)
    with contextlib.suppress(OSError):
        names.update(name for name in os.listdir(place.home) if fnmatch.fnmatchcase(name, "self*.md"))
    for name in sorted(names):
        absent = contextlib.suppress(FileNotFoundError, IsADirectoryError, UnicodeDecodeError)
        with absent, open_plain(place.home / name) as file:
            files[name] = file.read().decode()
    return canonical({"user": place.user, "files": files}) + b"\n"


def _baseline(place: Place) -> bytes:
    with open_plain(place.baseline) as file:
        return file.read()


def baseline_hash(place: Place) -> str:
    """The `prev_hash` of the first receipt."""
    try:
        return hashlib.sha256(_baseline(place)).hexdigest()
    except FileNotFoundError:
        return _START
