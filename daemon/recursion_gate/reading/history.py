"""history: where an entry comes from and what became of it, from the receipts (contract, "Commands")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ConfigDict, Field

from ..core.errors import GateError
from ..core.model import Candidate, act_key, id_hash, looks_like_act_id
from ..core.receipt import Receipt
from ..formats.record_change import standing
from ..formats.record_edit import whole_lines
from ..store import jsonl, seed_receipts
from .answer import Answer, AsOf
from .snapshot import Snapshot

__all__ = ["HistoryAnswer", "Unknown", "history"]

_CONTEXT = ("rationale", "excerpt", "url", "confidence", "tags", "meta")


class Unknown(GateError):
    """Neither a receipt nor a candidate at the gate has this id."""

    def __init__(self, given: str, user: str, *, seed: bool = False, gone: Receipt | None = None) -> None:
        super().__init__(given, user)
        self.given, self.user, self.seed, self.gone = given, user, seed, gone

    def __str__(self) -> str:
        if self.gone is not None:
            how = f"superseded by {self.gone.evidence_id}" if self.gone.supersedes else "retracted"
            return (
                f"'{self.given}' was in the Record of {self.user} before the first receipt, and was {how} on "
                f"{self.gone.at[:10]} (receipt {self.gone.seq})."
            )
        if self.seed:
            return f"'{self.given}' stands in the Record of {self.user}, and no receipt tells how it came there."
        return f"'{self.given}' is no entry and no candidate of {self.user}. 'recursion-gate receipts' lists decisions."


class Proposed(Answer):
    """A proposal, and its source."""

    text: str
    source: str | None
    created_at: str
    context: dict[str, Any] = Field(description="What the proposer said to the person who decides.")


class Edit(Answer):
    """A field that the person changed before approving."""

    field: str
    was: Any
    now: Any


class Decided(Answer):
    """A decision."""

    seq: int = Field(description="Its receipt's number.")
    action: Literal["approved", "rejected", "undone", "forgotten"]
    at: str
    via: str
    by: str | None = Field(description="The account that decided, where the system can tell.")
    reason: str | None
    edited: list[Edit] = Field(description="What the person changed before approving.")
    undoes: int | None = Field(description="The receipt whose decision this one took back; null for the others.")


class Line(Answer):
    """A line that the decision put into the Record."""

    file: str
    line: str = Field(description="As it stands there, edited by hand or struck; else as it was put in.")
    number: int | None = Field(
        description="The number of its line in the file, from 1; null if it stands there no more."
    )
    stands: bool = Field(description="Whether it stands in the file.")


class Related(Answer):
    """Another entry, by its last approval."""

    candidate_id: str
    evidence_id: str | None
    seq: int
    at: str
    text: str | None = Field(description="null where it was forgotten.")


class Before(Answer):
    """What the instance that the Record was brought from tells of an entry."""

    candidate_id: str
    merged_at: str = Field(description="When it was merged there.")


State = Literal["waiting", "approved", "rejected", "superseded", "retracted", "forgotten"]


class HistoryAnswer(Answer):
    """The story of one entry."""

    model_config = ConfigDict(title="HistoryAnswer")

    user: str
    candidate_id: str
    evidence_id: str | None = Field(description="Its ACT id; null if it was never approved, or retracts another.")
    state: State
    proposed: Proposed | None = Field(description="null where it was forgotten.")
    decided: Decided | None = Field(description="The decision that stands; null: it waits at the gate.")
    decisions: list[Decided] = Field(description="All of them, oldest first, with those that took one back.")
    supersedes: Related | None = Field(description="The entry whose place it took.")
    retracts: Related | None = Field(description="The entry that it took out of the Record.")
    gone: list[Related] = Field(
        description="What superseded or retracted it, what superseded or retracted that, and so on; empty if it stands."
    )
    before: list[Before] = Field(
        description="Of an entry that came with a Record from elsewhere: its decision there. (The companion-self app "
        "could give one id twice.)"
    )
    lines: list[Line]
    linked: list[Related] = Field(description="Approved entries that rest on the same evidence.")
    as_of: AsOf


class _Story:
    """What the receipts tell of one entry, and of those beside it."""

    def __init__(self, snapshot: Snapshot, given: str) -> None:
        self._snapshot, self._key = snapshot, act_key(given)
        self.own: list[Receipt] = []
        #: The last approval of each other entry that supersedes or retracts one, by the `id_hash` of that one.
        self.gone: dict[str, Receipt] = {}
        #: The last approval of each other entry that rests on the same evidence, by its candidate.
        self.linked: dict[str, Receipt] = {}
        is_act = looks_like_act_id(given)
        for line in snapshot.lines():
            head = jsonl.HEAD.match(line)
            if head is None:
                continue
            candidate_id, evidence = head["id"].decode(), (head["evidence"] or b"").decode()
            if (id_hash(candidate_id) == self._key) if is_act else candidate_id == given:
                self.own.append(jsonl.receipt(snapshot.place, line))
            elif head["target"]:
                self._note(self.gone, act_key(head["target"].decode(errors="replace")), line)
            elif evidence and act_key(evidence) == self._key:
                self._note(self.linked, candidate_id, line)
            if head["action"] == b"forgotten":
                self.linked.pop(candidate_id, None)

    def _note(self, among: dict[str, Receipt], key: str, line: bytes) -> None:
        receipt = jsonl.receipt(self._snapshot.place, line)
        if receipt.action == "approved":
            among[key] = receipt
        elif receipt.action == "undone":
            among.pop(key, None)

    def chain(self) -> list[Receipt]:
        """What superseded or retracted the entry, and what did so to that."""
        found: list[Receipt] = []
        key = self._key
        while (then := self.gone.get(key)) is not None and then not in found:
            found.append(then)
            key = id_hash(then.candidate_id)
        return found

    def last_of(self, named: str) -> Receipt | None:
        """The last approval of another entry."""
        key, last = act_key(named), None
        for line in self._snapshot.lines():
            head = jsonl.HEAD.match(line) if key.encode() in line else None
            if head and head["action"] == b"approved" and id_hash(head["id"].decode()) == key:
                last = jsonl.receipt(self._snapshot.place, line)
        return last


def history(snapshot: Snapshot, given: str) -> HistoryAnswer:
    """The story of the entry or candidate that `given` names: an ACT id or a candidate id, in full. Raises Unknown;
    Parked, OSError where the receipts cannot be read."""
    story = _Story(snapshot, given)
    key = act_key(given)
    waiting = next((c for c in snapshot.gate if c.id == given or (not story.own and id_hash(c.id) == key)), None)
    if story.own:
        waiting = next((c for c in snapshot.gate if c.id == story.own[-1].candidate_id), None)
    elif waiting is None:
        return _brought(snapshot, given, story)
    decisions = [_decided(receipt) for receipt in story.own]
    last = story.own[-1] if story.own else None
    stands = last if last is not None and last.action != "undone" else None
    gone = story.chain() if stands and stands.action == "approved" else []
    forgotten = stands is not None and stands.action == "forgotten"
    state: State = "waiting" if stands is None else "approved"
    if stands is not None and stands.action in ("rejected", "forgotten"):
        state = "forgotten" if forgotten else "rejected"
    elif gone:
        state = "superseded" if gone[0].supersedes else "retracted"
    said = waiting.as_json() if waiting else None if forgotten or last is None else last.candidate
    is_approved = stands is not None and stands.action == "approved"
    return HistoryAnswer(
        user=snapshot.user,
        candidate_id=last.candidate_id if last else waiting.id if waiting else given,
        evidence_id=next((r.evidence_id for r in reversed(story.own) if r.evidence_id), None),
        state=state,
        proposed=_proposed(said) if said else None,
        decided=_decided(stands) if stands else None,
        decisions=decisions,
        supersedes=_target(story, stands.supersedes) if stands and stands.supersedes else None,
        retracts=_target(story, stands.retracts) if stands and stands.retracts else None,
        gone=[_related(r) for r in gone],
        before=[],
        lines=list(_lines(snapshot, stands, story.linked.values())) if stands and is_approved else [],
        linked=[_related(r) for r in story.linked.values()] if is_approved or forgotten else [],
        as_of=AsOf.of(snapshot),
    )


def _brought(snapshot: Snapshot, given: str, story: _Story) -> HistoryAnswer:
    """The story of an entry that came with the Record from elsewhere. Raises Unknown; Parked, OSError."""
    before = [each for each in seed_receipts.read(snapshot.place) if given in (each.evidence_id, each.candidate_id)]
    acts = {each.evidence_id for each in before if each.evidence_id} or {given}
    named = [(e.id, e.line) for e in (*snapshot.record.evidence, *snapshot.record.struck) if e.id in acts]
    if not before or not named:
        raise Unknown(given, snapshot.user, seed=bool(named), gone=next(iter(story.chain()), None))
    gone = (story if given == named[-1][0] else _Story(snapshot, named[-1][0])).chain()
    places = [("self-evidence.md", line) for _, line in named]
    entries = [*snapshot.record.dimensions().values(), *snapshot.record.skills.values()]
    places += [(each.file, each.line) for those in entries for each in those if acts & {*each.evidence_ids}]
    return HistoryAnswer(
        user=snapshot.user,
        candidate_id=before[-1].candidate_id,
        evidence_id=named[-1][0],
        state=("superseded" if gone[0].supersedes else "retracted") if gone else "approved",
        proposed=None,
        decided=None,
        decisions=[],
        supersedes=None,
        retracts=None,
        gone=[_related(each) for each in gone],
        before=[Before(candidate_id=each.candidate_id, merged_at=each.merged_at) for each in before],
        lines=[
            Line(file=file, line=snapshot.texts[file].splitlines()[number - 1], number=number, stands=True)
            for file, number in places
        ],
        linked=[],
        as_of=AsOf.of(snapshot),
    )


def _proposed(said: dict[str, Any]) -> Proposed:
    candidate = Candidate.model_validate(said)
    return Proposed(
        text=candidate.raw_text,
        source=candidate.source,
        created_at=candidate.created_at,
        context={name: said[name] for name in _CONTEXT if said.get(name) is not None},
    )


def _decided(receipt: Receipt) -> Decided:
    return Decided(
        seq=receipt.seq,
        action=receipt.action,
        at=receipt.at,
        via=receipt.via,
        by=receipt.by,
        reason=receipt.reason if receipt.action != "undone" else None,  # that of the decision it takes back
        edited=_edits(receipt.candidate, receipt.approved) if receipt.approved and receipt.action == "approved" else [],
        undoes=receipt.undoes,
    )


def _edits(was: dict[str, Any], now: dict[str, Any]) -> list[Edit]:
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return [Edit(field=name, was=was.get(name), now=now.get(name)) for name in names]


def _related(receipt: Receipt) -> Related:
    return Related(
        candidate_id=receipt.candidate_id,
        evidence_id=receipt.evidence_id,
        seq=receipt.seq,
        at=receipt.at,
        text=None if receipt.is_erased else receipt.raw_text,
    )


def _target(story: _Story, named: str) -> Related | None:
    found = story.last_of(named)
    return _related(found) if found else None


def _lines(snapshot: Snapshot, receipt: Receipt, linked: Iterable[Receipt]) -> Iterable[Line]:
    """The lines of an entry as they stand now, a person's edits and the strike of a merge included."""
    others = list(linked)
    for file, lines in receipt.lines.items():
        text = snapshot.texts.get(file, "").encode()
        theirs = {other.lines[file][-1] for other in others if file in other.lines}
        there = standing(text, file, lines[-1], receipt.evidence_id or "ACT-", theirs)
        at = next(whole_lines(text, there), None) if there else None
        number = None if at is None else text.count(b"\n", 0, at) + 1
        yield Line(file=file, line=there or lines[-1], number=number, stands=at is not None)
