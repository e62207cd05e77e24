"""The edge: the next focus for THINK, WRITE, WORK and STEWARD. Rules, no model.

=======  =====================================  =====================================  ==================
THINK    continues the latest knowledge         else explores the latest curiosity     else "Keep reading"
WRITE    builds on the latest WRITE evidence                                           else a first text
WORK     is phrased by the latest personality   else builds on latest WORK evidence    else one project
STEWARD  keeps up the latest STEWARD evidence                                          else a first care
=======  =====================================  =====================================  ==================

"Latest" is what stands last in its section: lines are added in the order in which they were approved.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ConfigDict

from ..formats.record_parse import Entry, Evidence, Record
from .answer import AsOf, BySkill, cut
from .snapshot import Snapshot

__all__ = ["Edge", "EdgeAnswer", "Focus", "edge", "focus"]

_LONGEST = 80


class Edge(BySkill[str]):
    """The next focus, by skill."""

    model_config = ConfigDict(title="Edge")


class Rests(BySkill[list[str]]):
    """The ACT ids of the evidence that each suggestion rests on; none where it rests on nothing yet."""

    model_config = ConfigDict(title="RestsOn")


class EdgeAnswer(Edge):
    """The next focus for THINK, WRITE, WORK and STEWARD, and the evidence that each rests on."""

    model_config = ConfigDict(title="EdgeAnswer")

    rests_on: Rests
    user: str
    as_of: AsOf


class Focus:
    """One suggestion, and the ACT ids that it rests on."""

    __slots__ = ("rests_on", "text")

    def __init__(self, text: str, rests_on: Sequence[str] = ()) -> None:
        self.text, self.rests_on = text, list(rests_on)


def _latest(entries: Sequence[Entry]) -> Entry | None:
    """The last entry of the section that approved entries go to; where that has none, the last of the file."""
    found = [entry for entry in entries if entry.own] or entries
    return found[-1] if found else None


def _evidence(record: Record, skill: str) -> Evidence | None:
    return next((e for e in reversed(record.evidence) if e.skill == skill and e.summary), None)


def focus(record: Record) -> dict[str, Focus]:
    """The next focus by skill, with what it rests on."""
    return {
        "THINK": _think(record),
        "WRITE": _built_on(record, "WRITE", 'Build on: "{}"', "Try a short story or journal entry"),
        "WORK": _work(record),
        "STEWARD": _built_on(record, "STEWARD", 'Keep up: "{}"', "Take care of one thing"),
    }


def _think(record: Record) -> Focus:
    for entries, words in ((record.knowledge, "Continue with: {}"), (record.curiosity, "Explore: {}")):
        latest = _latest(entries)
        if latest is not None:
            return Focus(words.format(cut(latest.text, _LONGEST)), latest.evidence_ids)
    return Focus("Keep reading")


def _built_on(record: Record, skill: str, words: str, otherwise: str) -> Focus:
    latest = _evidence(record, skill)
    return Focus(words.format(cut(latest.summary, _LONGEST)), [latest.id]) if latest else Focus(otherwise)


def _work(record: Record) -> Focus:
    manner = _latest(record.personality)
    if manner is not None:
        return Focus(f'One small project, in your own way: "{cut(manner.text, _LONGEST)}"', manner.evidence_ids)
    return _built_on(record, "WORK", 'Next: build on "{}"', "One small project")


def edge(snapshot: Snapshot) -> EdgeAnswer:
    """The next focus, by the Record as of `snapshot`."""
    found = focus(snapshot.record)
    return EdgeAnswer.model_validate(
        {
            **{skill: each.text for skill, each in found.items()},
            "rests_on": {skill: each.rests_on for skill, each in found.items()},
            "user": snapshot.user,
            "as_of": AsOf.of(snapshot),
        }
    )
