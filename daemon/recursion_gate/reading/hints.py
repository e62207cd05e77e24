"""Hints for the person who decides: nearly the same as something, or a possible conflict with it. Advisory: words are
compared (`likeness`), nothing is understood (contract, "A card")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import ConfigDict, Field

from ..core.model import Candidate, Receipt
from ..formats.record_parse import Entry, Record
from .answer import Answer, cut
from .likeness import SAME, Likeness, Said, likenesses
from .snapshot import Snapshot

__all__ = ["Hint", "distinct", "hints"]

_TEXT = 160
#: How many of the last decisions are looked through for rejections.
_LOOK_BACK = 2_000

_Key = Candidate | Entry | Receipt


class Hint(Answer):
    """Something that a person should know before deciding."""

    model_config = ConfigDict(title="Hint")

    kind: Literal["near-duplicate", "possible conflict"]
    at: Literal["gate", "record", "rejected"] = Field(description="Where the other text is from.")
    id: str | None = Field(description="The other candidate's id, or the ACT id that the Record's line names.")
    text: str = Field(description="The other text, cut.")
    when: str | None = Field(description="When it was rejected; null for the others.")
    reason: str | None = Field(description="Why it was rejected, if the person said so.")
    why: str = Field(description="In words, what is alike.")

    @property
    def message(self) -> str:
        """The hint as a sentence."""
        same = self.why == SAME
        kind = "nearly the same" if self.kind == "near-duplicate" else self.kind
        what = "the same words" if same else f'{kind}: "{self.text}"'
        if self.at == "rejected":
            reason = f": {cut(self.reason, _TEXT)}" if self.reason else ""
            return f"{what} {'were' if same else 'was'} rejected on {(self.when or '')[:10]}{reason}"
        s = "" if same else "s"
        where = f"wait{s}, too" if self.at == "gate" else f"stand{s} in the Record"
        return f"{what} {where} ({self.id or 'by hand'})" + ("" if same else f": {self.why}")


def hints(snapshot: Snapshot, of: Sequence[Candidate] | None = None) -> dict[str, list[Hint]]:
    """The hints on each of the candidates `of` (None: on all that waits), by id. Raises Parked, OSError."""
    new = snapshot.gate if of is None else of
    if not new:
        return {}
    asked = {candidate.id for candidate in new}
    stands: list[_Key] = [*distinct(snapshot.record), *(c for c in snapshot.gate if c.id not in asked)]
    rejected: list[_Key] = [r for r in snapshot.latest(_LOOK_BACK) if r.action == "rejected"]
    said = _said(new)
    found = likenesses(said, _said(stands))
    found += [a for a in likenesses(said, _said(rejected), among_new=False) if a.kind == "near-duplicate"]
    made: dict[str, list[Hint]] = {}
    for likeness in found:
        if isinstance(likeness.this, Candidate):
            made.setdefault(likeness.this.id, []).append(_hint(likeness))
    return made


def distinct(record: Record) -> list[Entry]:
    """The Record's entries, one for each thing said: a dimension's line mostly stands in the skill's file as well."""
    seen: dict[tuple[str, tuple[str, ...]], Entry] = {}
    for entries in (*record.dimensions().values(), *record.skills.values()):
        for entry in entries:
            seen.setdefault((entry.text, entry.evidence_ids), entry)
    return list(seen.values())


def _said(items: Iterable[_Key]) -> list[Said[_Key]]:
    return [Said(item, item.text if isinstance(item, Entry) else item.raw_text) for item in items]


def _hint(likeness: Likeness[_Key]) -> Hint:
    other, when, reason = likeness.other, None, None
    at: Literal["gate", "record", "rejected"] = "record"
    if isinstance(other, Entry):
        which, text = other.evidence_id, other.text
    elif isinstance(other, Candidate):
        at, which, text = "gate", other.id, other.raw_text
    else:
        at, which, text, when, reason = "rejected", other.candidate_id, other.raw_text, other.at, other.reason
    return Hint(kind=likeness.kind, at=at, id=which, text=cut(text, _TEXT), when=when, reason=reason, why=likeness.why)
