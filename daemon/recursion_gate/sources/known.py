"""What a user's gate, receipts and inbox know already of entries that come again. Reads only."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ..core.errors import Parked
from ..core.paths import Place, Root
from ..core.receipt import Receipt
from ..disk.untrusted import open_plain
from ..store import gate_reader, jsonl, seed_receipts
from ..store.index import Decided, copied

__all__ = ["FILE_NAME", "Known", "State", "known"]

State = Literal["new", "waits", "approved", "rejected", "forgotten"]

#: The drops that an import writes begin with this: what lies in them waits, too.
FILE_NAME = "import"

_ID = re.compile(rb'^\{"id": "([A-Za-z0-9._-]+)"', re.MULTILINE)


class Known:
    """The entries of one user that wait or were decided, by id."""

    def __init__(self, place: Place, decided: Decided) -> None:
        self._place, self._decided = place, decided
        #: What this account may not read: the gate, the receipts. The daemon then tells what came before, by its id.
        self.unseen: list[str] = []
        self._waiting: set[str] = set()
        self.gate_size = 0
        self._size, self._head = 0, ""
        #: When the candidates were merged that came with the Record, at the instance that it was brought from.
        self._brought: dict[str, str] = {}
        with self._or_unseen("the Record"):
            self._brought = {each.candidate_id: each.merged_at for each in seed_receipts.read(place)}
        # In this order: an entry leaves the inbox only once it is at the gate, and the gate only once it is decided.
        with self._or_unseen("the inbox"):
            self._waiting.update(_in_inbox(place))
        with self._or_unseen("the gate"):
            self._waiting.update(candidate.id for candidate in gate_reader.each(place))
            with contextlib.suppress(FileNotFoundError):
                self.gate_size = os.stat(place.gate).st_size
        with self._or_unseen("the receipts"):
            end = jsonl.end(place.ledger)
            if end.size:
                self._size, self._head = end.size, jsonl.receipt(place, end.last).hash

    @contextmanager
    def _or_unseen(self, what: str) -> Iterator[None]:
        try:
            yield
        except PermissionError:
            self.unseen.append(what)

    @property
    def waiting(self) -> int:
        """How many entries wait."""
        return len(self._waiting)

    def state(self, entry_id: str) -> State:
        """What became of an entry. Raises Parked, OSError."""
        if entry_id in self._waiting:
            return "waits"
        receipt = self.receipt(entry_id)
        if receipt is None:
            return "approved" if entry_id in self._brought else "new"
        return "waits" if receipt.action == "undone" else receipt.action

    def receipt(self, entry_id: str) -> Receipt | None:
        """The decision on an entry, if there is one. Raises Parked, OSError."""
        if not self._size:
            return None
        offset = self._decided.offset(self._place, entry_id, self._size, self._head)
        if offset is None:
            return None
        found = jsonl.at(self._place, offset, entry_id)
        if found is None:
            raise Parked(self._place.display_path(self._place.ledger), "the receipts changed meanwhile", "Do it again")
        return found

    def message(self, entry_id: str) -> str:
        """What became of an entry that is not new, in words. Raises Parked, OSError."""
        receipt = self.receipt(entry_id)
        if receipt is not None:
            return f"{receipt.action} on {receipt.at[:10]}" + (f": {receipt.reason}" if receipt.reason else "")
        if entry_id in self._brought and entry_id not in self._waiting:
            return f"merged on {self._brought[entry_id][:10]}, where the Record was brought from"
        return "it waits already"

    def add(self, entry_id: str) -> None:
        """This one waits from now on."""
        self._waiting.add(entry_id)


def _in_inbox(place: Place) -> Iterator[str]:
    """The ids in the drops of earlier imports that no daemon has staged yet. Raises OSError."""
    with os.scandir(place.inbox) as entries:
        names = [e.name for e in entries if e.name.startswith(f"{FILE_NAME}-") and e.name.endswith(".jsonl")]
    for name in names:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), open_plain(place.inbox / name) as file:
            yield from (found.decode() for found in _ID.findall(file.read()))


@contextmanager
def known(root: Root, user: str) -> Iterator[Known]:
    """What is known of `user` now. Raises Parked where the gate or the receipts do not parse, OSError."""
    with copied(root) as decided:
        yield Known(root.place(user), decided)


class SeenOnce:
    """The ids that came in one file so far: on disk once there are many, so that a file of any length fits."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")  # a temporary database of this connection alone
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def is_new(self, entry_id: str) -> bool:
        """Whether `entry_id` comes for the first time."""
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (entry_id,)).rowcount == 1

    def close(self) -> None:
        self._db.close()
