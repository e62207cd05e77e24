"""Triggers: an activity of some types gives two candidates, its evidence and one line that it suggests. Pure.

The template's rule ("Triggers for suggested merges"): a quiz is evidence, and what it shows is a line of its own that
links to it; a person decides each by itself. The same drop gives the same two, whichever door it came through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..core.model import Candidate, infer_section, short_hash
from ..core.settings import Settings, Trigger
from ..core.words import CATEGORY_OF
from .drops import Proposal

__all__ = ["DEFAULTS", "as_staged", "expanded", "line_id", "trigger_of"]

#: By activity type, as the template has them.
DEFAULTS = {
    "quiz": Trigger("{topic}: shown in a quiz ([{score}, ]{date})", "IX-A"),
    "assessment": Trigger("{topic}: shown in an assessment ([{score}, ]{date})", "IX-A"),
    "read_completion": Trigger("{topic}: read and understood ({date})", "IX-A"),
    "write_demonstration": Trigger("{topic}: shown in writing ({date})", "IX-C"),
    "work_project": Trigger("{topic}: applied in a project ({date})", "IX-B"),
}

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_HOLE = re.compile(r"\{(\w+)\}")
#: Fields by which a drop says itself where its line belongs, or that it belongs to other evidence.
_SAYS_ITSELF = {"suggested_ix_section", "mind_category", "link_to_evidence_id"}
_TOPIC, _ID = 200, 128


def expanded(proposals: Iterable[Proposal], settings: Settings) -> Iterator[Proposal]:
    """The proposals of a drop; behind one that a trigger is for, the line that it suggests. A drop that says itself
    where its line belongs is left as it is, and so is one to which another in the same drop links."""
    found = list(proposals)
    linked = {p.candidate.link_to_evidence_id for p in found}
    taken = {p.candidate.id for p in found}
    for proposal in found:
        trigger = None if proposal.given & _SAYS_ITSELF else trigger_of(proposal.candidate.activity_type, settings)
        if trigger is None or proposal.candidate.id in linked or line_id(proposal.candidate.id) in taken:
            yield proposal
            continue
        evidence = proposal.candidate.model_copy(update={"suggested_ix_section": None, "mind_category": None})
        yield Proposal(evidence, proposal.given)
        # Nothing of it is given: should the words have been changed since, it is still the same line.
        yield Proposal(_line(proposal.candidate, trigger, settings), frozenset())


def as_staged(proposals: Iterable[Proposal], settings: Settings) -> list[Candidate]:
    """The candidates that the proposals of a drop themselves become, without the lines that they suggest."""
    found = list(proposals)
    own = {proposal.candidate.id for proposal in found}
    return [made.candidate for made in expanded(found, settings) if made.candidate.id in own]


def trigger_of(activity_type: str | None, settings: Settings) -> Trigger | None:
    """The trigger for an activity of this type, in any spelling; None where there is none or it is switched off."""
    if not activity_type:
        return None
    name = re.sub(r"[\s-]+", "_", activity_type.strip().lower())
    found = settings.triggers.get(name, DEFAULTS.get(name))
    return found or None


def line_id(evidence_id: str) -> str:
    """The id of the line that the evidence of this id suggests: the same each time."""
    made = f"{evidence_id}-line"
    return made if len(made) <= _ID else f"line-{short_hash(evidence_id.encode(), 25)}"


def _line(evidence: Candidate, trigger: Trigger, settings: Settings) -> Candidate:
    section = trigger.section or infer_section(evidence.raw_text, evidence.skill_tag)
    return Candidate(
        id=line_id(evidence.id),
        raw_text=_words(trigger.line, evidence)[: settings.max_text_chars],
        skill_tag=evidence.skill_tag,
        mind_category=CATEGORY_OF[section],
        suggested_ix_section=section,
        created_at=evidence.created_at,
        source=evidence.source,
        link_to_evidence_id=evidence.id,
        topic=evidence.topic,
        score=evidence.score,
        rationale=f"Suggested by {evidence.activity_type}: approve it only if it is true.",
    )


def _words(line: str, evidence: Candidate) -> str:
    """The line with the drop's fields in it; an optional part with an empty field is left out."""
    values = {
        "topic": _topic(evidence),
        "score": evidence.score or "",
        "date": evidence.created_at[:10],
        "source": evidence.source or "",
        "source_id": evidence.source_id or "",
        "activity_type": evidence.activity_type or "",
    }

    def part(found: re.Match[str]) -> str:
        return found[1] if all(values[name] for name in _HOLE.findall(found[1])) else ""

    return _HOLE.sub(lambda found: values[found[1]], _OPTIONAL.sub(part, line)).strip()


def _topic(evidence: Candidate) -> str:
    """What it was about: its topic, else its summary, else its own words without the stop at their end."""
    said = evidence.topic or evidence.evidence_summary or evidence.raw_text
    text = " ".join(said.split())
    return (text if len(text) <= _TOPIC else text[: _TOPIC - 1] + "…").rstrip(".")
