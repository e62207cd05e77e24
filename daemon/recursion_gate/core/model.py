"""The words of the contract as types: what may be in a drop, and what a candidate is."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .words import CATEGORY_OF, SECTION_OF, Category, Section, Skill

__all__ = [
    "ACT_HASH",
    "SECTION_SPELLINGS",
    "SKILL_SPELLINGS",
    "Candidate",
    "Drop",
    "act_id",
    "act_key",
    "id_hash",
    "infer_section",
    "instant",
    "looks_like_act_id",
    "meant",
    "short_hash",
]

#: The spellings of each word in a drop or on a card, in any case: "knowledge", "IX-A", "IX-A. KNOWLEDGE", "Writing".
#: No sign in them means something else in the patterns of JSON Schema.
SECTION_SPELLINGS = {
    section: rf"(?:ix[-_ ]?{section[-1].lower()}(?:[.:]? (?:{name}|[(]{name}[)]))?|{name})"
    for section, name in CATEGORY_OF.items()
}
SKILL_SPELLINGS = {
    "THINK": "think(?:ing)?",
    "WRITE": "writ(?:e|ing)",
    "WORK": "work(?:ing)?",
    "STEWARD": "steward(?:ing|ship)?",
}

#: Contract, "A drop": the section from the words, first match wins, whole words in every form, any case.
_WORDS: tuple[tuple[Section, re.Pattern[str]], ...] = tuple(
    (section, re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)"))  # type: ignore[misc]
    for section, words in (
        (
            "IX-A",
            (
                r"learn(?:s|ed|t|ing)?",
                r"underst(?:and|ands|ood|anding)",
                r"reali[sz](?:e|es|ed|ing|ations?)",
                r"figur(?:e|es|ed|ing)(?:\s+(?:it|this|that|them|these|those|things|everything|all)){0,2}\s+out",
            ),
        ),
        (
            "IX-B",
            (
                r"curious|curiosity",
                r"wonder(?:ed|ing|s(?!\s+of))?",  # not the wonders of the world
                r"want(?:s|ed|ing)?\s+to\s+try",
                r"interested\s+(?:in|to)|interests?\s+in",
            ),
        ),
        (
            "IX-C",
            (
                r"prefer(?:s|red|ring)?|preferences?\s+for",
                r"love|loves|loving|loved(?!\s+ones?\b)",
                r"hat(?:e|es|ed|ing)",
                r"(?:i|you|he|she|we|they)(?:['’](?:m|s|re)|\s+(?:am|are|is|was|were))\s+the\s+kind\s+of",
                r"the\s+kind\s+of\s+(?:person|people|child|kid|girl|boy|man|woman|learner|reader|writer)",
                r"voic(?:e|es|ed|ing)",
                r"lik(?:e|es|ed|ing)\s+to\s+work|like[sd]\s+working",
            ),
        ),
    )
)
_BY_SKILL: dict[str, Section] = {"THINK": "IX-A", "WRITE": "IX-C", "WORK": "IX-B", "STEWARD": "IX-C"}


def infer_section(text: str, skill: str) -> Section:
    """The section of a drop that names none (contract, "A drop"): from its words, else from its skill."""
    text = text.lower()  # faster than patterns that take any case
    for section, words in _WORDS:
        if words.search(text):
            return section
    return _BY_SKILL[skill]


def instant(moment: datetime) -> str:
    """`moment` in UTC as ISO 8601 with milliseconds, as every instant in our files is written."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def meant(text: str, spellings: dict[str, str]) -> str | None:
    """The word of `spellings` that `text` means, if any."""
    text = text.strip()
    return next((w for w, s in spellings.items() if re.fullmatch(s, text, re.IGNORECASE | re.ASCII)), None)


def _skill(value: Any) -> Any:
    return (
        (meant(value, SKILL_SPELLINGS) or value) if isinstance(value, str) and value not in SKILL_SPELLINGS else value
    )


def _section(value: Any) -> Any:
    if isinstance(value, str) and value not in CATEGORY_OF:
        return meant(value, SECTION_SPELLINGS) or value
    return value


def _category(value: Any) -> Any:
    if isinstance(value, str) and value not in SECTION_OF:
        return CATEGORY_OF.get(meant(value, SECTION_SPELLINGS) or "", value)
    return value


def _text(value: Any) -> Any:
    """A number as text; `score` may be either."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    """A number in text as one: front matter has nothing but text."""
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d{1,3}(?:\.\d{1,9})?", value, re.ASCII) else value


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _instant(value: Any) -> Any:
    """An instant as it was written, made whole: a date alone is its first moment, no offset means UTC."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    text = value.strip()
    try:
        moment = datetime.fromisoformat(text)
        if moment.year < 1000:  # would not be written with four digits everywhere
            raise ValueError
        if moment.tzinfo is not None:
            moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not an ISO 8601 instant") from None
    if _INSTANT.fullmatch(text):  # as it was written: a card that nobody edited must read as it was staged
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat() if moment.utcoffset() else moment.replace(tzinfo=None).isoformat() + "Z"


def _no_act_id(value: str) -> str:
    """A candidate that is called like evidence would catch the links that are meant for that evidence."""
    if looks_like_act_id(value):
        raise ValueError("must not begin with 'ACT-'")
    return value


def looks_like_act_id(value: str) -> bool:
    """Whether an id reads like one of evidence (contract, "A merge": "No candidate may be called like one")."""
    return value[:4].upper() == "ACT-"


Id = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", json_schema_extra={"not": {"pattern": "^[Aa][Cc][Tt]-"}}),
    AfterValidator(_no_act_id),
]
Tag = Annotated[str, Field(min_length=1, max_length=60)]
Link = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class Drop(BaseModel):
    """The fields that an agent may write (contract, "A drop"). Unknown fields are refused: a misspelt one,
    quietly dropped, would file the candidate in the wrong place."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Drop")

    raw_text: str = Field(description="What was done, self-contained. `text` is an alias.")
    id: Id | None = Field(None, description="Unique for good, and not like an ACT id; made by the daemon if absent.")
    skill_tag: Annotated[Skill, BeforeValidator(_skill)] = Field("THINK", description="In any case.")
    mind_category: Annotated[Category | None, BeforeValidator(_category)] = Field(
        None, description="Follows the section if absent."
    )
    suggested_ix_section: Annotated[Section | None, BeforeValidator(_section)] = Field(
        None, description="null: evidence only. Absent: from the category, else the words, else the skill."
    )
    created_at: Annotated[str | None, BeforeValidator(lambda v: None if v is None else _instant(v))] = Field(
        None, description="ISO 8601 instant; the file's modification time if absent."
    )
    status: Literal["pending"] = "pending"
    source: str | None = Field(None, description="Which agent or tool; the file's name if absent.")
    link_to_evidence_id: Link | None = Field(None, description="The id of another candidate, or an ACT id.")
    supersedes: Link | None = Field(None, description="The ACT id of the entry whose place this one takes.")
    retracts: Link | None = Field(None, description="The ACT id of an entry that no longer stands; raw_text says why.")
    activity_type: str | None = None
    evidence_summary: str | None = Field(None, description="The evidence line's text, where it should be shorter.")
    source_id: str | None = None
    topic: str | None = None
    score: Annotated[str | None, BeforeValidator(_text)] = Field(None, description="A number is kept as text.")
    meta: dict[str, Any] | None = Field(None, description="Anything the tool wants kept.")
    rationale: str | None = Field(None, description="Why it matters: for the person who decides, never merged.")
    excerpt: str | None = Field(None, description="The exchange it comes from: for the person who decides.")
    url: str | None = Field(None, description="Where to look: for the person who decides.")
    confidence: Annotated[Annotated[float, Field(ge=0, le=1)] | None, BeforeValidator(_number)] = Field(
        None, description="How sure the proposer is: for the person who decides."
    )
    tags: Annotated[list[Tag] | None, Field(max_length=20)] = Field(
        None, description="Short words: for the person who decides."
    )


class Candidate(BaseModel):
    """One proposed entry at the gate (contract, "The gate"). Fields we do not know are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, title="Candidate")

    id: Id
    raw_text: str
    skill_tag: Skill
    mind_category: Category | None
    suggested_ix_section: Section | None
    created_at: str
    status: Literal["pending"] = "pending"
    source: str | None = None
    link_to_evidence_id: str | None = None
    supersedes: str | None = None
    retracts: str | None = None
    activity_type: str | None = None
    evidence_summary: str | None = None
    source_id: str | None = None
    topic: str | None = None
    score: str | None = None
    meta: dict[str, Any] | None = None
    rationale: str | None = None
    excerpt: str | None = None
    url: str | None = None
    confidence: float | None = None
    tags: list[str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The candidate as it stands in the gate: what was not given is left out, but the contract's seven fields
        always stand."""
        data = {k: v for k, v in self.__dict__.items() if v is not None or k in _ALWAYS}
        if self.__pydantic_extra__:
            data.update(self.__pydantic_extra__)
        return data


_ALWAYS = {"mind_category", "suggested_ix_section"}


def short_hash(data: bytes, length: int) -> str:
    """`length` letters and digits computed from `data`."""
    number = int.from_bytes(hashlib.sha256(data).digest()[:16], "big") % 36**length
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, 36)
        digits += "0123456789abcdefghijklmnopqrstuvwxyz"[rest]
    return digits


@lru_cache(maxsize=4_096)  # asked for several times in a turn
def id_hash(candidate_id: str) -> str:
    """Sixteen letters and digits computed from an id (82 bits). That no two ids of one user have the same is checked
    when a candidate is staged."""
    return short_hash(candidate_id.encode(), 16)


#: The evidence ids that `act_id` makes; the group is the `id_hash`.
ACT_HASH = re.compile(rb"ACT-\d{4}-\d\d-\d\d-([A-Za-z0-9]+)")


def act_id(candidate: Candidate) -> str:
    """The evidence id of a candidate (contract, "A merge"): always the same for the same candidate, as it was
    staged, and unique for good: the suffix stands for the id, see `id_hash`."""
    return f"ACT-{candidate.created_at[:10]}-{id_hash(candidate.id)}"


_OWN_HASH = re.compile(r"[0-9a-z]{16}")


def act_key(named: str) -> str:
    """The `id_hash` that an ACT id, or the id of a candidate, stands for: the same for both of one entry. An ACT id
    that is not of `act_id` (another program's) stands for itself."""
    if not looks_like_act_id(named):
        return id_hash(named)
    last = named.rpartition("-")[2]
    return last if _OWN_HASH.fullmatch(last) else named
