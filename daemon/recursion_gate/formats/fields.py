"""The fields of a drop or a card: are they what they may be, and if not, a sentence that says so. Pure."""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import ValidationError

from ..core.errors import Refusal
from ..core.model import Drop, looks_like_act_id
from ..core.settings import Settings
from ..core.text import count, printable, quoted
from ..core.unseen import without_unseen
from ..core.words import CATEGORY_OF
from .record_edit import fold

__all__ = ["FIELDS", "PUT_BACK", "SHORT_LIMIT", "validate"]

#: The remedy for a drop without a more specific one.
PUT_BACK = "Correct the file and put it back into the inbox folder."
FIELDS = [*Drop.model_fields, "text"]
_SHORT = ("source", "activity_type", "evidence_summary", "source_id", "topic", "score", "rationale", "url")
SHORT_LIMIT = 2_000  # characters in each of these: they stand on the card
_EXCERPT_LIMIT = 10_000
#: Other programs' names for these fields, and a misspelling that means the same.
_MEANT = {
    other: field
    for field, others in {
        "raw_text": "content body message description entry note",
        "created_at": "timestamp time date datetime ts when created created_on createdat occurred_at",
        "meta": "metadata extra extras data details properties attributes custom context",
        "activity_type": "type kind activity event event_type",
        "suggested_ix_section": "section ix_section dimension ix suggested_section",
        "mind_category": "category mind",
        "skill_tag": "skill",
        "source": "agent author tool origin from app application sender",
        "supersedes": "supersede corrects correction_of replaces updates",
        "retracts": "retract retraction_of withdraws invalidates deletes",
        "link_to_evidence_id": "link evidence evidence_id links_to linked_to parent parent_id",
        "evidence_summary": "summary title headline",
        "source_id": "external_id ref reference session_id message_id",
        "topic": "subject theme",
        "score": "rating grade points mark result",
        "id": "uuid key identifier candidate_id uid",
        "status": "state",
        "rationale": "why reasoning explanation justification because",
        "excerpt": "quote quotation exchange snippet passage conversation",
        "url": "uri href web page permalink",
        "confidence": "certainty probability likelihood sure",
        "tags": "tag labels label keywords",
    }.items()
    for other in others.split()
}
_FIELDS_LIMIT = 100  # from so many on, one that is unknown says it for all
_WORD = re.compile(r"\s*[!-~]*\s*", re.ASCII)
_DATE = re.compile(r"[\d.:,/TZ +-]*", re.ASCII)
_LEAP_SECOND = re.compile(r"[T ]\d\d:?\d\d:?60(?!\d)", re.ASCII)
_MUST = {
    "skill_tag": "must be THINK, WRITE, WORK or STEWARD",
    "suggested_ix_section": "must be IX-A, IX-B, IX-C or null (evidence only)",
    "mind_category": "must be knowledge, curiosity or personality",
    "status": 'may only be "pending": what is staged is never decided yet',
    "created_at": "must be an ISO 8601 instant of the years 1000 to 9999, for example 2026-11-24T16:30:00Z",
    "id": "must be 1 to 128 letters, digits, '.', '_' or '-', starting with a letter or a digit",
    "link_to_evidence_id": "must be the id of a candidate or an ACT id",
    "supersedes": "must be an ACT id",
    "retracts": "must be an ACT id",
    "meta": "must be an object: { ... }",
    "score": "must be a number or text",
    "confidence": "must be a number from 0 to 1",
    "tags": "must be a list of at most 20 short texts (60 characters each)",
}
#: Fields whose wrong value a reason names; the others hold what a person did or said.
_NAMED = {name for name in _MUST if name not in ("meta", "score")}


def validate(fields: Any, settings: Settings) -> Drop:
    """`fields` as a Drop. Raises Refusal with one sentence that names the field."""
    if isinstance(fields, list):
        raise Refusal(
            "one JSON object is expected, not a list of them",
            "Write each { ... } on a line of its own, as a .jsonl file.",
        )
    if not isinstance(fields, dict):
        raise Refusal("one JSON object is expected: { ... }", PUT_BACK)
    if "text" in fields:
        if "raw_text" in fields:
            raise Refusal("'text' and 'raw_text' are both given", "Keep one of the two: they mean the same.")
        fields = {("raw_text" if k == "text" else k): v for k, v in fields.items()}
    if len(fields) > _FIELDS_LIMIT:  # some of them are unknown, and a reason names one
        unknown = next(name for name in fields if name not in FIELDS)
        fields = {unknown: fields[unknown]}
    given = {}
    for name, value in fields.items():
        if not (isinstance(value, str) and value.isascii() and name.isascii()):
            _check(name if name in FIELDS else "a field", [name, value])
        given[name] = _seen(value)
    try:
        drop = Drop.model_validate(given)
    except ValidationError as err:
        words, name = _in_words(err, fields)
        found = _shown(fields[name]) if name in _NAMED and name in fields else ""
        raise Refusal(words, PUT_BACK, found=found) from None
    if not fold(drop.raw_text):
        raise Refusal("raw_text is empty", "Say in raw_text what was done.")
    if len(drop.raw_text) > settings.max_text_chars:
        raise Refusal(
            f"raw_text has {len(drop.raw_text):,} characters; the most allowed is {settings.max_text_chars:,}",
            "Say it in fewer words, or raise max_text_chars in recursion-gate.toml.",
        )
    for name in _SHORT:
        length = len(getattr(drop, name) or "")
        if length > SHORT_LIMIT:
            raise Refusal(f"{name} has {length:,} characters; the most allowed is {SHORT_LIMIT:,}", PUT_BACK)
    if len(drop.excerpt or "") > _EXCERPT_LIMIT:
        raise Refusal(
            f"excerpt has {len(drop.excerpt or ''):,} characters; the most allowed is {_EXCERPT_LIMIT:,}",
            "Keep the part that matters, and say in url where the whole stands.",
        )
    if drop.supersedes and drop.retracts:
        raise Refusal(
            "supersedes and retracts are both given",
            "Keep one: a correction has a new text, a retraction says why the entry no longer stands.",
        )
    if drop.retracts and drop.link_to_evidence_id:
        raise Refusal("a retraction links to nothing", "Leave link_to_evidence_id out.")
    if drop.supersedes and drop.supersedes == drop.link_to_evidence_id:
        raise Refusal("supersedes and link_to_evidence_id name the same entry", "Leave link_to_evidence_id out.")
    if drop.suggested_ix_section and drop.mind_category:
        follows = CATEGORY_OF[drop.suggested_ix_section]
        if follows != drop.mind_category:
            raise Refusal(
                f"mind_category says {drop.mind_category} but {drop.suggested_ix_section} is {follows}",
                "Keep one of the two; the other follows from it.",
            )
    return drop


def _check(name: str, value: Any, depth: int = 0) -> None:
    """Refuse values that JSON can hold but a file or another reader cannot: half characters, endless nesting."""
    if depth > 50:
        raise Refusal(f"{name} is nested too deeply", "Flatten it.")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refusal(f"{name} holds half a character (a lone surrogate)", PUT_BACK) from None
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(name, key, depth + 1)
            _check(name, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(name, item, depth + 1)


def _seen(value: Any) -> Any:
    """`value` without what a person cannot see, in all its texts. Its nesting is checked."""
    if isinstance(value, str):
        return without_unseen(value)
    if isinstance(value, dict):
        made = {without_unseen(key): _seen(item) for key, item in value.items()}
        if len(made) < len(value):
            raise Refusal("two names in meta differ only in what cannot be seen", PUT_BACK)
        return made
    return [_seen(item) for item in value] if isinstance(value, list) else value


def _in_words(err: ValidationError, fields: dict[str, Any]) -> tuple[str, str]:
    """What is wrong, and the field whose value it is; "" where no value is wrong."""
    errors = err.errors(include_url=False, include_input=False, include_context=False)
    # An unknown name comes before a missing one: it is most likely what is missing, misspelt.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    name = str(first["loc"][0]) if first["loc"] else ""
    name_in_reason = _quotable(name)
    if first["type"] == "extra_forbidden":
        return f"unknown {name_in_reason}; {_hint(name)}", ""
    if first["type"] == "missing":
        return f"{name_in_reason} is missing", ""
    if name == "id" and first["type"] == "value_error" and looks_like_act_id(str(fields[name])):
        return "id must not begin with 'ACT-': that is how evidence is called", name
    if name == "created_at" and _LEAP_SECOND.search(str(fields[name])):
        return "created_at has a second 60, which no clock here knows: write 59", name
    return f"{name_in_reason} {_MUST.get(name, 'must be text')}", name


def _shown(value: Any) -> str:
    """`value` as a reason may show it: one word or number as it is; what may be a sentence, by its kind, since an agent
    that knows a file's name can read its reason (docs/security.md)."""
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str) and not (_WORD.fullmatch(without_unseen(value)) or _DATE.fullmatch(value)):
        return f"a text of {count(len(value), 'character')}"
    return quoted(value)


def _plain(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:60]).lower().replace("-", "_").replace(" ", "_")


def _quotable(name: str) -> str:
    """The field `name` as a reason may name it: reasons are in the log, and other agents can read them, so one that is
    no field's, nor like one, is not repeated; it may be anybody's words."""
    if name in FIELDS:
        return name
    plain = _plain(name)
    known = plain in _MEANT or difflib.get_close_matches(plain, FIELDS, 1, 0.8)
    return f"field '{printable(name[:60])}'" if known else "field"


def _hint(name: str) -> str:
    """The field to write instead of the unknown `name`: the nearest in meaning, else in spelling."""
    plain = _plain(name)
    meant = _MEANT.get(plain)
    near = [meant] if meant else difflib.get_close_matches(plain, FIELDS, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"the fields are {', '.join(FIELDS)}; what else should be kept goes into 'meta'"
