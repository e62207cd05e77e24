"""The Record as a list of lines: each text once, with all its places, oldest first.

An approval puts the same text into up to three files. Who speaks from the Record, or is given it to read, needs it
once: with its evidence, its dimension, its skill and its date.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.tokens import tokens
from ..core.words import SECTION_OF, SKILLS
from ..formats.record_parse import Record

__all__ = ["LEAST", "Line", "as_text", "lines"]

_NOTHING = "(nothing has been approved yet)"
_LEFT_OUT = "- (older lines left out: {})"

#: The tokens that the Record takes at least, however little of it there is room for.
LEAST = max(tokens(_NOTHING), tokens(_LEFT_OUT.format("9,999,999")))


@dataclass(frozen=True, slots=True)
class Line:
    """The text of one or more entries of the Record."""

    text: str
    #: The ACT ids that it rests on; none for what was written by hand.
    evidence_ids: tuple[str, ...]
    #: IX-A, IX-B, IX-C: the dimensions it belongs to; mostly one, none for evidence only.
    sections: tuple[str, ...]
    #: THINK, WRITE, WORK, STEWARD.
    skills: tuple[str, ...]
    #: The date of its evidence, where it has one.
    date: str | None
    #: Where it stands: ``self-knowledge.md:7``.
    places: tuple[str, ...]

    def __str__(self) -> str:
        """As it is shown to a model: on one line, what it is in front, the evidence at the end."""
        marks = ", ".join([*self.sections, *self.skills, *([self.date] if self.date else [])])
        evidence = ", ".join(self.evidence_ids) or "no evidence id"
        return f"- [{marks}] {self.text} ({evidence})"


class _Draft:
    def __init__(self) -> None:
        self.sections: dict[str, None] = {}
        self.skills: dict[str, None] = {}
        self.places: list[str] = []
        self.date: str | None = None


def lines(record: Record) -> list[Line]:
    """All that `record` says, in the order of its evidence; what was written by hand, without any, first."""
    drafts: dict[tuple[str, tuple[str, ...]], _Draft] = {}
    order: dict[str, int] = {}
    dates: dict[str, str | None] = {}

    def draft(text: str, ids: Iterable[str], place: str) -> _Draft:
        made = drafts.setdefault((text, tuple(ids)), _Draft())
        made.places.append(place)
        return made

    for name, entries in record.dimensions().items():
        for entry in entries:
            draft(entry.text, entry.evidence_ids, f"{entry.file}:{entry.line}").sections[SECTION_OF[name]] = None
    for skill in SKILLS:
        for entry in record.skills[skill]:
            draft(entry.text, entry.evidence_ids, f"{entry.file}:{entry.line}").skills[skill] = None
    for evidence in sorted((*record.evidence, *record.struck), key=lambda each: each.line):
        order[evidence.id], dates[evidence.id] = evidence.line, evidence.date
        if evidence.summary and evidence.struck is None:  # what rests on a struck one still stands
            made = draft(evidence.summary, [evidence.id], f"self-evidence.md:{evidence.line}")
            made.date = evidence.date
            if evidence.skill:
                made.skills[evidence.skill] = None
    found = [
        Line(
            text,
            ids,
            tuple(made.sections),
            tuple(made.skills),
            made.date or next((dates[i] for i in ids if dates.get(i)), None),
            tuple(made.places),
        )
        for (text, ids), made in drafts.items()
    ]
    return sorted(found, key=lambda line: max((order.get(i, -1) for i in line.evidence_ids), default=-1))


def as_text(found: Sequence[Line], room: int | None) -> tuple[str, int]:
    """`found` as text, and how many of the oldest were left out so that it takes at most `room` tokens (None: all).
    `room` is LEAST or more."""
    if not found:
        return _NOTHING, 0
    texts = [str(line) for line in found]
    sizes = [tokens(text) for text in texts]
    left = 0
    if room is not None and sum(sizes) > room:
        room -= LEAST
        left = len(texts)
        while left and sizes[left - 1] <= room:
            left -= 1
            room -= sizes[left]
    if left:
        texts[:left] = [_LEFT_OUT.format(f"{left:,}")]
    return "\n".join(texts), left
