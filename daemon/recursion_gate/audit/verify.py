"""`verify`: proves from the files alone that receipts, Record and gate agree (contract: promises 2 and 7).

Reads, never writes, and takes no lock; a test checks that nothing it imports can write. It works while the daemon
does, since it reads in the reverse of the order in which a merge writes (receipts, Record, gate, the decided card):

1. how far the receipts reach, 2. the gate, 3. the decided cards and the Record, 4. the receipts from the first to the
last.

So every line and card of 3 has its receipt in 4, and the lines of every receipt of 1 whose candidate had left the gate
in 2 stand in 3. For the others a merge may be under way, and nothing is said of their lines. Where somebody else
changes the files meanwhile (an editor, a backup that is put back), it is looked at again before it is called a fault.

The files alone cannot show that receipts were cut off the end with all that they had caused, or that a chain was
computed anew from the first receipt on. Both are found with an `Anchor`: the number and hash of a receipt that somebody
has written down elsewhere (`receipts head`). The daemon's index (`.daemon/`) also knows of receipts that are gone; but
it may be of another root, so it makes a fault only where the Record confirms it.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

from ..core.errors import Parked
from ..core.model import Candidate, act_id, act_key, id_hash
from ..core.paths import RECORD_FILES, Place, Root
from ..core.receipt import Receipt
from ..core.text import count, numbers
from ..disk import untrusted
from ..disk.untrusted import open_plain
from ..store import gate_reader, index, jsonl
from ..store.baseline import NONE
from ..store.index import Decided
from ..store.recovery import is_unfinished
from . import card_check
from .anchors import Anchor, look_for
from .chain import Chain, Link
from .claims import Claim
from .findings import Finding, Findings, Proof
from .fingerprints import fingerprint, without
from .forgetting import Later, later
from .record_lines import RecordLines

__all__ = ["verify"]

#: How often it is looked at again when files changed while they were read.
_LOOKS = 3
#: How many of the daemon's ids are evidence enough.
_ENOUGH = 4


def verify(
    root: Root,
    users: Sequence[str],
    anchors: Sequence[Anchor] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Proof]:
    """Check these users. `progress` gets the bytes of receipts done, and those in all.

    The memory needed is some 100 bytes a receipt. Nothing is raised for what is wrong with the files: it is found.
    """
    sizes = {user: _size(root.place(user)) for user in users}
    done, total = 0, sum(sizes.values())
    proofs = []
    with index.copied(root) as known:  # before the receipts: it must not know of any that came later
        for user in users:

            def advance(n: int, here: int = done) -> None:
                progress(min(here + n, total), total)

            proofs.append(_prove(root.place(user), anchors, known, advance))
            done += sizes[user]
    look_for(anchors, root, proofs)
    return proofs


def _size(place: Place) -> int:
    try:
        return os.lstat(place.ledger).st_size
    except OSError:
        return 0


# -- one user ---------------------------------------------------------------------------------------------------------


def _prove(place: Place, anchors: Sequence[Anchor], known: Decided, progress: Callable[[int], None]) -> Proof:
    for _ in range(_LOOKS):
        before = _marks(place)
        look = _UserAudit(place, anchors, known)
        look.run(progress)
        if look.is_calm() or before == _marks(place):
            break
    look.proof.findings = look.found.listed()
    return look.proof


def _marks(place: Place) -> list[object]:
    """A value that changes whenever one of the files does."""
    marks: list[object] = []
    for path in (place.gate, place.ledger, place.baseline, *(place.home / name for name in RECORD_FILES)):
        with suppress(OSError):
            marks.append((path, untrusted.mark_at(path)))
    return marks


class _UserAudit:
    """One look at one user's files."""

    def __init__(self, place: Place, anchors: Sequence[Anchor], known: Decided) -> None:
        self.place = place
        self._known = known
        self.found = Findings()
        self.proof = Proof(place.user)
        self._wanted = {a.hash for a in anchors if a.user in (None, place.user)}
        self._waiting: dict[str, None] | None = None
        self._ids = array("q")
        self._undone = array("q")
        self._acts = array("q")  # of each entry with evidence of its own
        self._at_gate: list[Candidate] = []
        self._size = 0  # of the receipts file when it was last opened

    def is_calm(self) -> bool:
        """Whether nothing was found that a change of the files meanwhile could explain."""
        return not any(f.severity != "edit" for f in self.found.listed())

    def _add(self, severity: str, code: str, path: Any, problem: str, remedy: str = "") -> None:
        display_path = self.place.display_path(path)
        self.found.add(Finding(severity, code, display_path, problem, remedy, self.place.user))  # type: ignore[arg-type]

    def run(self, progress: Callable[[int], None]) -> None:
        try:
            self._run(progress)
        except OSError as err:
            path = os.path.relpath(os.fsdecode(err.filename), self.place.root) if err.filename else ""
            code, remedy = "unreadable", "It must be a plain file or folder, not a link."
            problem = f"cannot be read: {(err.strerror or str(err)).lower()}"
            if isinstance(err, PermissionError):
                code, remedy = "not-looked-at", "Run this under an account that may read it."
                problem = "this account may not read it, so nothing is proved"
            self.found.add(Finding("fault", code, path, problem, remedy, self.place.user))

    def _run(self, progress: Callable[[int], None]) -> None:
        place = self.place
        reach = jsonl.end(place.ledger).size
        self._read_gate()
        seed = self._seed()
        filed = card_check.Filed(place, self.found.add)
        filed.read()
        record = RecordLines(place, self.found.add)
        record.read(seed)
        unfinished: list[int] = []
        stale: list[int] = []
        told = later(place, reach)
        record.track(told.of)
        for link in self._walk(seed, progress):
            receipt = link.receipt
            early = link.end <= reach
            last = told.of.get(receipt.candidate_id, receipt.seq) == receipt.seq  # it tells what the gate must show
            waits = last and is_unfinished(receipt, (self._waiting or {}).__contains__)
            record.expect(receipt, sure=early and not waits and receipt.candidate_id != told.in_the_midst)
            filed.expect(receipt)
            self._count(link)
            self._check_erasure(link, told)
            if early and waits:
                unfinished.append(receipt.seq)
            elif early and unfinished:
                stale += unfinished
                unfinished = []
        self.proof.lines = record.lines
        self._say_at_the_gate(unfinished, stale)
        self._say_decided_twice()
        self._say_one_act_id()
        record.differences.believe(filed.settle(self._receipts), "a decided card")
        if self._known.is_ahead(place):
            gone = dict.fromkeys(self._known.ids(place))
            for receipt in self._receipts():
                gone.pop(receipt.candidate_id, None)
            record.differences.believe(gone, "the daemon's index")
        if seed is not None or self.proof.receipts:  # else nothing was merged yet, and all that stands there is seed
            record.settle(self._receipts)
        self.proof.missing = record.differences.missing
        if seed is None and self.proof.receipts:
            self._without_baseline()
        unproved = record.unproved() if not self.proof.receipts else []
        if _size(place) == self._size:  # else the first merge is under way
            record.say_unproved(unproved)
            self._ask_the_daemon(unproved)
        self._look_at_cards()

    def _read_gate(self) -> None:
        gate = self.place.gate
        self.proof.pending = None
        try:
            listed = gate_reader.read(self.place)
        except Parked as err:
            self._add("fault", "gate-unreadable", gate, err.problem, err.remedy)
            return
        self._waiting = dict.fromkeys(c.id for c in listed)
        self._at_gate = listed
        self.proof.pending = len(listed)
        seen: set[str] = set()
        for candidate in listed:
            if candidate.id in seen:
                self._add("fault", "gate-id-twice", gate, f"{candidate.id} stands twice in the gate", "Remove one.")
            seen.add(candidate.id)

    def _seed(self) -> bytes | None:
        try:
            with open_plain(self.place.baseline) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _walk(self, seed: bytes | None, progress: Callable[[int], None]) -> Iterator[Link]:
        chain = Chain(self.place, self.found.add, self._waiting)
        start = None if seed is None else hashlib.sha256(seed).hexdigest()
        try:
            with open_plain(self.place.ledger) as file:
                self._size = os.fstat(file.fileno()).st_size
                yield from chain.walk(file, self._size, start, progress)
        except FileNotFoundError:
            return
        self.proof.seq, self.proof.head = chain.seq, chain.head or NONE

    def _receipts(self) -> Iterator[Receipt]:
        """The same receipts once more, to say what differs."""
        for _, line in jsonl.forwards(self.place.ledger, self._size):
            with suppress(Parked):
                yield jsonl.receipt(self.place, line)

    def _count(self, link: Link) -> None:
        proof, receipt = self.proof, link.receipt
        proof.receipts += 1
        setattr(proof, receipt.action, getattr(proof, receipt.action) + 1)
        if link.sound and receipt.hash in self._wanted:
            proof.anchored.add(receipt.hash)
        mark = fingerprint(receipt.candidate_id.encode(errors="replace"))
        if receipt.action == "undone":
            self._undone.append(mark)
        elif receipt.action != "forgotten":
            self._ids.append(mark)
        if _made_evidence(receipt):
            self._acts.append(fingerprint((receipt.evidence_id or "").encode(errors="replace")))

    def _check_erasure(self, link: Link, told: Later) -> None:
        receipt, path = link.receipt, self.place.ledger
        if told.erased_for_nothing(receipt):
            message = f"what receipt {receipt.seq} said was erased, and no later receipt forgets it"
            self._add("fault", "erased-not-forgotten", path, message, "Put back a copy that is whole.")
        elif named := told.still_says(receipt):
            what = f"receipt {receipt.seq} still has what {named} said, which was forgotten"
            if told.in_the_midst and id_hash(told.in_the_midst) == act_key(named):
                self._add("note", "forgetting", path, f"{what} just now: the daemon erases it at its next look")
            else:
                remedy = "An older copy was put back, perhaps. Restart the daemon, and forget it once more."
                self._add("fault", "forgetting-not-finished", path, f"forgetting is not finished: {what}", remedy)

    def _say_at_the_gate(self, unfinished: list[int], stale: list[int]) -> None:
        gate = self.place.gate
        if unfinished:
            message = f"the merge of {_receipts(unfinished)} is not finished: the daemon does that at its next look"
            self._add("note", "unfinished", gate, message)
        if stale:
            message = f"{count(len(stale), 'candidate')} at the gate decided long ago ({_receipts(stale)})"
            remedy = "An older gate was put back. The daemon takes off it what was decided: start it."
            self._add("fault", "gate-decided", gate, message, remedy)

    def _say_decided_twice(self) -> None:
        ordered = sorted(without(self._ids, self._undone))
        twice = {a for a, b in pairwise(ordered) if a == b}
        seqs: dict[str, list[int]] = {}
        for receipt in self._receipts() if twice else ():
            if fingerprint(receipt.candidate_id.encode(errors="replace")) in twice:
                seqs.setdefault(receipt.candidate_id, []).append(receipt.seq)
        for candidate_id, those in seqs.items():
            if len(those) > 1:
                message = f"{candidate_id} was decided more than once: {_receipts(those)}"
                self._add("fault", "decided-twice", self.place.ledger, message, "Put back a copy that is whole.")

    def _say_one_act_id(self) -> None:
        """An ACT id means one candidate for good: who reads the Record, and who links, could not tell two apart."""
        ordered = sorted([*self._acts, *(fingerprint(act_id(c).encode(errors="replace")) for c in self._at_gate)])
        twice = {a for a, b in pairwise(ordered) if a == b}
        if not twice:
            return
        those: dict[str, set[str]] = {}
        for receipt in self._receipts():
            if _made_evidence(receipt) and receipt.evidence_id:
                those.setdefault(receipt.evidence_id, set()).add(receipt.candidate_id)
        for candidate in self._at_gate:
            those.setdefault(act_id(candidate), set()).add(candidate.id)
        for act, ids in those.items():
            if len(ids) > 1:
                message = f"{act} is the ACT id of {count(len(ids), 'candidate')}: {', '.join(sorted(ids)[:5])}"
                self._add("fault", "act-id-twice", self.place.ledger, message, "Put back a copy that is whole.")

    def _without_baseline(self) -> None:
        """Without it seed lines look like any others, so there is no finding about them."""
        message = "this file is missing, so the first receipt and the seed lines of the Record cannot be checked"
        self._add("fault", "baseline-missing", self.place.baseline, message, "Put back a copy.")
        self.found.drop({"lines-added", "line-without-receipt"})

    def _ask_the_daemon(self, unproved: Sequence[tuple[str, Claim]]) -> None:
        """Say what the daemon still knows of receipts that are gone."""
        if not self._known.is_ahead(self.place):
            return
        path = self.place.ledger
        there = {act.rpartition("-")[2] for _, claim in unproved for act in claim.ids}
        if there:
            known = (i for i in self._known.ids(self.place) if id_hash(i) in there)
            some = list(islice(known, _ENOUGH))
            if some:
                message = (
                    f"there is no receipt, but the Record has what was decided here ({', '.join(some[:3])}"
                    f"{', ...' if len(some) > 3 else ''}), as the daemon knows: all receipts are gone"
                )
                remedy = (
                    f"Put back a copy of {self.place.display_path(self.place.receipts)}/ before anything else is "
                    "decided: the next decision would begin a chain anew, and take all that stands in the Record for "
                    "seed lines."
                )
                self._add("fault", "receipts-missing", path, message, remedy)
                return
        message = "the daemon knows of receipts that are not here: they were cut off, or an older copy was put back"
        remedy = (
            f"The daemon does nothing for this user until you say which copy is right. Put back the newest copy of "
            f"{self.place.display_path(self.place.receipts)}/; or, if these are the right ones, stop the daemon, "
            "delete .daemon/decided.sqlite and start it again."
        )
        self._add("fault", "receipts-behind", path, message, remedy)

    def _look_at_cards(self) -> None:
        try:
            card_check.say_what_differs(self.place, self.found.add)
        except PermissionError:
            message = "this account may not list it, so the cards were not looked at"
            self._add("note", "cards-not-seen", self.place.inbox, message)
        except Parked:
            pass  # said before


def _made_evidence(receipt: Receipt) -> bool:
    return "self-evidence.md" in receipt.lines


def _receipts(seqs: Sequence[int]) -> str:
    return f"receipt {seqs[0]}" if len(set(seqs)) == 1 else f"receipts {numbers(seqs)}"
