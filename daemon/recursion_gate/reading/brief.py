"""The brief: what a person wants to know before going through the gate. Readable in a minute."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import ConfigDict, Field

from ..core.model import Candidate
from ..core.words import Category, Section, Skill
from ..formats.record_parse import Entry
from .answer import Answer, AsOf, cut
from .edge import Edge, Rests, focus
from .hints import distinct
from .likeness import Likeness, Said, likenesses
from .snapshot import Snapshot

__all__ = ["BriefAnswer", "brief"]

_TEXT = 160
#: How many of the last receipts are looked through for what was merged.
_BACK = 200


class WaitingItem(Answer):
    """A candidate at the gate."""

    model_config = ConfigDict(title="Waiting")

    id: str
    text: str = Field(description=f"On one line, at most {_TEXT} characters.")
    skill_tag: Skill
    section: Section | None
    mind_category: Category | None
    source: str | None
    created_at: str
    links_to: str | None = Field(description="The candidate or evidence that it adds to.")


class BySource(Answer):
    """How many candidates one source has at the gate."""

    model_config = ConfigDict(title="BySource")

    source: str | None
    count: int


class Other(Answer):
    """The entry that a candidate is like: another candidate, or a line of the Record."""

    model_config = ConfigDict(title="Other")

    at: Literal["gate", "record"]
    id: str | None = Field(description="The other candidate's id, or the ACT id that the Record's line names.")
    file: str | None = Field(description="The Record file; null for a candidate.")
    line: int | None
    text: str


class Alike(Answer):
    """A candidate that should be looked at together with another entry. A hint: words are compared, no more."""

    model_config = ConfigDict(title="Alike")

    id: str
    text: str
    other: Other
    why: str


class Merged(Answer):
    """An approval that has been carried out."""

    model_config = ConfigDict(title="Merged")

    seq: int
    at: str
    id: str
    text: str
    skill_tag: Skill
    section: Section | None
    evidence_id: str | None


class BriefAnswer(Answer):
    """What waits, entries to compare, recent merges, and the next focus."""

    model_config = ConfigDict(title="BriefAnswer")

    pending_count: int
    waiting: list[WaitingItem] = Field(description="Oldest first; the first of them, where there are many.")
    by_source: list[BySource] = Field(description="All that waits, the source with most first.")
    near_duplicate_count: int
    near_duplicates: list[Alike] = Field(description="The first of them, where there are many.")
    possible_conflict_count: int
    possible_conflicts: list[Alike] = Field(description="The first of them, where there are many.")
    merged_lately: list[Merged] = Field(description="Newest first.")
    edge: Edge
    edge_rests_on: Rests
    problems: list[str] = Field(description="What is wrong with the Record files, in words; mostly nothing.")
    user: str
    as_of: AsOf


def brief(snapshot: Snapshot, limit: int = 10) -> BriefAnswer:
    """A summary before a review; at most `limit` items in each list. Raises Parked, OSError."""
    found = focus(snapshot.record)
    alike = _alike(snapshot)
    duplicates = [_item(a) for a in alike if a.kind == "near-duplicate"]
    conflicts = [_item(a) for a in alike if a.kind == "possible conflict"]
    sources = Counter(c.source for c in snapshot.gate)
    return BriefAnswer(
        pending_count=len(snapshot.gate),
        waiting=[_waiting(c) for c in snapshot.gate[:limit]],
        by_source=[BySource(source=s, count=n) for s, n in sorted(sources.items(), key=lambda i: (-i[1], i[0] or ""))],
        near_duplicate_count=len(duplicates),
        near_duplicates=duplicates[:limit],
        possible_conflict_count=len(conflicts),
        possible_conflicts=conflicts[:limit],
        merged_lately=_merged(snapshot, min(limit, 5)),
        edge=Edge.model_validate({skill: each.text for skill, each in found.items()}),
        edge_rests_on=Rests.model_validate({skill: each.rests_on for skill, each in found.items()}),
        problems=list(snapshot.problems),
        user=snapshot.user,
        as_of=AsOf.of(snapshot),
    )


def _waiting(candidate: Candidate) -> WaitingItem:
    return WaitingItem(
        id=candidate.id,
        text=cut(candidate.raw_text, _TEXT),
        skill_tag=candidate.skill_tag,
        section=candidate.suggested_ix_section,
        mind_category=candidate.mind_category,
        source=candidate.source,
        created_at=candidate.created_at,
        links_to=candidate.link_to_evidence_id,
    )


def _merged(snapshot: Snapshot, limit: int) -> list[Merged]:
    return [
        Merged(
            seq=receipt.seq,
            at=receipt.at,
            id=receipt.candidate_id,
            text=cut(receipt.raw_text, _TEXT),
            skill_tag=receipt.skill_tag or "THINK",
            section=receipt.suggested_ix_section,
            evidence_id=receipt.evidence_id,
        )
        for receipt in snapshot.standing(_BACK)
        if receipt.action == "approved" and not receipt.retracts
    ][:limit]


def _alike(snapshot: Snapshot) -> list[Likeness[Candidate | Entry]]:
    if not snapshot.gate:
        return []
    known: list[Said[Candidate | Entry]] = [Said(e, e.text) for e in distinct(snapshot.record)]
    new: list[Said[Candidate | Entry]] = [Said(c, c.raw_text) for c in snapshot.gate]
    return likenesses(new, known)


def _item(likeness: Likeness[Candidate | Entry]) -> Alike:
    this, other = likeness.this, likeness.other
    assert isinstance(this, Candidate)
    if isinstance(other, Candidate):
        beside = Other(at="gate", id=other.id, file=None, line=None, text=cut(other.raw_text, _TEXT))
    else:
        beside = Other(at="record", id=other.evidence_id, file=other.file, line=other.line, text=cut(other.text, _TEXT))
    return Alike(id=this.id, text=cut(this.raw_text, _TEXT), other=beside, why=likeness.why)
