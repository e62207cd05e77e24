"""The Record as one answer, in the shape of the companion-self app's ``GET /api/record``, with more beside it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ConfigDict, Field

from ..core.words import SKILLS
from ..formats.record_parse import Entry
from .answer import Answer, AsOf, ByDimension, BySkill
from .edge import Edge, Rests, focus
from .rebuild import NOTE, as_of
from .snapshot import Snapshot

__all__ = ["RecordAnswer", "record"]


class EvidenceItem(Answer):
    """One entry of the Activity Log. What a hand-written line leaves out is null."""

    model_config = ConfigDict(title="Evidence")

    id: str
    summary: str
    date: str | None
    skill_tag: str | None


class EntryItem(Answer):
    """One entry in its parts."""

    model_config = ConfigDict(title="Entry")

    text: str
    evidence_ids: list[str] = Field(description="The ACT ids that it names; none if it was written by hand.")
    file: str
    line: int = Field(description="The number of its line in the file, from 1.")
    section: str = Field(description="The heading that it stands under.")


class Skills(BySkill[list[str]]):
    """The entries by skill, each as it stands in its file."""

    model_config = ConfigDict(title="Skills")


class Entries(Answer):
    """The dimensions' entries in their parts."""

    model_config = ConfigDict(title="Entries")

    knowledge: list[EntryItem]
    curiosity: list[EntryItem]
    personality: list[EntryItem]


class RecordAnswer(ByDimension):
    """The approved entries about the companion. The first eight fields are those of the companion-self app."""

    model_config = ConfigDict(title="RecordAnswer")

    skills: Skills
    evidence_count: int
    pending_count: int | None = Field(description="null with --at: the receipts do not tell what waited.")
    edge: Edge
    evidence: list[EvidenceItem]
    edge_rests_on: Rests
    entries: Entries
    problems: list[str] = Field(description="What is wrong with the Record files, in words; mostly nothing.")
    note: str | None = Field(description="With --at: what is not in it. Else null.")
    user: str
    as_of: AsOf


def record(snapshot: Snapshot, at: int | None = None) -> RecordAnswer:
    """The Record as of `snapshot`, or as it was right `at` the receipt of this number. Raises NoReceipt, Parked,
    OSError."""
    snapshot = snapshot if at is None else as_of(snapshot, at)
    known = snapshot.record
    found = focus(known)
    return RecordAnswer(
        knowledge=[e.raw for e in known.knowledge],
        curiosity=[e.raw for e in known.curiosity],
        personality=[e.raw for e in known.personality],
        skills=Skills.model_validate({skill: [e.raw for e in known.skills[skill]] for skill in SKILLS}),
        evidence_count=len(known.evidence),
        pending_count=len(snapshot.gate) if at is None else None,
        edge=Edge.model_validate({skill: each.text for skill, each in found.items()}),
        evidence=[EvidenceItem(id=e.id, summary=e.summary, date=e.date, skill_tag=e.skill) for e in known.evidence],
        edge_rests_on=Rests.model_validate({skill: each.rests_on for skill, each in found.items()}),
        entries=Entries(**{name: _items(entries) for name, entries in known.dimensions().items()}),
        problems=list(snapshot.problems),
        note=None if at is None else NOTE,
        user=snapshot.user,
        as_of=AsOf.of(snapshot),
    )


def _items(entries: Iterable[Entry]) -> list[EntryItem]:
    return [
        EntryItem(text=e.text, evidence_ids=list(e.evidence_ids), file=e.file, line=e.line, section=e.section)
        for e in entries
    ]
