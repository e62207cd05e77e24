"""One pass over a receipts file: is it, byte for byte, the chain that the program wrote? (contract, "A receipt")

Each line must be exactly the bytes that the program writes for what the line says, so that white space, escapes and
the order of the fields count as well; its hash must be that of the rest; it must follow the one before it in number
and hash; and what it says must fit together. The memory needed does not grow with the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from io import BufferedReader
from typing import NamedTuple

from pydantic import ValidationError

from ..core.model import Candidate, act_id
from ..core.paths import Place
from ..core.receipt import Receipt, chain_hash, line_of
from ..formats import record_edit
from .findings import Finding

__all__ = ["Chain", "Link", "inconsistent"]

#: The longest line that is read; a receipt holds a drop (`max_drop_bytes`) a few times over.
_LONGEST = 64 << 20
#: The least that a power cut zeroes in a file whose length it keeps: one sector.
_HOLE = b"\0" * 512
_BACKUP = "Put back a copy of the file that is whole; the lines before this one are in order."


class Link(NamedTuple):
    """A receipt as it stands in the file."""

    receipt: Receipt
    #: The number of its line, from 1, and the offset behind it, in bytes.
    line: int
    end: int
    #: Whether its hash is that of what it says.
    sound: bool


class Chain:
    """The walk along one user's receipts. `found` gets each finding."""

    def __init__(self, place: Place, found: Callable[[Finding], None], waiting: Collection[str] | None) -> None:
        """`waiting` are the ids at the gate, which tell an append that a stop cut short (its candidate still waits)
        from a file that was cut; None where the gate could not be read."""
        self._place, self._found, self._waiting = place, found, waiting
        #: The number of the last receipt in the chain.
        self.seq = 0
        #: The required next `prev_hash`; None: any, since the receipt before cannot be read.
        self._heads: set[str] | None = None
        self._gap = False  # lines that cannot be read stand before this one
        self._holes: list[int] = []  # of these, the ones that a power cut may have left
        #: The hash of the last receipt; "" before the first.
        self.head = ""

    def walk(
        self, file: BufferedReader, size: int, start: str | None, progress: Callable[[int], None] = lambda done: None
    ) -> Iterator[Link]:
        """Go through the first `size` bytes of `file`. `start` is the hash that the first receipt must follow, None
        if that is not known. `progress` gets the number of bytes done."""
        self._heads = {start} if start else None
        at = number = reported = 0
        while at < size and (line := file.readline(_LONGEST)):
            number += 1
            at += len(line)
            if at - reported > 1 << 20:
                reported = at
                progress(at)
            link = self._read(line[:-1], number, at) if line[-1] == 10 else self._last(line, number, at)
            if link is not None:
                self._judge_holes(link.receipt.candidate_id)
                yield link
        self._judge_holes(None)
        progress(at)

    def _fault(self, code: str, line: int | None, problem: str, remedy: str = _BACKUP) -> None:
        place = self._place
        self._found(Finding("fault", code, place.display_path(place.ledger), problem, remedy, place.user, line))

    def _read(self, line: bytes, number: int, end: int) -> Link | None:
        try:
            receipt = Receipt.model_validate_json(line)
            fields = receipt.__dict__
            written = line_of(fields)
        except (ValidationError, ValueError):
            if _HOLE in line:
                self._holes.append(number)
            else:
                self._fault("receipt-unreadable", number, "this line is not a receipt")
            self._gap = True
            return None
        digest = chain_hash(fields)
        sound = digest == receipt.hash
        if not sound:
            self._fault("receipt-changed", number, f"receipt {receipt.seq} was changed: its hash does not fit")
            self.seq += 1
            self._heads = {digest, receipt.hash}  # either what it says was changed, or the hash itself
            self.head = receipt.hash
            return Link(receipt, number, end, sound)
        if written != line:
            self._fault(
                "receipt-rewritten",
                number,
                f"receipt {receipt.seq} says what it said, but not in the bytes that the program writes",
                "Some program has written the file anew. Put back a copy that is whole.",
            )
        self._follow(receipt, number)
        problem = inconsistent(receipt)
        if problem:
            self._fault("receipt-inconsistent", number, f"receipt {receipt.seq} cannot be true: {problem}")
        return Link(receipt, number, end, sound)

    def _follow(self, receipt: Receipt, number: int) -> None:
        """Whether `receipt` is the next one."""
        expected, seq = self.seq + 1, receipt.seq
        if seq < expected:
            self._fault("receipt-out-of-order", number, f"receipt {seq} stands where receipt {expected} should be")
            if self._heads is not None:
                self._heads.add(receipt.hash)
            return
        if seq > expected and not self._gap:
            which = f"receipt {expected} is" if seq == expected + 1 else f"receipts {expected} to {seq - 1} are"
            self._fault("receipts-missing", number, f"{which} missing before this line")
        elif not self._gap and self._heads is not None and receipt.prev_hash not in self._heads:
            if seq == 1:
                self._wrong_start()
            else:
                self._fault("chain-broken", number, f"receipt {seq} does not follow the receipt {seq - 1} before it")
        self._gap = False
        self.seq, self.head = seq, receipt.hash
        self._heads = {receipt.hash}

    def _wrong_start(self) -> None:
        place = self._place
        self._found(
            Finding(
                "fault",
                "baseline-changed",
                place.display_path(place.baseline),
                "this is not the file that the first receipt names: one of the two was changed or exchanged",
                "Put back the copies that belong together.",
                place.user,
            )
        )

    def _judge_holes(self, next_id: str | None) -> None:
        """A hole belongs to an append that had not returned when the power failed, if all that follows it does too:
        the candidates still wait."""
        if not self._holes or (next_id is not None and self._waits(next_id)):
            return
        for number in self._holes:
            if next_id is None and self._waits(None):
                self._note_cut_short(f"line {number} was not yet on the disk when the power failed")
            else:
                self._fault("receipt-unreadable", number, "this line is not a receipt")
        self._holes.clear()

    def _waits(self, candidate_id: str | None) -> bool:
        """Whether a candidate waits at the gate; None: whether any does. Taken for true where the gate is unread."""
        waiting = self._waiting
        return waiting is None or (bool(waiting) if candidate_id is None else candidate_id in waiting)

    def _last(self, line: bytes, number: int, end: int) -> Link | None:
        """The last line, which has no line end. That is what an append leaves that a stop cut short; but then its
        candidate still waits at the gate."""
        text = line.rstrip(b"\0")  # a power cut may keep the length of a file but not its bytes
        if _lacks_only_its_line_end(text):
            if self._is_cut_short(text):
                self._note_cut_short("the last receipt lacks its line end")
            else:
                self._fault("receipts-cut", number, "the last receipt lacks its line end: the file was cut or changed")
            return self._read(text, number, end)
        if _goes_on(text):
            self._fault("receipt-unreadable", number, "this line is not a receipt")
        elif self._is_cut_short(text):
            self._note_cut_short("a receipt was cut short while it was written: that decision was not taken")
        else:
            self._fault("receipts-cut", number, "the file ends in the middle of a receipt: it was cut or changed")
        return None

    def _is_cut_short(self, text: bytes) -> bool:
        """Whether `text` is the beginning of the next receipt, of a candidate that still waits."""
        if self._waiting is None:
            return True
        start = b'{"seq":%d,"candidate_id":"' % (self.seq + 1)
        if len(text) <= len(start):
            return start.startswith(text) and bool(self._waiting)
        named, quote, _ = text[len(start) :].decode("latin-1").partition('"')
        if not text.startswith(start):
            return False
        return named in self._waiting if quote else any(i.startswith(named) for i in self._waiting)

    def _note_cut_short(self, problem: str) -> None:
        place = self._place
        path = place.display_path(place.ledger)
        self._found(
            Finding(
                "note", "append-cut-short", path, f"{problem}. The daemon mends it at its next look", "", place.user
            )
        )


def _lacks_only_its_line_end(text: bytes) -> bool:
    try:
        fields = Receipt.model_validate_json(text).__dict__
        return line_of(fields) == text
    except (ValidationError, ValueError):
        return False


def _goes_on(text: bytes) -> bool:
    """Whether `text` is a whole JSON value with something behind it, which no append that was cut short leaves."""
    try:
        json.JSONDecoder().raw_decode(text.decode())
        return True
    except (ValueError, RecursionError):  # not text, cut short, or nested without end
        return False


_TIMES = {
    "approved": "merged_at",
    "rejected": "rejected_at",
    "undone": "undone_at",
    "forgotten": "forgotten_at",
}


def inconsistent(receipt: Receipt) -> str | None:
    """A contradiction inside a receipt, in words. Pure."""
    at = _TIMES[receipt.action]
    if not getattr(receipt, at) or any(getattr(receipt, other) for other in _TIMES.values() if other != at):
        return "its times do not fit its action"
    if (receipt.undoes is None) is (receipt.action == "undone"):
        return "it does not fit its action that it takes back another one"
    if (receipt.padding or receipt.erased) and not _is_erased_by_us(receipt):
        return "what stands in the place of its text is not what forgetting leaves"
    if receipt.action == "forgotten":
        return "it says what was to be forgotten" if receipt.salt or receipt.old or receipt.erased else None
    if receipt.salt is None:
        return None if "entry" in (receipt.erased or {}) else "it does not say what was decided on"
    return _of_candidate(receipt)


def _is_erased_by_us(receipt: Receipt) -> bool:
    """Whether only blanks stand where something was erased, and the line is as long as it was."""
    erased = receipt.erased or {}
    digests = {name for name in erased if name != "bytes"}
    there = ({"entry"} if receipt.salt else set()) | ({"old"} if receipt.old else set())
    whole = digests and digests <= {"entry", "old"} and not digests & there
    return bool(whole) and not (receipt.padding or "").strip(" ") and len(line_of(vars(receipt))) == erased.get("bytes")


def _of_candidate(receipt: Receipt) -> str | None:
    try:
        staged = Candidate.model_validate(receipt.candidate)
        approved = staged if receipt.approved is None else Candidate.model_validate(receipt.approved)
    except ValidationError:
        return "what it calls a candidate is none"
    if not staged.id == approved.id == receipt.candidate_id:
        return "its candidate has another id"
    outer = (receipt.raw_text, receipt.skill_tag, receipt.suggested_ix_section)
    if outer != (approved.raw_text, approved.skill_tag, approved.suggested_ix_section):
        return "it does not say what its candidate says"
    if receipt.action == "rejected" or (receipt.action == "undone" and not _was_approved(receipt)):
        nothing = not (receipt.lines or receipt.removed or receipt.old or receipt.evidence_id or receipt.approved)
        return None if nothing else "a rejection adds nothing"
    return _of_lines(receipt, staged, approved)


def _was_approved(receipt: Receipt) -> bool:
    return bool(receipt.evidence_id or receipt.retracts)


def _of_lines(receipt: Receipt, staged: Candidate, approved: Candidate) -> str | None:
    """A contradiction between an approval, or one that is taken back, and its lines."""
    if (receipt.supersedes, receipt.retracts) != (approved.supersedes, approved.retracts):
        return "it is not about the entry that its candidate is about"
    linked = bool(approved.link_to_evidence_id)
    evidence = receipt.evidence_id or ""
    if approved.retracts:
        if evidence or receipt.lines or receipt.removed:
            return "a retraction adds nothing"
    elif not evidence or (not linked and evidence != act_id(staged)):
        return "its evidence id is not the one of its candidate"
    if receipt.old is not None and not receipt.target:
        return "it takes out lines of an entry that it does not name"
    if receipt.action == "undone":
        return "taking back adds no lines of its own" if receipt.lines else None
    added = [] if approved.retracts else record_edit.additions(approved, evidence, linked=linked)
    wanted = {a.file: (a.line, a.heading) for a in added}
    if receipt.removed or wanted.keys() != receipt.lines.keys():
        return "its lines are not in the files that its candidate's go to"
    for file, lines in receipt.lines.items():
        line, heading = wanted[file]
        if lines not in ([line], [f"## {heading}", line], ["", f"## {heading}", line]):
            return "its lines are not those of its candidate"
    return _of_old(receipt, approved)


def _of_old(receipt: Receipt, approved: Candidate) -> str | None:
    """A contradiction between a correction or retraction, and what it takes out."""
    old = receipt.old or {"removed": {}, "lines": {}, "spots": {}}
    struck = {
        file: [record_edit.strike(lines[-1], record_edit.gone_as(approved, receipt.evidence_id or ""))]
        for file, lines in old["removed"].items()
        if file == "self-evidence.md" and lines
    }
    return None if old["lines"] == struck else "what it strikes is not what it takes out"
