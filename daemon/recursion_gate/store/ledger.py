"""The chain of receipts, and which candidates have one (contract, "A receipt").

The receipts file is also the write-ahead log of the merge: a decision is taken at the moment its receipt is on disk,
and whatever then is missing in the Record or still stands in the gate is made good from it (`engine.recover`). So
there is no instant, not even after a power cut, at which the Record holds a line that no receipt accounts for.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..core.entry import Entry, entry_of
from ..core.errors import Parked
from ..core.model import ACT_HASH, act_key, id_hash
from ..core.paths import RECORD_FILES, Place
from ..core.receipt import Receipt, chain_hash, line_of
from ..disk import atomic
from ..disk.untrusted import open_plain
from . import baseline, filed, jsonl
from .index import Decided
from .jsonl import HEAD
from .recovery import is_unfinished

__all__ = ["Ledger"]

log = logging.getLogger("recursion_gate")


class Ledger:
    """One user's receipts: the end of the chain, and a way to find any of them."""

    def __init__(self, place: Place, decided: Decided) -> None:
        self.place = place
        self._decided = decided
        #: Bytes of the file that are whole receipts.
        self.size = 0
        self.seq = 0
        self.head = baseline.NONE
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
                place.display_path(place.ledger),
                "the receipts are older than those that were here, or others: what was decided since would be decided"
                " again",
                "Put back the newest copy; or, if these are the right ones, stop the daemon, delete"
                " .daemon/decided.sqlite and start it again",
            )
        if knows is None:
            cards_of = _filed_since(place, last)
            if cards_of:
                raise Parked(
                    place.display_path(place.ledger),
                    f"the receipts are older than the decided cards: there is none of {cards_of[0]}"
                    f"{f' and {len(cards_of) - 1:,} more' if len(cards_of) > 1 else ''}",
                    f"Put back the newest copy; or, if these are the right ones, move the cards that are newer out of"
                    f" {place.display_path(place.receipts)}/ ('recursion-gate verify' names them)",
                )
            approved = _shown_as_approved(place)
            # Noted before the index knows of these receipts, and so would not ask again.
            decided.note_lost(place, approved - set(map(id_hash, _decided_in(place))) if approved else approved)
        self.lost = decided.lost(place)

    def _read_end(self) -> None:
        place = self.place
        self.size, self.seq, self.head, self.last, self._inode = 0, 0, baseline.NONE, None, 0
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
        self.last = jsonl.receipt(place, end.last)
        self.seq, self.head = self.last.seq, self.last.hash

    def _begin(self) -> None:
        """There are no receipts: this is the start of the chain. Raises Parked where there were some."""
        self.head = baseline.hash_of(self.place)
        if self._decided.had_some(self.place) or filed.months(self.place):
            raise Parked(
                self.place.display_path(self.place.ledger),
                "the receipts are gone: there were some, and without them what was decided would be decided again",
                "Put back a copy; or, to begin a new chain, move the rest of that folder away and delete .daemon/",
            )

    def _cut(self, size: int) -> None:
        """Cut off what an append that had not returned has left. Raises Parked where it had."""
        if self._decided.reached(self.place) > size:
            raise Parked(
                self.place.display_path(self.place.ledger),
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
        """The receipt of a candidate that is decided, or forgotten; None where it never was, or the decision was taken
        back. Raises OSError, Parked."""
        last = self.last_of(candidate_id)
        return None if last is None or last.action == "undone" else last

    def last_of(self, candidate_id: str) -> Receipt | None:
        """The last receipt of a candidate. Raises OSError, Parked."""
        if self.size == 0:
            return None
        for _ in range(2):
            offset = self._decided.offset(self.place, candidate_id, self.size, self.head)
            if offset is None:
                return None
            found = jsonl.at(self.place, offset, candidate_id)
            if found is not None:
                return found
            self._decided.forget(self.place)
        raise Parked(self.place.display_path(self.place.ledger), "the receipts changed under the daemon", "Run verify")

    def entry(self, named: str) -> Entry | None:
        """The entry with this ACT id, or of this candidate, and what has become of it; None where none was approved,
        or that was taken back. Raises OSError, Parked."""
        own = self.last_about(named)
        return entry_of(named, own, self._concerning(own, links=False)) if own else None

    def seed_entry(self, own: Receipt) -> Entry | None:
        """The same of an entry from before the first receipt, `own` being made up for it. Raises OSError, Parked."""
        if self.size == 0:
            return entry_of(own.candidate_id, own, ())
        return entry_of(own.candidate_id, own, self._concerning(own, links=False))

    def linked(self, receipt: Receipt) -> list[Receipt]:
        """The approvals that link to the entry of `receipt`. Raises OSError, Parked."""
        if self.size == 0:
            return []
        entry = entry_of(receipt.candidate_id, receipt, self._concerning(receipt, links=True))
        return entry.linked if entry else []

    def _concerning(self, own: Receipt, *, links: bool) -> Iterator[Receipt]:
        key = act_key(own.candidate_id)
        return map(self._at, self._decided.concerning(self.place, key, self.size, self.head, links=links))

    def last_about(self, named: str) -> Receipt | None:
        """The last receipt of the candidate that `named`, its id or its ACT id, means. Raises OSError, Parked."""
        if self.size == 0:
            return None
        candidate_id = self._decided.candidate_of(self.place, act_key(named), self.size, self.head)
        return self.last_of(candidate_id) if candidate_id else None

    def _at(self, offset: int) -> Receipt:
        with open_plain(self.place.ledger) as file:
            file.seek(offset)
            return jsonl.receipt(self.place, file.readline().rstrip(b"\n"))

    def taken_back(self) -> set[str]:
        """`id_hash` of the candidates of which a decision was ever taken back. Raises OSError."""
        return self._decided.taken_back(self.place, self.size, self.head) if self.size else set()

    def twin(self, candidate_id: str) -> str | None:
        """Another candidate that was decided whose id gives the same ACT id. Raises OSError."""
        return self._decided.twin(self.place, candidate_id, self.size, self.head) if self.size else None

    def append(self, drafts: Sequence[dict[str, Any]]) -> list[Receipt]:
        """Give each draft its number and its place in the chain, and put them all on disk: from here on these
        decisions are taken. One write and one sync, however many. Raises OSError; then none is taken, or, where the
        disk failed half-way, a prefix, which the next `open` finds."""
        seq, head = self.seq, self.head if self.seq else baseline.hash_of(self.place)
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

    def receipts(self) -> Iterator[tuple[int, bytes]]:
        """All receipts as they stand, oldest first, and where each begins. Raises OSError."""
        return jsonl.forwards(self.place.ledger, self.size)

    def erase(self, changed: Mapping[int, bytes]) -> None:
        """Put the erased receipts, as long as they were, in the place of those that begin there. Raises OSError."""

        def lines() -> Iterator[bytes]:
            for at, line in self.receipts():
                yield changed[at] + b"\n" if at in changed else line

        atomic.replace_by_parts(self.place.ledger, lines())
        atomic.sync_folder(self.place.receipts)
        self._inode = 0

    def put_into_index(self) -> None:
        """Let the index know how far the receipts reach, so that it can tell should they be gone. Raises OSError."""
        if self.last is not None:
            self._decided.offset(self.place, self.last.candidate_id, self.size, self.head)

    def latest(self, limit: int) -> list[Receipt]:
        """The last receipts, newest first, at most `limit`, without damaged ones. Raises OSError."""
        found = []
        for _, line in itertools.islice(jsonl.backwards(self.place.ledger, self.size), limit):
            with contextlib.suppress(Parked):
                found.append(jsonl.receipt(self.place, line))
        return found

    def unfinished(self, waiting: Callable[[str], bool]) -> list[Receipt]:
        """The receipts at the end of the chain that the gate does not show yet, oldest first: what a stop between the
        receipt and the gate leaves to be finished. `waiting` tells whether a candidate is at the gate. Raises OSError,
        Parked."""
        while self.last is not None and is_unfinished(self.last, waiting):
            found: list[Receipt] = []
            for at, line in jsonl.backwards(self.place.ledger, self.size):
                if b"\0" in line:  # a power cut took a part out of an append that had not returned: none of it counts
                    self._cut(at)
                    self._read_end()
                    break
                receipt = jsonl.receipt(self.place, line)
                if not is_unfinished(receipt, waiting):
                    return found[::-1]
                found.append(receipt)
            else:
                return found[::-1]
        return []


def _decided_in(place: Place) -> Iterator[str]:
    """The candidates that have a receipt. Raises OSError."""
    for _, line in jsonl.forwards(place.ledger, sys.maxsize):
        if head := HEAD.match(line):
            yield head["id"].decode()


def _filed_since(place: Place, last: Receipt) -> list[str]:
    """The candidates whose cards are filed in the month of the `last` receipt or later, and that have no receipt.
    Raises OSError."""
    first = last.at[:7]
    there = set(filed.cards_of(place, first))
    for _, line in jsonl.backwards(place.ledger, jsonl.end(place.ledger).size) if there else ():
        with contextlib.suppress(Parked):  # damaged: `verify` says so
            receipt = jsonl.receipt(place, line)
            if receipt.at[:7] < first:
                break
            there.difference_update(filed.names_of(receipt))
    found = dict.fromkeys(filter(None, (filed.id_in(place.receipts / path, 16 << 20) for path in sorted(there))))
    for candidate_id in _decided_in(place) if found else ():
        found.pop(candidate_id, None)  # a copy that somebody made
    return list(found)


def _shown_as_approved(place: Place) -> set[str]:
    """The last part of each ACT id that the Record has, and had not before the first receipt. Raises OSError."""
    found: set[str] = set()
    for name in RECORD_FILES:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), open_plain(place.home / name) as file:
            found.update(m.decode() for m in ACT_HASH.findall(file.read()))
    if found:
        with contextlib.suppress(FileNotFoundError):
            found.difference_update(m.decode() for m in ACT_HASH.findall(baseline.read(place)))
    return found
