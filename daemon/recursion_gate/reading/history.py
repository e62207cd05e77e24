"""history: where an entry comes from and what became of it, from the receipts (contract, "Commands")."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from ..core.errors import GateError
from ..core.model import Candidate
from ..core.receipt import Receipt
from ..formats import record_edit
from .answer import Answer, AsOf
from .snapshot import Snapshot

__all__ = ["HistoryAnswer", "Unknown", "history"]

_CONTEXT = ("rationale", "excerpt", "url", "confidence", "tags", "meta")


class Unknown(GateError):
    """Neither a receipt nor a candidate at the gate has this id."""

    def __init__(self, given: str, user: str) -> None:
        super().__init__(given, user)
        self.given, self.user = given, user

    def __str__(self) -> str:
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
    action: str
    at: str
    via: str
    by: str | None = Field(description="The account that decided, where the system can tell.")
    reason: str | None


class Line(Answer):
    """A line that the decision put into the Record."""

    file: str
    line: str
    stands: bool = Field(description="Whether it still stands there as it was written.")


class Linked(Answer):
    """A later entry that links to this one."""

    candidate_id: str
    seq: int
    at: str
    text: str


class HistoryAnswer(Answer):
    """The story of one entry."""

    model_config = ConfigDict(title="HistoryAnswer")

    user: str
    candidate_id: str
    evidence_id: str | None = Field(description="Its ACT id; null if it was rejected, or still waits.")
    proposed: Proposed
    edited: list[Edit]
    decided: Decided | None = Field(description="null: it waits at the gate.")
    lines: list[Line]
    linked: list[Linked] = Field(description="Approved entries that rest on the same evidence.")
    as_of: AsOf


def history(snapshot: Snapshot, given: str) -> HistoryAnswer:
    """The story of the entry or candidate that `given` names: an ACT id or a candidate id, in full. Raises Unknown;
    Parked, OSError where the receipts cannot be read."""
    own: Receipt | None = None
    linked: list[Receipt] = []
    for receipt in snapshot.receipts():
        if own is None:
            own = receipt if given in (receipt.candidate_id, receipt.evidence_id) else None
        elif receipt.evidence_id == own.evidence_id is not None:
            linked.append(receipt)
    if own is None:
        waiting = next((c for c in snapshot.gate if c.id == given), None)
        if waiting is None:
            raise Unknown(given, snapshot.user)
        return _answer(snapshot, waiting.as_json(), None, [])
    return _answer(snapshot, own.candidate, own, linked)


def _answer(snapshot: Snapshot, staged: dict[str, Any], own: Receipt | None, linked: list[Receipt]) -> HistoryAnswer:
    candidate = Candidate.model_validate(staged)
    lines = own.lines.items() if own else ()
    return HistoryAnswer(
        user=snapshot.user,
        candidate_id=candidate.id,
        evidence_id=own.evidence_id if own else None,
        proposed=Proposed(
            text=candidate.raw_text,
            source=candidate.source,
            created_at=candidate.created_at,
            context={name: staged[name] for name in _CONTEXT if staged.get(name) is not None},
        ),
        edited=_edits(staged, own.approved) if own and own.approved else [],
        decided=_decided(own) if own else None,
        lines=[Line(file=file, line=line, stands=_stands(snapshot, file, line)) for file, ls in lines for line in ls],
        linked=[Linked(candidate_id=r.candidate_id, seq=r.seq, at=r.at, text=r.raw_text) for r in linked],
        as_of=AsOf.of(snapshot),
    )


def _decided(receipt: Receipt) -> Decided:
    return Decided(
        seq=receipt.seq,
        action=receipt.action,
        at=receipt.at,
        via=receipt.via,
        by=receipt.by,
        reason=receipt.reason,
    )


def _edits(was: dict[str, Any], now: dict[str, Any]) -> list[Edit]:
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return [Edit(field=name, was=was.get(name), now=now.get(name)) for name in names]


def _stands(snapshot: Snapshot, file: str, line: str) -> bool:
    return record_edit.count(snapshot.texts.get(file, "").encode(), line) > 0
