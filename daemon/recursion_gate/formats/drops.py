"""One dropped file -> its candidates, or the reason why not. Pure: bytes in, decision out (contract, "A drop")."""

from __future__ import annotations

import difflib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from pydantic import ValidationError

from ..core.errors import Refusal
from ..core.model import Candidate, Drop, infer_section, instant, looks_like_act_id, short_hash
from ..core.paths import DROP_FORMS
from ..core.settings import Settings
from ..core.text import printable
from ..core.unseen import without_unseen
from ..core.words import CATEGORY_OF, SECTION_OF
from . import frontmatter
from .json_words import explain
from .record_edit import fold

__all__ = ["CARD_ONLY", "MARKER_LINE", "PUT_BACK", "Proposal", "as_typed", "decode", "on_a_card", "parse", "validate"]

#: What a card's front matter may hold beside a drop's fields: the daemon's note, and how a person decided.
CARD_ONLY = ("note", "reason", "via")

#: The line on a card that its text ends at.
MARKER_LINE = re.compile(r"^<!-- recursion-gate:.*$", re.MULTILINE)

# A line of the text that looks like that line, also to a person who does not look closely, stands on a card behind
# these words: what the proposer wrote must not be taken for what the program says.
_QUOTED = "(this line is part of the text:) "
_MAY_BEGIN = re.compile(r"^[^A-Za-z\n]*[rR]", re.MULTILINE)
_LOOK_ALIKE = str.maketrans("сеоіѕɡаցгтυεοιατսօո", "ceoisgagrtueoiatuon")

#: What to do about a drop, where nothing better can be said.
PUT_BACK = "Correct the file and put it back into the inbox folder."
_FIELDS = [*Drop.model_fields, "text"]
_SHORT = ("source", "activity_type", "evidence_summary", "source_id", "topic", "score", "rationale", "url")
_MOST_SHORT = 2_000  # characters in each of these: they stand on the card
_MOST_EXCERPT = 10_000
#: What other programs call these fields, and a misspelling that means the same.
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
#: The most values (numbers, texts, lists, objects) in one drop: as objects in memory each takes up to forty times the
#: bytes that it takes in the file, and time when it is looked at.
_MOST_VALUES = 50_000
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_DEEP = re.compile(r"(?:[\[{][\s:]*){100}")
_MOST_FIELDS = 100  # from so many on, one that is unknown says it for all
_MUST = {
    "skill_tag": "must be THINK, WRITE, WORK or STEWARD",
    "suggested_ix_section": "must be IX-A, IX-B, IX-C or null (evidence only)",
    "mind_category": "must be knowledge, curiosity or personality",
    "status": 'may only be "pending": what is staged is never decided yet',
    "created_at": "must be an ISO 8601 instant, for example 2026-11-24T16:30:00Z",
    "id": "must be 1 to 128 letters, digits, '.', '_' or '-', starting with a letter or a digit",
    "link_to_evidence_id": "must be the id of a candidate or an ACT id",
    "meta": "must be an object: { ... }",
    "score": "must be a number or text",
    "confidence": "must be a number from 0 to 1",
    "tags": "must be a list of at most 20 short texts (60 characters each)",
}


class Proposal:
    """A candidate that was read from a drop, and the fields that the drop itself gave (the others are defaults)."""

    __slots__ = ("candidate", "given")

    def __init__(self, candidate: Candidate, given: frozenset[str]) -> None:
        self.candidate, self.given = candidate, given

    def says_the_same_as(self, other: Candidate) -> bool:
        """Whether all that this drop gives is what `other` has: the same drop again, not another one."""
        return all(getattr(self.candidate, name) == getattr(other, name, None) for name in self.given)


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, a byte order mark allowed. Raises Refusal."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refusal("the file is in UTF-16", "Save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise Refusal(
            f"the file is not UTF-8 text (byte {err.start + 1:,})",
            "Save it as UTF-8.",
            maybe_unfinished=err.reason == "unexpected end of data",
        ) from err
    if "\0" in text:
        raise Refusal("the file holds NUL bytes, so it is no text", "Save it as plain UTF-8 text.")
    return text


def on_a_card(text: str) -> str:
    """`text` as it stands on a card: what looks like the marker line is marked as the text's."""
    if text.isascii() and _QUOTED not in text and _MAY_BEGIN.search(text) is None:
        return text
    return "\n".join(_QUOTED + line if _is_like_marker(line) else line for line in text.split("\n"))


def as_typed(body: str) -> str:
    """The text that stands on a card as `body`: turns `on_a_card` round."""
    if _QUOTED not in body:
        return body
    return "\n".join(line.removeprefix(_QUOTED) if _is_like_marker(line) else line for line in body.split("\n"))


def _is_like_marker(line: str) -> bool:
    while line.startswith(_QUOTED):
        line = line.removeprefix(_QUOTED)
    letters = unicodedata.normalize("NFKD", line[:200]).casefold().translate(_LOOK_ALIKE)
    return "".join(c for c in letters if "a" <= c <= "z").startswith("recursiongate")


def parse(name: str, data: bytes, mtime_ns: int, settings: Settings) -> list[Proposal]:
    """The candidates that the file `name` proposes; more than one only for ``.jsonl``.

    `mtime_ns` is the file's modification time. Ids that are made here depend on the name, the time and the bytes
    alone, so that the same drop read again after a crash gives the same candidates. Raises Refusal.
    """
    form = name[name.rfind(".") :].lower()
    if form not in DROP_FORMS:
        raise Refusal("only .json, .jsonl, .md and .txt files can be staged", "Save it in one of these forms.")
    text = decode(data)
    if not text.strip():
        raise Refusal("the file is empty", PUT_BACK, maybe_unfinished=True)
    if form in (".json", ".jsonl"):
        _few_values(text)
    if form == ".jsonl":
        objects = list(_lines(text, settings.max_lines))
    elif form == ".json":
        objects = [(_json(text), "")]
    elif form == ".md":
        objects = [(_markdown(text), "")]
    else:
        objects = [({"raw_text": text.strip()}, "")]
    made = [_propose(fields, where, name, data, mtime_ns, settings) for fields, where in objects]
    twice = _twice(p.candidate.id for p in made)
    if twice is not None:
        raise Refusal(f"the id '{twice}' is given twice", "Give each candidate an id of its own, or none.")
    return made


def _few_values(text: str) -> None:
    """Raises Refusal where JSON holds more values than a drop may, before any of them is made."""
    if _signs(text) > _MOST_VALUES and _signs(bare := _STRING.sub("", text)) > _MOST_VALUES:
        if _DEEP.search(bare):
            raise Refusal("the JSON is nested too deeply", "Flatten it.")
        raise Refusal(f"more than {_MOST_VALUES:,} values in one file", "Split it into several files, or shorten meta.")


def _signs(text: str) -> int:
    """At least as many as there are values in it."""
    return text.count(",") + text.count("[") + text.count("{")


def _twice(names: Iterable[str]) -> str | None:
    """The first that comes a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _lines(text: str, most: int) -> Iterator[tuple[Any, str]]:
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            count += 1
            if count > most:
                raise Refusal(f"more than {most:,} lines in one file", "Split it into several files.")
            try:
                yield _json(line), f"line {number}: "
            except Refusal as err:
                raise Refusal(
                    f"line {number}: {err.problem}", err.remedy, maybe_unfinished=err.maybe_unfinished
                ) from err


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        name = _twice(k for k, _ in pairs) or ""
        which = f"the field '{name}'" if name in _FIELDS else "a field"  # a name of their own may be anybody's words
        raise Refusal(f"{which} is given twice in one object", PUT_BACK)
    return made


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Refusal("a number in it is too large", "Write it as text, in quotes.")
    return value


def _constant(text: str) -> NoReturn:
    raise Refusal(f"{text} is not valid JSON", "Write it as text, in quotes, or leave it out.")


_decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_number, parse_constant=_constant)

# What may stand at the end of a file that was cut in the middle of a word, a number or an escape.
_CUT = re.compile(r"\s*(?:t|tr|tru|f|fa|fal|fals|n|nu|nul|-|\.|[eE][+-]?|\\?u[0-9a-fA-F]{0,4})?\s*")


def _json(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as err:
        ended = err.msg.startswith("Unterminated string") or _CUT.fullmatch(text, err.pos) is not None
        problem, remedy = ("it ends in the middle", PUT_BACK) if ended else explain(text, err)
        raise Refusal(f"this is not valid JSON: {problem}", remedy, maybe_unfinished=ended) from None
    except RecursionError:
        raise Refusal("the JSON is nested too deeply", "Flatten it.") from None
    except ValueError:  # an integer of more digits than Python converts
        raise Refusal("a number in it has too many digits", "Write it as text, in quotes.") from None


def _markdown(text: str) -> dict[str, Any]:
    """The fields of a Markdown drop; a card, wherever it comes from, is one too."""
    fields, body = frontmatter.split(text)
    markers = list(MARKER_LINE.finditer(body))
    if markers:
        if not fields.get("id"):
            raise Refusal(
                "this looks like a card whose id line was taken out",
                "The fresh card in pending/ is whole: edit that one, and leave its first lines.",
            )
        body = as_typed(body[: markers[-1].start()])
    for name in CARD_ONLY:
        fields.pop(name, None)
    for name in ("raw_text", "text"):
        if name in fields and fields[name] is None:
            del fields[name]
    body = body.strip()
    if body and ("raw_text" in fields or "text" in fields):
        raise Refusal("the text is given twice: in the front matter and as the body", "Keep one of the two.")
    return fields if "text" in fields else {"raw_text": body} | fields


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
    if len(fields) > _MOST_FIELDS:  # some of them are unknown, and a reason names one
        unknown = next(name for name in fields if name not in _FIELDS)
        fields = {unknown: fields[unknown]}
    given = {}
    for name, value in fields.items():
        if not (isinstance(value, str) and value.isascii() and name.isascii()):
            _check(name if name in _FIELDS else "a field", [name, value])
        given[name] = _seen(value)
    try:
        drop = Drop.model_validate(given)
    except ValidationError as err:
        raise Refusal(_in_words(err, fields), PUT_BACK) from None
    if not fold(drop.raw_text):
        raise Refusal("raw_text is empty", "Say in raw_text what was done.")
    if len(drop.raw_text) > settings.max_text_chars:
        raise Refusal(
            f"raw_text has {len(drop.raw_text):,} characters; the most allowed is {settings.max_text_chars:,}",
            "Say it in fewer words, or raise max_text_chars in recursion-gate.toml.",
        )
    for name in _SHORT:
        length = len(getattr(drop, name) or "")
        if length > _MOST_SHORT:
            raise Refusal(f"{name} has {length:,} characters; the most allowed is {_MOST_SHORT:,}", PUT_BACK)
    if len(drop.excerpt or "") > _MOST_EXCERPT:
        raise Refusal(
            f"excerpt has {len(drop.excerpt or ''):,} characters; the most allowed is {_MOST_EXCERPT:,}",
            "Keep the part that matters, and say in url where the whole stands.",
        )
    if drop.suggested_ix_section and drop.mind_category:
        follows = CATEGORY_OF[drop.suggested_ix_section]
        if follows != drop.mind_category:
            raise Refusal(
                f"mind_category says {drop.mind_category} but {drop.suggested_ix_section} is {follows}",
                "Keep one of the two; the other follows from it.",
            )
    return drop


def _check(name: str, value: Any, depth: int = 0) -> None:
    """What JSON can hold but a file or another reader cannot: half characters, endless nesting."""
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


def _in_words(err: ValidationError, fields: dict[str, Any]) -> str:
    errors = err.errors(include_url=False, include_input=False, include_context=False)
    # An unknown name comes before a missing one: it is most likely what is missing, misspelt.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    name = str(first["loc"][0]) if first["loc"] else ""
    shown = _shown(name)
    if first["type"] == "extra_forbidden":
        return f"unknown {shown}; {_hint(name)}"
    if first["type"] == "missing":
        return f"{shown} is missing"
    if name == "id" and first["type"] == "value_error" and looks_like_act_id(str(fields[name])):
        return "id must not begin with 'ACT-': that is how evidence is called"
    return f"{shown} {_MUST.get(name, 'must be text')}"


def _plain(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:60]).lower().replace("-", "_").replace(" ", "_")


def _shown(name: str) -> str:
    """The field `name` as a reason may name it: reasons are in the log, and other agents can read them, so one that is
    no field's, nor like one, is not repeated; it may be anybody's words."""
    if name in _FIELDS:
        return name
    plain = _plain(name)
    known = plain in _MEANT or difflib.get_close_matches(plain, _FIELDS, 1, 0.8)
    return f"field '{printable(name[:60])}'" if known else "field"


def _hint(name: str) -> str:
    """What to write instead of the unknown field `name`: the nearest in meaning, else in spelling."""
    plain = _plain(name)
    meant = _MEANT.get(plain)
    near = [meant] if meant else difflib.get_close_matches(plain, _FIELDS, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"the fields are {', '.join(_FIELDS)}; what else should be kept goes into 'meta'"


def _propose(fields: Any, where: str, name: str, data: bytes, mtime_ns: int, settings: Settings) -> Proposal:
    try:
        drop = validate(fields, settings)
    except Refusal as err:  # front matter alone may be the beginning of a file that is still being written
        unfinished = name.lower().endswith(".md") and not (fields.get("raw_text") or fields.get("text"))
        raise Refusal(where + err.problem, err.remedy, maybe_unfinished=unfinished) from None
    values = drop.__dict__
    given = frozenset(k for k in drop.model_fields_set if values[k] is not None or k == "suggested_ix_section")
    if "suggested_ix_section" in given:
        section = drop.suggested_ix_section
    elif drop.mind_category:
        section = SECTION_OF[drop.mind_category]
    else:
        section = infer_section(drop.raw_text, drop.skill_tag)
    values = values | {
        "suggested_ix_section": section,
        "mind_category": drop.mind_category or (CATEGORY_OF[section] if section else None),
        "id": drop.id or made_id(name, where, data, mtime_ns),
        "created_at": drop.created_at or instant(_moment(mtime_ns)),
        "source": drop.source if drop.source is not None else printable(name[:255]),
    }
    return Proposal(Candidate.model_validate(values), given)


def made_id(name: str, where: str, data: bytes, mtime_ns: int) -> str:
    """An id for a drop that gives none: ``cand-<ms>-<7 chars>``, the same for the same drop (contract, "A drop")."""
    ms = max(0, mtime_ns // 1_000_000)
    digest = short_hash(f"{name!r} {where} {mtime_ns} ".encode() + data, 7)
    return f"cand-{ms}-{digest}"


def _moment(mtime_ns: int) -> datetime:
    try:
        moment = datetime.fromtimestamp(mtime_ns / 1e9, UTC)
        if moment.year >= 1000:
            return moment
    except (ValueError, OverflowError, OSError):
        pass
    return datetime.fromtimestamp(0, UTC)  # a time no calendar knows (touch -d can do that)
