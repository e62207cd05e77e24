"""Where a candidate's lines go, and a Record file with them in. Pure (contract, "A merge").

Nothing is ever rewritten: the new bytes are the old ones with whole lines put in, so that every other byte stays.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from ..core.model import Candidate, act_id
from ..core.unseen import without_unseen
from ..core.words import ACT_ID, FILE_OF, HEADINGS, SKILLS
from .outline import SECTION_LEVEL, outline, starts_line, title

__all__ = [
    "HEADINGS",
    "Change",
    "OldLines",
    "additions",
    "changes",
    "clean",
    "count",
    "effect",
    "fold",
    "gone_as",
    "insert",
    "strike",
    "whole_lines",
]

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1f\x85\u2028\u2029]")  # with all that str.split takes for white space


def clean(text: str) -> str:
    """`text` with its lines kept, all ended by line feeds, without what a person cannot see."""
    return without_unseen(text if text.isprintable() else _LINE_ENDS.sub("\n", text)).strip()


def fold(text: str) -> str:
    """`text` as one line: white space folded, without what a person cannot see."""
    line = " ".join(text.split())
    seen = without_unseen(line)
    return line if seen == line else " ".join(seen.split())


class Change(NamedTuple):
    """One line that approving adds, or takes out: in which file, under which heading."""

    file: str
    heading: str
    line: str
    #: Whether it is taken out.
    goes: bool = False
    #: Of an old entry's line, what a person has done with it since it was merged: "edited", or "removed"; or "seed": it
    #: stood there before the first receipt. One that was removed neither goes nor comes.
    by_hand: Literal["", "edited", "removed", "seed"] = ""

    @property
    def comes(self) -> bool:
        """Whether it is added."""
        return not self.goes and self.by_hand != "removed"


#: The lines of an old entry, by file: as each was merged, "" where no receipt tells, and as it stands now; None where
#: it stands no longer.
OldLines = Mapping[str, tuple[str, str | None]]


def effect(
    candidate: Candidate,
    waiting: Callable[[str], Candidate | None],
    decided: Callable[[str], str | None],
    known: dict[str, str] | None = None,
    old: Callable[[str], OldLines] = lambda named: {},
) -> list[Change]:
    """The lines that approving `candidate` would add and take out, as far as is known now.

    `waiting` gives a candidate at the gate by its id, `decided` the ACT id under which one was approved, `old` the
    lines of an entry that stands, by its ACT id. `known` is filled here: the evidence that each link means in the
    end. It is true as long as gate and receipts do not change.
    """
    link = candidate.link_to_evidence_id
    # The ACT id is that of the candidate as it was staged, whatever a person has made of it since.
    own = "" if link else act_id(waiting(candidate.id) or candidate)
    evidence = own or _evidence(str(link), waiting, decided, {} if known is None else known)
    target = candidate.supersedes or candidate.retracts
    return changes(candidate, evidence, old(target) if target else {}, linked=not own)


#: The evidence first, the skills last, the dimensions between.
_RANK = {"self-evidence.md": 0, **{FILE_OF[skill]: 2 for skill in SKILLS}}


def changes(candidate: Candidate, evidence_id: str, old: OldLines, *, linked: bool) -> list[Change]:
    """The lines that approving `candidate` takes out and adds, file by file: the evidence, the dimension, the skill; in
    each what goes before what comes. `old`: the lines of the entry that it supersedes or retracts."""
    goes, comes = [], []
    for file, (merged, line) in old.items():
        heading = HEADINGS[file]
        if line is None:
            goes.append(Change(file, heading, merged, by_hand="removed"))
            continue
        how: Literal["", "edited", "seed"] = "" if line == merged else "edited" if merged else "seed"
        goes.append(Change(file, heading, line, goes=True, by_hand=how))
        if file == "self-evidence.md":
            comes.append(Change(file, heading, strike(line, gone_as(candidate, evidence_id)), by_hand=how))
    comes += [] if candidate.retracts else additions(candidate, evidence_id, linked=linked)
    return sorted([*goes, *comes], key=lambda change: _RANK.get(change.file, 1))


def gone_as(candidate: Candidate, evidence_id: str) -> str:
    """What is said of an entry that `candidate` supersedes or retracts, on its evidence line."""
    return f"retracted {candidate.created_at[:10]}" if candidate.retracts else f"superseded by {evidence_id}"


_EVIDENCE_LINE = re.compile(
    rf"(\s*[-*+]\s+{ACT_ID}(?:\s+—\s+)?)(.*?)((?: — \d{{4}}-\d\d-\d\d)?(?: — (?:{'|'.join(SKILLS)}))?)\s*\Z"
)


def strike(evidence: str, why: str) -> str:
    """The evidence line of an entry that no longer stands (contract, "A merge")."""
    found = _EVIDENCE_LINE.match(evidence)
    if found is None:
        return f"- ~~{evidence.strip().removeprefix('- ')}~~ ({why})"
    return f"{found[1]}~~{found[2].strip()}~~ ({why}){found[3]}"


def _evidence(
    link: str,
    waiting: Callable[[str], Candidate | None],
    decided: Callable[[str], str | None],
    known: dict[str, str],
) -> str:
    """The evidence that `link` means in the end: it may name a candidate that itself links further. Links that end in a
    circle mean nothing: then it is `link` itself."""
    way: dict[str, None] = {}
    last, end = link, ""
    while last not in way:
        if last in known:
            end = known[last]
            break
        way[last] = None
        target = waiting(last)
        if target is None or not target.link_to_evidence_id:
            end = act_id(target) if target else decided(last) or last
            break
        last = target.link_to_evidence_id
    known.update(dict.fromkeys(way, end))
    return end or link


def additions(candidate: Candidate, evidence_id: str, *, linked: bool) -> list[Change]:
    """The lines that approving `candidate` adds, in the contract's order. With `linked` the evidence is there
    already, and no second entry is made for it."""
    text = fold(candidate.raw_text)
    made = []
    if not linked:
        summary = (fold(candidate.evidence_summary) if candidate.evidence_summary else "") or text
        line = f"- {evidence_id} — {summary} — {candidate.created_at[:10]} — {candidate.skill_tag}"
        made.append(("self-evidence.md", line))
    if candidate.suggested_ix_section:
        made.append((FILE_OF[candidate.suggested_ix_section], f"- • {text} — {evidence_id}"))
    made.append((FILE_OF[candidate.skill_tag], f"- • {text} — {evidence_id}"))
    return [Change(file, HEADINGS[file], line) for file, line in made]


_BLANK = b" \t\r\n"


def insert(text: bytes, heading: str, lines: Sequence[str]) -> tuple[bytes, list[str]]:
    """`text`, UTF-8, with `lines` at the end of the section ``## heading``, and the whole lines that were put in.

    The section is made at the end of the text if it is missing. It ends before the next heading of its level or
    above, or before a ``---`` rule that stands in front of one; blank lines at its end stay behind what is put in.
    """
    end = _section_end(text, heading.encode())
    added = list(lines)
    if end is None:
        added = [f"## {heading}", *lines]
        end = len(text)
        if text.replace(BOM_UTF8, b"").strip(_BLANK):
            added = ["", *added]
    newline = _newline_at(text, end)
    block = newline.join(line.encode() for line in added)
    if starts_line(text, end):
        block += newline
    else:  # the last line of the file has no line end, and keeps none
        block = (b"\n" if text[end - 1 : end] == b"\r" else newline) + block
    old = memoryview(text)  # a long Record is copied once
    return b"".join((old[:end], block, old[end:])), added


def _section_end(text: bytes, heading: bytes) -> int | None:
    """Where a line at the end of the section goes in: the start of a line, or the end of the text."""
    start: int | None = None
    rule: re.Match[bytes] | None = None
    stop = len(text)
    for mark in outline(text).marks:
        if mark["rule"]:
            rule = mark
            continue
        if start is None:
            if len(mark["level"]) == SECTION_LEVEL and title(mark) == heading:
                start = mark.end() - 1
        elif len(mark["level"]) <= SECTION_LEVEL:
            stop = mark.start()
            if rule is not None and not text[rule.end() - 1 : stop].strip(_BLANK):
                stop = rule.start()
            break
        rule = None
    if start is None:
        return None
    last = stop
    while last > start and text[last - 1] in _BLANK:
        last -= 1
    line_end = text.find(b"\n", last)
    return len(text) if line_end < 0 else line_end + 1


def _newline_at(text: bytes, end: int) -> bytes:
    """The line end that the text around `end` uses."""
    before = text.rfind(b"\n", 0, end)
    if before < 0:
        before = text.find(b"\n")
    cut = text[end - 1 : end] == b"\r"  # the first half of a line end, which then is made whole
    return b"\r\n" if cut or text[max(before - 1, 0) : before] == b"\r" else b"\n"


def count(text: bytes, line: str) -> int:
    """How often `text`, UTF-8, has `line` as a whole line."""
    return sum(1 for _ in whole_lines(text, line))


def whole_lines(text: bytes, line: str) -> Iterator[int]:
    """Where `text`, UTF-8, has `line` as a whole line."""
    wanted = line.encode()
    at = text.find(wanted)
    while at >= 0:
        if starts_line(text, at) and text[at + len(wanted) : at + len(wanted) + 1] in (b"", b"\r", b"\n"):
            yield at
        at = text.find(wanted, at + 1)
