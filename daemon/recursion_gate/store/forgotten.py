"""What the receipts know of an entry that is to be forgotten, and what that takes out of the Record. Reads only.

`engine.forget` erases by it; a reader that comes in the midst takes the same out of what it has read. The text is
erased from the receipts last: as long as something of the entry stands in the Record or at the gate, they tell what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..core.model import act_key, id_hash
from ..core.paths import RECORD_FILES, Place
from ..core.receipt import Receipt, erase
from ..formats import record_edit
from ..formats.record_change import Step, apply, naming, standing
from . import jsonl

__all__ = ["Traces", "being_forgotten", "steps", "traces"]


@dataclass(slots=True)
class Traces:
    """What the receipts know of an entry that is to be forgotten."""

    candidate_id: str
    act: str | None = None
    #: Its lines in the Record, as the receipts have them, and those of other entries that name the same id.
    lines: list[tuple[str, str]] = field(default_factory=list)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: The receipts that say something of it in their own fields: its decisions, and its retractions.
    said: list[Receipt] = field(default_factory=list)
    #: The receipts, by the offset of each, that say something of it, as they stand and erased.
    receipts: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def own_act(self) -> str | None:
        """Its ACT id, by which its lines are known; None where it links to another entry, and has that one's."""
        return self.act if self.act and act_key(self.act) == act_key(self.candidate_id) else None

    @property
    def is_erased(self) -> bool:
        """Whether the receipts say nothing of it any more."""
        return not self.changed

    @property
    def changed(self) -> dict[int, bytes]:
        """The receipts that are to be erased, by the offset of each, as they are then."""
        return {at: new for at, (line, new) in self.receipts.items() if new != line}


def being_forgotten(place: Place, end: jsonl.End) -> Traces | None:
    """What the receipts still know of the entry that the last one forgets; None where that is another decision. Raises
    Parked, OSError."""
    head = jsonl.HEAD.match(end.last)
    if head is None or head["action"] != b"forgotten":
        return None
    return traces(place, head["id"].decode(), jsonl.forwards(place.ledger, end.size))


def traces(place: Place, candidate_id: str, receipts: Iterable[tuple[int, bytes]]) -> Traces:
    """Read the receipts of the candidate, and those of others that have its lines; of all `receipts`, oldest first.
    Raises OSError, Parked."""
    found, key = Traces(candidate_id), id_hash(candidate_id)
    parts = (f'"{candidate_id}"'.encode(), key.encode())
    for at, line in receipts:
        if not any(part in line for part in parts):
            continue
        line = line.rstrip(b"\n")
        head = jsonl.HEAD.match(line)
        if head is None:
            continue
        own = head["id"].decode() == candidate_id
        about = bool(head["target"]) and act_key(head["target"].decode(errors="replace")) == key
        linked = bool(head["evidence"]) and act_key(head["evidence"].decode(errors="replace")) == key
        if not (own or about or linked):
            continue
        receipt = jsonl.receipt(place, line)
        if own:
            found.act = receipt.evidence_id or found.act
        if own or about:  # a retraction is about nothing else: what it says goes, too
            whole = own or receipt.retracts is not None
            found.receipts[at] = line, erase(line, entry=whole, old=about)
            _note(found, receipt, own=whole, about=about)
        else:
            sign = -1 if receipt.action == "undone" else 1
            lines = receipt.removed if sign < 0 else receipt.lines
            for file, added in lines.items():
                found.others[file, added[-1]] += sign
    return found


def _note(found: Traces, receipt: Receipt, *, own: bool, about: bool) -> None:
    """Note what this receipt says of the entry."""
    groups = [receipt.lines] if own else []
    if about and receipt.old:
        groups += [receipt.old["lines"], receipt.old["removed"]]
    for group in groups:
        found.lines += [(file, lines[-1]) for file, lines in group.items() if lines]
    if own:
        found.said.append(receipt)


def steps(found: Traces, text: Callable[[str], bytes]) -> list[Step]:
    """What takes all lines of the entry out of the Record; evidence last, since readers look for that. `text` gives a
    Record file as it stands. Raises what `text` does."""
    made: list[Step] = []
    others = [line for _, line in found.others]
    for file in sorted(RECORD_FILES, key=lambda each: each == "self-evidence.md"):
        lines = dict.fromkeys(line for there, line in found.lines if there == file)
        now, gone = text(file), Counter[str]()
        for line in lines:
            stands = line if record_edit.count(now, line) or not found.own_act else None
            stands = stands or standing(now, file, line, found.own_act or "", others)
            if stands and gone[stands] < record_edit.count(now, stands) - max(0, found.others[file, stands]):
                gone[stands] += 1
        if found.own_act:  # and what a person has copied, or edited in several places
            after = _without(now, gone, file)
            while (copy := naming(after, file, found.own_act, others)) is not None:
                gone[copy] += 1
                after = _without(after, Counter([copy]), file)
        made += [Step(file, (line,)) for line in gone.elements()]
    return made


def _without(text: bytes, gone: Counter[str], file: str) -> bytes:
    for line in gone.elements():
        text = apply(text, Step(file, (line,)), lambda line: "")[0]
    return text
