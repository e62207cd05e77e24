"""The lines of a Record file that look approved: to our readers (`record_parse`, the same rule) and to the eye. Pure.

A claim is some lines of a file that name an ACT id as approved entries do. Every claim needs a receipt, or must have
stood there before the first one; `record_lines` compares them. To the readers a claim is an entry to which
`record_parse` gives an ACT id, of a dimension, a skill or the evidence, over as many lines as it has. To the eye it is
a list item that begins or ends with an ACT id, or a table row that does or has a cell of its own for one; also in a
quotation, a comment or code; whatever emphasis, brackets, link or tag is around the id, and whatever unseen signs are
in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..core.words import ACT_ID
from ..formats.record_parse import Entry, parse

__all__ = ["Claim", "claims", "ids_at_the_ends", "ids_in", "numbered"]

_ACT_ID = re.compile(r"ACT-[A-Za-z0-9._-]*[A-Za-z0-9]")
_READ_ID = re.compile(ACT_ID)

_BOM = b"\xef\xbb\xbf"
_UNSEEN = {"Cf", "Cc", "Mn", "Me"}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_QUOTED = re.compile(r"(?: ?>)+")
_BULLET = re.compile(r" ?(?:(?:[-*+|•‣◦▪·]|\d{1,9}[.)]) ?)+")
_OPEN, _CLOSE = r"""[*_`~\[("'<{]*""", r"""[*_`~\])"'>}.|\s]*"""
_ACT = r"ACT-[A-Za-z0-9._-]+"
_BEGINS = re.compile(rf"(?:\[[ xX]\] )?{_OPEN}{_ACT}")
_ENDS = re.compile(rf"{_ACT}(?:\]\([^()]*\))?{_CLOSE}\Z")
_CELL = re.compile(rf"\s*{_OPEN}{_ACT}{_CLOSE}")
#: How much of a line's end is looked at, so that no line, however odd, takes long.
_TAIL = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """Lines `first` to `last` of a file, counted from 1, which look approved by these `ids`."""

    first: int
    last: int
    ids: frozenset[str]
    #: Its text, on one line, without its bullet.
    text: str


def numbered(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a Record file that are not blank, without their line ends, and their numbers."""
    for number, line in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        line = line.rstrip(b"\r")
        if line.strip():
            yield number, line


def ids_at_the_ends(line: str) -> set[str]:
    """The ACT ids that a list item or a table row begins or ends with, or has a cell for, as the eye sees it."""
    line = _as_seen(line)
    quoted = _QUOTED.match(line)
    bullet = _BULLET.match(line, quoted.end() if quoted else 0)
    if bullet is None:
        return set()
    found = [m[0] for m in (_BEGINS.match(line, bullet.end()), _ENDS.search(line[bullet.end() :][-_TAIL:])) if m]
    if "|" in bullet[0]:
        found += [cell for cell in line.split("|") if _CELL.fullmatch(cell)]
    return {act for part in found for act in _ACT_ID.findall(part)[:1]}


def ids_in(lines: Iterable[bytes]) -> set[str]:
    """All ACT ids that `lines` name, wherever they stand in them."""
    seen = [text for line in lines for text in (line.decode(errors="replace"), _as_seen(line.decode(errors="replace")))]
    return {act for text in seen for pattern in (_ACT_ID, _READ_ID) for act in pattern.findall(text)}


def _as_seen(line: str) -> str:
    """`line` without what nobody sees: white space folded, all dashes one, no marks, tags and formatting signs."""
    if not line.isascii():
        line = unicodedata.normalize("NFKC", line).translate(_DASHES)
        line = "".join(c for c in line if c == "\t" or unicodedata.category(c) not in _UNSEEN)
    line = " ".join(line.split())
    return _TAG.sub("", line) if "<" in line else line


def claims(data: bytes) -> list[Claim]:
    """All claims of a Record file, by their first line. One that readers and eye see alike is one."""
    text = data.decode(errors="replace")  # as readers do
    where, lines = _lines(text)
    found: dict[tuple[int, int], tuple[set[str], str]] = {}

    def add(first: int, last: int, ids: set[str], raw: str) -> None:
        if ids:
            key = where[first - 1], where[last - 1]
            found.setdefault(key, (set(), raw))[0].update(ids)

    # Any file as any reader would read it: which file is for whom may change, and a line may be moved.
    record = parse({"self-knowledge.md": text, "self-evidence.md": text})
    starts = sorted({entry.line for entry in record.knowledge})
    ends = dict(zip(starts, [*(n - 1 for n in starts[1:]), len(lines)], strict=False))
    spans = {entry.line: (_last(lines, entry, ends[entry.line]), entry.raw) for entry in record.knowledge}
    for entry in record.knowledge:
        last, raw = spans[entry.line]
        marked = ids_at_the_ends(f"- {raw}") if last > entry.line else set()  # else it is seen with its line, below
        add(entry.line, last, {*entry.evidence_ids, *marked}, raw)
    for evidence in (*record.evidence, *record.struck):
        is_row = lines[evidence.line - 1].lstrip()[:1] == "|"
        last, raw = (evidence.line, "") if is_row else spans.get(evidence.line, (evidence.line, ""))
        add(evidence.line, last, {evidence.id}, raw or " ".join(lines[evidence.line - 1].split()))
    for number, line in enumerate(lines, 1):
        if "A" in line or not line.isascii():
            add(number, number, ids_at_the_ends(line), " ".join(line.split()))
    whole = {n: ids for (first, last), (ids, _) in found.items() if first < last for n in range(first, last + 1)}
    return [
        Claim(first, last, frozenset(ids), raw)
        for (first, last), (ids, raw) in sorted(found.items())
        if first < last or not whole.get(first, set()) >= ids  # else it is the line of a longer one that has the id
    ]


def _lines(text: str) -> tuple[list[int], list[str]]:
    """The lines of `text` as `record_parse` counts them, and the number of each in the file: an old Mac's line end ends
    a line there, and none here."""
    where, lines = [], []
    parts = text.removeprefix("\ufeff").split("\n")
    for number, part in enumerate(parts, 1):
        inside = (part.removesuffix("\r") if number < len(parts) else part).split("\r")
        lines += inside
        where += [number] * len(inside)
    return where, lines


def _last(lines: list[str], entry: Entry, end: int) -> int:
    """The last line of `entry`: as far as its words go. Where something hidden stands among them (a comment), all lines
    up to the next blank one, or to the `end`, the line before the next entry."""
    wanted, seen = entry.raw.count(" ") + 1, 0
    words: list[str] = []
    for number in range(entry.line, end + 1):
        here = lines[number - 1].split()
        if not here:
            return number - 1
        words += here
        seen += len(here)
        if 0 <= seen - wanted <= 3 and " ".join(words).endswith(entry.raw):
            return number
    return end
