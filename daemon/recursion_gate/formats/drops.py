"""One dropped file -> its candidates, or the reason why not. Pure: bytes in, decision out (contract, "A drop")."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from ..core.errors import Refusal
from ..core.model import Candidate, infer_section, instant, short_hash
from ..core.paths import DROP_FORMS
from ..core.settings import Settings
from ..core.text import printable
from ..core.words import CATEGORY_OF, SECTION_OF
from . import frontmatter
from .fields import FIELDS, PUT_BACK, validate
from .json_words import explain
from .marker import MARKER_LINE, as_typed

__all__ = ["CARD_ONLY", "Proposal", "decode", "parse"]

#: Fields of a card's front matter beside a drop's: the daemon's note, and how a person decided.
CARD_ONLY = ("note", "reason", "via")

#: The most values (numbers, texts, lists, objects) in one drop: as objects in memory each takes up to forty times the
#: bytes that it takes in the file, and time when it is looked at.
_VALUES_LIMIT = 50_000
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_DEEP = re.compile(r"(?:[\[{][\s:]*){100}")


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
    if _signs(text) > _VALUES_LIMIT and _signs(bare := _STRING.sub("", text)) > _VALUES_LIMIT:
        if _DEEP.search(bare):
            raise Refusal("the JSON is nested too deeply", "Flatten it.")
        raise Refusal(
            f"more than {_VALUES_LIMIT:,} values in one file", "Split it into several files, or shorten meta."
        )


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


def _lines(text: str, limit: int) -> Iterator[tuple[Any, str]]:
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            count += 1
            if count > limit:
                raise Refusal(f"more than {limit:,} lines in one file", "Split it into several files.")
            try:
                yield _json(line), f"line {number}: "
            except Refusal as err:
                raise Refusal(
                    f"line {number}: {err.problem}",
                    err.remedy,
                    maybe_unfinished=err.maybe_unfinished,
                    found=err.found,
                ) from err


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        name = _twice(k for k, _ in pairs) or ""
        which = f"the field '{name}'" if name in FIELDS else "a field"  # a name of their own may be anybody's words
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


def _propose(fields: Any, where: str, name: str, data: bytes, mtime_ns: int, settings: Settings) -> Proposal:
    try:
        drop = validate(fields, settings)
    except Refusal as err:  # front matter alone may be the beginning of a file that is still being written
        unfinished = name.lower().endswith(".md") and not (fields.get("raw_text") or fields.get("text"))
        raise Refusal(where + err.problem, err.remedy, maybe_unfinished=unfinished, found=err.found) from None
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
