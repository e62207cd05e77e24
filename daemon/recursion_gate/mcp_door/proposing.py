"""The tools that propose, each by one drop, and the one that tells what became of it."""

from __future__ import annotations

import contextlib
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import to_json

from ..clients.fates import Fate, fate, fates
from ..clients.propose import propose
from ..core.model import looks_like_act_id
from ..core.paths import Place
from ..core.receipt import Receipt
from ..core.words import Section, Skill
from ..disk.lock import is_surely_free
from ..reading.rejected import like
from ..store.entries import find
from .caller import CALLER, Caller, Desk
from .words import NotPossible

__all__ = ["Proposals", "Proposing", "Taken"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEY = re.compile(r"[!-~]{1,200}")
_READS_ONLY = "this token reads, and does not propose"
_NO_DAEMON = "No daemon runs there now: it is staged when one does. Nothing is lost."

User = Annotated[str, Field(description="Whose Record. Leave it out unless you are for several users.")]
Key = Annotated[
    str,
    Field(
        max_length=200,
        description="A name of your own for this proposal (visible ASCII). If you got no answer and call again with "
        "the same key, it is the same proposal, not a second one.",
    ),
]
EvidenceId = Annotated[str, Field(description="The ACT id of the entry, as read_record and ask_record give it.")]
SkillTag = Annotated[
    Skill,
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
    Field(
        description="THINK: learned, read, understood. WRITE: wrote, told. WORK: made, planned, practised. STEWARD: "
        "cared for something or somebody."
    ),
]
IxSection = Annotated[
    Literal["IX-A", "IX-B", "IX-C", "none"] | None,
    Field(
        description="IX-A knowledge, IX-B curiosity, IX-C personality, none: evidence only. Left out, it follows from "
        "the words of the text."
    ),
]
CreatedAt = Annotated[str, Field(description="When it happened, ISO 8601, if not now.")]
Rationale = Annotated[str, Field(description="Why it matters: shown to the person who decides, never merged.")]
Excerpt = Annotated[str, Field(description="The words it comes from, quoted: shown to the person, never merged.")]
Url = Annotated[str, Field(description="Where to look: shown to the person, never merged.")]
Confidence = Annotated[
    float | None, Field(ge=0, le=1, description="How sure you are, 0 to 1: shown to the person, never merged.")
]
Tags = Annotated[list[str] | None, Field(max_length=20, description="Short words: shown to the person, never merged.")]


class _Said(BaseModel):
    """An answer without what is not known: a model need not read it."""

    @model_serializer(mode="wrap")
    def _known(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Taken(_Said):
    """A proposal that is on disk, and waits for a person from now on."""

    model_config = ConfigDict(frozen=True, title="Taken")

    id: str = Field(description="The candidate: ask my_proposals for it.")
    text: str = Field(description="As it will stand at the gate.")
    skill_tag: Skill
    section: Section | None = Field(default=None, description="Absent: evidence only.")
    created_at: str
    source: str
    supersedes: str | None = None
    retracts: str | None = None
    again: bool = Field(description="Whether the same was proposed before, under the same key.")
    notice: str | None = Field(default=None, description="What to know beside it.")
    rejected_before: str | None = Field(
        default=None, description="Nearly the same was rejected before: when, and why. Tell your user; do not insist."
    )


class Proposal(Fate, _Said):
    """What became of one proposal."""


class Proposals(BaseModel):
    """What became of your own proposals."""

    model_config = ConfigDict(frozen=True, title="Proposals")

    source: str
    proposals: list[Proposal] = Field(description="Decided, then waiting, then refused; the newest last in each.")


class Proposing:
    """The tools, at one desk. Their docstrings are what a model reads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def propose_entry(
        self,
        text: Annotated[
            str,
            Field(min_length=1, description="One fact, self-contained: who did what, with what, and how it came out."),
        ],
        skill_tag: SkillTag = "THINK",
        suggested_ix_section: IxSection = None,
        created_at: CreatedAt = "",
        topic: str = "",
        score: str = "",
        activity_type: str = "",
        evidence_summary: Annotated[str, Field(description="A shorter text for the evidence line.")] = "",
        link_to_evidence_id: Annotated[
            str, Field(description="An ACT id, or a candidate of yours, that this belongs to.")
        ] = "",
        rationale: Rationale = "",
        excerpt: Excerpt = "",
        url: Url = "",
        confidence: Confidence = None,
        tags: Tags = None,
        key: Key = "",
        user: User = "",
    ) -> Taken:
        """Propose one entry about the user for their Record. A person decides on it later; nothing is merged now.

        Before you propose, call my_proposals: what waits or was rejected is not proposed again, also not in other
        words; a reason given there tells what the person wants otherwise.

        Write the text so that it stands alone in a year:
        - One fact for each call. "Finished the dragon drawing; used watercolors." Not "Finished it!".
        - What was done or said, not what you infer. "Drew a map before explaining the route." Not "She is a visual
          thinker."
        - No "see above", no "yesterday": name the thing; when it happened goes into created_at.
        - Only from what you saw yourself, with your user's words in excerpt. You propose under your own source.
        - Nothing that others said about the user in confidence, no passwords, nothing you are not sure of.

        The answer says how it will stand at the gate. It is done then: do not wait, and do not ask for approval.
        """
        fields = {
            "raw_text": text,
            "skill_tag": skill_tag,
            "created_at": created_at,
            "topic": topic,
            "score": score,
            "activity_type": activity_type,
            "evidence_summary": evidence_summary,
            "link_to_evidence_id": link_to_evidence_id,
        }
        context = _context(rationale, excerpt, url, confidence, tags)
        return self._propose(user, key, fields | _section(suggested_ix_section) | context)

    def propose_correction(
        self,
        evidence_id: EvidenceId,
        text: Annotated[str, Field(min_length=1, description="The whole entry as it should read, self-contained.")],
        skill_tag: SkillTag | None = None,
        suggested_ix_section: IxSection = None,
        created_at: CreatedAt = "",
        rationale: Rationale = "",
        excerpt: Excerpt = "",
        url: Url = "",
        confidence: Confidence = None,
        tags: Tags = None,
        key: Key = "",
        user: User = "",
    ) -> Taken:
        """Propose that one entry of the Record be replaced by a right one. A person decides; until then the old one
        stands.

        Only where your user said that it is wrong, or changed: quote them in excerpt. The text is the whole new entry,
        not the difference. For something that is new beside it, use propose_entry; for something that is simply not so,
        propose_retraction. Skill and section stay those of the old entry, where you may read it, unless you give them.
        """
        old = self._standing(evidence_id, user)
        if old is not None:
            skill_tag = skill_tag or old.skill_tag
            suggested_ix_section = suggested_ix_section or old.suggested_ix_section or "none"
        fields = {"raw_text": text, "skill_tag": skill_tag, "created_at": created_at, "supersedes": evidence_id}
        context = _context(rationale, excerpt, url, confidence, tags)
        return self._propose(user, key, fields | _section(suggested_ix_section) | context)

    def propose_retraction(
        self,
        evidence_id: EvidenceId,
        why: Annotated[
            str, Field(min_length=1, description="Why it no longer stands, in one self-contained sentence.")
        ],
        excerpt: Excerpt = "",
        url: Url = "",
        confidence: Confidence = None,
        key: Key = "",
        user: User = "",
    ) -> Taken:
        """Propose that one entry of the Record be struck. A person decides; until then it stands.

        Only where your user said that it is not so: quote them in excerpt. Where something else is true instead, use
        propose_correction.
        """
        self._standing(evidence_id, user)
        fields = {"raw_text": why, "retracts": evidence_id}
        return self._propose(user, key, fields | _context("", excerpt, url, confidence, None))

    def my_proposals(
        self,
        id: Annotated[str, Field(description="Only this one: the id that proposing gave.")] = "",
        limit: Annotated[int, Field(ge=1, le=200, description="The most of each kind.")] = 20,
        user: User = "",
    ) -> Proposals:
        """What became of what you proposed: waiting, approved, rejected (with the person's reason), refused (with what
        to correct).

        Call it before you propose, once, and learn from it: do not propose again what waits or was rejected, in
        whatever words. Do not poll it for a decision: a person decides when a person has time, perhaps in days.
        """
        place, caller = self._desk.place(user), CALLER.get()
        if not id:
            try:
                found = fates(place, caller.source, limit)
            except PermissionError:
                raise NotPossible("this account may propose, and not see what waits: ask for one by its id") from None
        elif _ID.fullmatch(id):
            found = [fate(place, id, caller.source, self._desk.keys)]
        else:
            raise NotPossible("id: this is no candidate's id; it is the 'id' that proposing gave")
        return Proposals(source=caller.source, proposals=[Proposal(**each.model_dump()) for each in found])

    def _standing(self, evidence_id: str, user: str) -> Receipt | None:
        """The receipt of the entry, as far as caller and account may look. Raises NotPossible where this is no ACT id,
        and, as far, where there is no such entry or it stands no longer. The daemon looks again when a person decides.
        """
        caller = CALLER.get()
        if not caller.stage:
            raise NotPossible(_READS_ONLY)
        if not looks_like_act_id(evidence_id):
            raise NotPossible("evidence_id: this is no ACT id; read_record and ask_record give it with each line")
        place = self._desk.place(user)
        if not caller.read:
            return None
        with contextlib.suppress(PermissionError):
            entry = find(place, evidence_id)
            if entry is None:
                raise NotPossible("evidence_id: there is no such entry in the Record")
            if entry.problem is not None:
                raise NotPossible(f"evidence_id: {entry.problem}")
            return entry.receipt
        return None

    def _propose(self, user: str, key: str, fields: dict[str, Any]) -> Taken:
        desk, caller = self._desk, CALLER.get()
        if not caller.stage:
            raise NotPossible(_READS_ONLY)
        if key and not _KEY.fullmatch(key):
            raise NotPossible("key: 1 to 200 visible ASCII characters")
        place = desk.place(user)
        absent = ("", None)
        given = {n: value for n, value in fields.items() if value not in absent or n == "suggested_ix_section"}
        made = propose(desk.root, place.user, caller.source, to_json(given), desk.settings, desk.keys, key=key or None)
        candidate = made.candidates[0]
        desk.say("proposed", user=place.user, source=caller.source, drop=made.path.name)
        return Taken(
            id=candidate.id,
            text=candidate.raw_text,
            skill_tag=candidate.skill_tag,
            section=candidate.suggested_ix_section,
            created_at=candidate.created_at,
            source=caller.source,
            supersedes=candidate.supersedes,
            retracts=candidate.retracts,
            again=made.again,
            notice=_NO_DAEMON if is_surely_free(desk.root) else None,
            rejected_before=_rejected(place, caller, candidate.raw_text),
        )


def _section(given: str | None) -> dict[str, Any]:
    return {"suggested_ix_section": None if given == "none" else given} if given else {}


def _context(
    rationale: str, excerpt: str, url: str, confidence: float | None, tags: list[str] | None
) -> dict[str, Any]:
    """What is for the person who decides, as far as it is given."""
    given = {"rationale": rationale, "excerpt": excerpt, "url": url, "confidence": confidence, "tags": tags}
    return {name: value for name, value in given.items() if value not in (None, "")}


def _rejected(place: Place, caller: Caller, text: str) -> str | None:
    """That nearly the same was rejected: its own, or, to one who reads, anybody's; as far as the account may look."""
    with contextlib.suppress(OSError):
        found = like(text, place.ledger)
        if found is not None and (caller.read or found.source == caller.source):
            return found.message
    return None
