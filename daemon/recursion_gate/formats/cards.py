"""Candidate <-> Markdown card. Pure (contract, "A card").

A card that is byte for byte what `render` makes was not edited. Anything else is parsed and compared with the
candidate. The marker line is also the sentinel: a card without it was cut short, or had its end taken off.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import Refusal
from ..core.model import Candidate
from ..core.settings import Settings
from ..core.unseen import without_unseen
from ..core.words import CATEGORY_OF
from . import card_hints, frontmatter
from .drops import CARD_ONLY, decode
from .fields import validate
from .marker import MARKER_LINE, as_typed, on_a_card
from .record_edit import HEADINGS, Change, clean, fold

__all__ = [
    "FORGOTTEN",
    "LINE_THAT_GOES",
    "Verdict",
    "context",
    "ends_whole",
    "id_of",
    "is_as_staged",
    "is_outdated",
    "is_torn",
    "link_in",
    "note_in",
    "read",
    "reason_in",
    "render",
    "says_that_it_stands_not",
    "shows",
    "shows_what_goes",
    "stands_not",
    "target_in",
    "text_in",
    "typed_below",
    "with_plain_reason",
    "with_preview",
]

MARKER = "<!-- recursion-gate: edit only above this line; below is what approving adds, unless edited since -->"

#: How a card says that a line goes, or would.
_SINCE = {"edited": ", as it was edited by hand", "seed": ", from before the first receipt"}
_HOW = rf"(?:taken|struck) out(?:(?:{'|'.join(_SINCE.values())})(?: \[[0-9a-f]{{8}}\])?)?|no longer there"

_END = re.compile(rb'\nself-skill-[a-z]+\.md, "[^"\n]+"(?:, (?:%b|added))?:\n\n    [^\n]+\n\Z' % _HOW.encode())

_LINK = re.compile(rb"""^['"]?link_to_evidence_id['"]?[ \t]*:[ \t]*['"]?([\w.-]+)""", re.MULTILINE | re.IGNORECASE)

#: Ends the place of a line that goes, or would go, on a card.
_GOES = re.compile(rf", (?:{_HOW}):\n\n    ")

#: A line that goes, or would go, and what stands before it.
LINE_THAT_GOES = re.compile(rf"(, (?:{_HOW}):\s*\n[ \t]*).*")

#: The same of a line that no receipt tells, since a person had edited it in the Record when the card was made, or it is
#: from before the first one: with a digest, by which it is known as the daemon's whatever has become of it since.
_BY_HAND = re.compile(
    rf"^(.*, (?:taken|struck) out)({'|'.join(_SINCE.values())}) \[([0-9a-f]{{8}})\]:\n\n    (.*)$", re.MULTILINE
)

_TARGET = re.compile(
    rb"""^['"]?(?:supersedes|retracts)['"]?[ \t]*:[ \t]*['"]?([\w.-]+)""", re.MULTILINE | re.IGNORECASE
)

#: What a card says of a line behind its place; see `_parts`.
_LABELS = ("", ", added", ", taken out", ", struck out", ", no longer there")

#: What a line of a card says of which a piece was forgotten.
FORGOTTEN = "(forgotten)"

#: Of a correction, a retraction, whose entry is gone.
_STANDS_NOT = "The entry that this is about does not stand now: approving this only brings it back here, with a note."

_CONTEXT = "What the proposer says to you (never merged):"
_META_LIMIT = 1_000  # characters

#: Instructions on a card: the first line inside the front matter.
WHAT_TO_DO = '# To keep this, move this file into "approved"; if not, into "rejected". You may correct the text first.'
_TO_CORRECT = (
    '# This corrects an entry of the Record. To have it so, move this file into "approved"; if not, into "rejected". '
    "You may correct the text first."
)
_TO_RETRACT = (
    '# This takes an entry out of the Record. To have it so, move this file into "approved"; if not, into "rejected".'
)
_SHOWN = (
    "link_to_evidence_id",
    "supersedes",
    "retracts",
    "evidence_summary",
    "activity_type",
    "topic",
    "score",
    "source_id",
)
_EDITABLE = ("raw_text", "skill_tag", "suggested_ix_section", "created_at", "source", *_SHOWN)


def render(candidate: Candidate, lines: Sequence[Change], note: str | None = None) -> bytes:
    """The card of `candidate`, with the `lines` that approving would add, file by file."""
    quote = frontmatter.quote
    source = "null" if candidate.source is None else quote(candidate.source)
    more = [(name, value) for name in _SHOWN if (value := getattr(candidate, name)) is not None]
    below = _below(candidate, lines, stands_not(candidate, lines))
    said = f"note: {quote(note)}\n" if note else ""  # why it is here again comes before all else
    return (
        f"---\n{_what_to_do(candidate)}\n{said}id: {quote(candidate.id)}\nskill_tag: {candidate.skill_tag}\n"
        f"suggested_ix_section: {candidate.suggested_ix_section or 'null'}\n"
        f"created_at: {quote(candidate.created_at)}\nsource: {source}\n"
        + "".join(f"{name}: {quote(value)}\n" for name, value in more)
        + f"---\n\n{on_a_card(clean(candidate.raw_text))}\n\n{MARKER}{below}"
    ).encode()


def _what_to_do(candidate: Candidate) -> str:
    return _TO_CORRECT if candidate.supersedes else _TO_RETRACT if candidate.retracts else WHAT_TO_DO


def _below(candidate: Candidate, lines: Sequence[Change], returns: bool) -> str:
    """The text below the marker line: the reviewer's context, whether approving only `returns` the card, then the lines
    that approving adds."""
    said = context(candidate)
    quoted = f"\n\n{_CONTEXT}\n\n" + "\n".join(f"    > {line}" for line in said) if said else ""
    return quoted + f"\n\n{_STANDS_NOT}" * returns + _preview(lines)


def stands_not(candidate: Candidate, lines: Sequence[Change]) -> bool:
    """Whether the entry that `candidate` supersedes or retracts stands no longer: `lines`, which approving adds and
    takes out, then have none of it."""
    return bool(candidate.supersedes or candidate.retracts) and all(change.comes for change in lines)


def says_that_it_stands_not(card: bytes) -> bool:
    """Whether the card says of the entry that it is about that it stands no longer."""
    return f"\n{_STANDS_NOT}\n" in frontmatter.unix(decode(card)).rpartition("\n<!-- recursion-gate:")[2]


def context(candidate: Candidate) -> list[str]:
    """The proposer's words to the person who decides (contract: "reviewer's context"), line by line."""
    made = []
    for name in ("rationale", "excerpt", "url", "confidence", "tags", "meta"):
        value = getattr(candidate, name)
        if value is None:
            continue
        if name == "tags":
            value = ", ".join(fold(tag) for tag in value)
        elif not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False)
            value = value if len(value) <= _META_LIMIT else f"{value[:_META_LIMIT]} ..."
        first, *rest = clean(value).split("\n") if value.strip() else [""]
        made += [f"{name}: {first}", *(f"  {line}".rstrip() for line in rest)]
    return made


def _preview(lines: Sequence[Change]) -> str:
    """The lines that approving takes out and adds, file by file."""
    return "".join(f"\n\n{part}" for part in _parts(lines)) + "\n"


def _parts(lines: Sequence[Change]) -> list[str]:
    """Each line with its place. Where lines go each says what becomes of it; evidence that is struck out is shown once,
    as it will stand."""
    some_go = any(not a.comes for a in lines)
    made, struck = [], False
    for a in lines:
        if a.goes and a.file == "self-evidence.md":
            struck = True
            continue
        how = ", added" if a.comes else ", taken out" if a.goes else ", no longer there"
        place = f'{a.file}, "{a.heading}"{", struck out" if struck else how if some_go else ""}'
        if a.by_hand in _SINCE:
            place += f"{_SINCE[a.by_hand]} [{_digest_of(place, a.line)}]"
        made.append(f"{place}:\n\n    {a.line}")
        struck = False
    return made


def _digest_of(place: str, line: str) -> str:
    return hashlib.sha256(f"{place}\n{fold(line)}".encode()).hexdigest()[:8]


def _made_by_us(below: str) -> set[str]:
    """Of the text below a card's marker line what shows lines that no receipt tells, folded: the lines are the daemon's
    where their digest is right."""
    found = set()
    for shown in _BY_HAND.finditer(below):
        if _digest_of(shown[1], shown[4]) == shown[3] or shown[4] == FORGOTTEN:
            found |= {fold(f"{shown[1]}{shown[2]} [{shown[3]}]:"), fold(shown[4])}
    return found


def with_preview(card: bytes, staged: Candidate, lines: Sequence[Change]) -> bytes:
    """The card that a person has edited, down to its marker line as it is, and below it what it adds now: `lines`;
    the hints stay. Raises Refusal where it does not parse."""
    text = frontmatter.unix(decode(card))
    fields, rest = frontmatter.split(text)
    *_, marker = MARKER_LINE.finditer(rest)
    is_about = bool(fields.get("supersedes") or fields.get("retracts"))
    below = _below(staged, lines, is_about and all(change.comes for change in lines))
    made = (text[: len(text) - len(rest) + marker.end()] + below).encode()
    return card_hints.with_hints(made, card_hints.hints_in(card) or ()) or made


def shows(card: bytes, lines: Sequence[Change]) -> bool:
    """Whether what stands below the card's marker line is what `lines` give."""
    ends = frontmatter.unix(decode(card)).rstrip("\n").endswith(_preview(lines).rstrip("\n"))
    return ends and shows_what_goes(card, lines)


def shows_what_goes(card: bytes, lines: Sequence[Change]) -> bool:
    """Whether the card shows of the lines that go just those of `lines`; why one is struck out does not count."""
    text = frontmatter.unix(decode(card))
    below = text[[0, *(m.end() for m in MARKER_LINE.finditer(text))][-1] :]
    wanted = [part for part in _parts(lines) if _GOES.search(part)]
    wanted = [part.rpartition("~~ (")[0] if ", struck out" in part else part for part in wanted]
    digest = re.compile(r" \[[0-9a-f]{8}\](?=:\n)")  # that of a line that is struck out covers why
    below, wanted = digest.sub("", below), [digest.sub("", part) for part in wanted]
    return len(_GOES.findall(below)) == len(wanted) and all(part in below for part in wanted)


def _evidence_in(card: bytes) -> str:
    """The evidence that the last line of the card's preview names."""
    return frontmatter.unix(decode(card)).rstrip().rpartition(" — ")[2]


def is_outdated(
    card: bytes, staged: Candidate, candidate: Candidate, adds: Sequence[Change], as_staged: Sequence[Change]
) -> bool:
    """Whether a card, which says `candidate`, shows something else than the lines that it `adds`. A person who has
    edited it by hand knows that the lines change with the text; but the evidence must be the same, or that of the link
    which the card had before (`as_staged`)."""
    if shows(card, adds):
        return False
    if candidate == staged:
        return True
    same_target = (candidate.supersedes, candidate.retracts) == (staged.supersedes, staged.retracts)
    if same_target and not shows_what_goes(card, adds):
        return True
    if candidate.retracts or not adds or not as_staged:
        return False
    same_link = candidate.link_to_evidence_id == staged.link_to_evidence_id
    lines = [adds[-1]] if same_link else [adds[-1], as_staged[-1]]
    return _evidence_in(card) not in {a.line.rpartition(" — ")[2] for a in lines}


def link_in(card: bytes) -> str | None:
    """The entry that the card names in a line ``link_to_evidence_id: ...``, found without parsing it."""
    found = _LINK.search(card) if b"link_to_evidence_id" in card.lower() else None
    return found[1].decode() if found else None


def target_in(card: bytes) -> str | None:
    """The entry that the card supersedes or retracts, found without parsing it."""
    low = card.lower()
    found = _TARGET.search(card) if b"supersedes" in low or b"retracts" in low else None
    return found[1].decode() if found else None


def is_as_staged(card: bytes, candidate: Candidate) -> bool:
    """Whether a byte comparison shows that nobody has edited the card, as for nearly all. Where it does not,
    `read` tells."""
    down_to_marker = render(candidate, ()).removesuffix(_below(candidate, (), stands_not(candidate, ())).encode())
    return card.startswith(down_to_marker) and card.find(b"\n<!-- recursion-gate:", len(down_to_marker)) < 0


def id_of(data: bytes) -> str | None:
    """The id that a card's front matter names, also where the rest of it is broken."""
    return frontmatter.peek_id(data.decode("utf-8-sig", errors="replace"))


def note_in(data: bytes) -> str | None:
    """The note that the daemon has put on a card. Raises Refusal where the card does not parse."""
    note = frontmatter.split(with_plain_reason(data))[0].get("note")
    return note if isinstance(note, str) else None


def with_plain_reason(card: bytes) -> str:
    """The text of a card, with ``\\n`` as line ends, and the reason on it in quotes: a person writes a sentence
    there, in no YAML. Raises Refusal."""
    text = frontmatter.unix(decode(card))
    mended, said = frontmatter.sentence(text, "reason")
    if said is None:
        return text
    try:
        before, _ = frontmatter.split(text)
    except Refusal:
        return mended
    try:
        after, _ = frontmatter.split(mended)
    except Refusal:
        return text
    before, after = ({k: v for k, v in f.items() if k.lower() != "reason"} for f in (before, after))
    return mended if before == after and said[0] not in "\"'" else text  # else it is a part of another value, or YAML


def reason_in(data: bytes) -> str | None:
    """The reason that a person has written on a card, also where the rest of it cannot be read."""
    said = frontmatter.sentence(data.decode("utf-8-sig", errors="replace"), "reason")[1]
    return fold(said) or None if said else None


def typed_below(card: bytes, staged: Candidate, previews: Sequence[Sequence[Change]]) -> bool:
    """Whether somebody has typed below the marker line: there stands a line that is in none of `previews`, which are
    what the daemon may have put there, but for the evidence that a line links to, which may have been decided since.
    Raises Refusal."""
    text = frontmatter.unix(decode(card_hints.without_hints(card)))
    *_, marker = MARKER_LINE.finditer(text)
    below = text[marker.end() :]
    ours = {fold(line) for lines in previews for line in _below(staged, lines, True).split("\n")} | _made_by_us(below)
    ours |= _PLACES
    links = {fold(a.line).rpartition(" — ")[0] for lines in previews if _is_linked(lines) for a in lines}
    *typed, last = [said for line in below.split("\n") if (said := fold(line))] or [""]
    if any(line.startswith(last) for line in ours | links):  # cut short by a power cut: nobody has typed that
        last = ""
    return any(line not in ours and line.rpartition(" — ")[0] not in links for line in (*typed, last))


#: The lines above the Record's lines, and what stands for such a line where it was forgotten.
_PLACES = {FORGOTTEN, *(f'{file}, "{heading}"{how}:' for file, heading in HEADINGS.items() for how in _LABELS)}


def _is_linked(lines: Sequence[Change]) -> bool:
    """Whether no evidence is added: as many lines go from that file as come."""
    return sum(a.comes - a.goes for a in lines if a.file == "self-evidence.md") == 0


def is_torn(data: bytes, whole: bytes) -> bool:
    """Whether `data` is what a power cut has left of the card `whole`: cut short, or with NULs for its bytes. With NULs
    it may be one that was made before its preview was made anew."""
    if b"\0" in data:
        above = whole.rfind(b"\n<!-- recursion-gate:")
        return all(here in (0, was) for here, was in zip(data[:above], whole[:above], strict=False))
    if len(data) > len(whole) or data == whole:
        return False
    return all(here in (0, was) for here, was in zip(data, whole[: len(data)], strict=True))


def ends_whole(data: bytes) -> bool:
    """Whether a card of ours ends as all do, with the line for the skill's file. Costs little."""
    end = data.rfind(b"\nself-skill-")
    return end >= 0 and b"\0" not in data and _END.match(data, end) is not None


class Verdict:
    """The content of a card: the candidate, and the person's reason, if any."""

    __slots__ = ("below", "candidate", "edited", "reason", "via")

    def __init__(self, candidate: Candidate, edited: bool, reason: str | None, via: str | None) -> None:
        self.candidate, self.edited, self.reason, self.via = candidate, edited, reason, via
        self.below = False  # whether somebody has typed below the marker line: see `typed_below`


def _body(rest: str) -> str:
    """The text above the marker line. Raises Refusal where there is no such line."""
    markers = list(MARKER_LINE.finditer(rest))
    if not markers:
        raise Refusal(
            "the line that begins with '<!-- recursion-gate:' is missing, so the card may be cut short",
            "Leave that line, and what is below it, as it is.",
            maybe_unfinished=True,
        )
    return without_unseen(as_typed(rest[: markers[-1].start()])).strip()


def text_in(data: bytes) -> str:
    """The text of a card, with a person's edits, without its candidate. Raises Refusal where it does not parse."""
    return _body(frontmatter.split(with_plain_reason(data))[1])


def read(data: bytes, staged: Candidate, settings: Settings) -> Verdict:
    """The card `data` of the candidate `staged`, with the person's edits. Raises Refusal where it does not parse."""
    values, rest = frontmatter.split(with_plain_reason(data))
    body = _body(rest)
    decided = {name: values.pop(name, None) for name in CARD_ONLY}
    for name, value in decided.items():
        if value is not None and not isinstance(value, str):
            raise Refusal(f"{name} must be text")
    if values.get("id", staged.id) != staged.id:
        raise Refusal("the id was changed", "Leave its id as it is.")
    if "raw_text" in values or "text" in values:
        raise Refusal("the text is given twice: in the front matter and as the body", "Keep the body.")
    room = max(settings.max_text_chars, len(staged.raw_text))  # what was staged stays good when the limit is lowered
    drop = validate({**values, "raw_text": body}, replace(settings, max_text_chars=room))
    changed: dict[str, Any] = {}
    for name in _EDITABLE:
        if name == "raw_text":
            if drop.raw_text != clean(staged.raw_text):
                changed[name] = drop.raw_text
        elif name in drop.model_fields_set or name in _SHOWN:
            value = getattr(drop, name)
            if value != getattr(staged, name) and not (name == "created_at" and value is None):
                changed[name] = value
    if drop.mind_category and "suggested_ix_section" not in values:
        raise Refusal("mind_category follows suggested_ix_section", "Change suggested_ix_section instead.")
    if "suggested_ix_section" in changed:
        section = changed["suggested_ix_section"]
        changed["mind_category"] = CATEGORY_OF[section] if section else None
    if changed.get("link_to_evidence_id") == staged.id:
        raise Refusal("link_to_evidence_id names the card itself", "Take the line out, or name another entry.")
    candidate = staged.model_copy(update=changed) if changed else staged
    reason = decided["reason"]
    return Verdict(candidate, bool(changed), fold(reason) or None if reason else None, decided["via"])
