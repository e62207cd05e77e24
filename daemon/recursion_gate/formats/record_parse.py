"""The Record's files as entries: what a reader sees in them. Pure; forgiving, where `record_edit` is exact.

People edit these files by hand, and the companion-self app wrote some of them before us. So an entry is any list item,
whatever its bullet, and an evidence entry is any list item or table row that begins with an ACT id, whether its parts
are parted by dashes of any length, by pipes, or by a colon. What is no entry (headings, prose, code, comments,
placeholders) is passed over in silence. Evidence that a merge has struck, since its entry was superseded or retracted,
is kept apart: no reader says it (contract, promise 11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..core.words import ACT_ID, CATEGORY_OF, FILE_OF, HEADINGS, SECTION_OF, SKILLS
from .outline import SECTION_LEVEL, outline, title

__all__ = ["Entry", "Evidence", "Record", "entries", "parse"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One list item of a Record file."""

    #: Its text, without its bullet and without the evidence (or "seed") named at its end.
    text: str
    #: The ACT ids named at its end; mostly one, none for what was written by hand.
    evidence_ids: tuple[str, ...]
    #: The Record file, the number of its line there (from 1), and the heading that it stands under ("" for none).
    file: str
    line: int
    section: str
    #: The item as it stands, without its bullet.
    raw: str

    @property
    def evidence_id(self) -> str | None:
        """The first ACT id that it names."""
        return self.evidence_ids[0] if self.evidence_ids else None

    @property
    def own(self) -> bool:
        """Whether it is in the section for approved entries."""
        return self.section == HEADINGS.get(self.file)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry of ``self-evidence.md``. What a hand-written line leaves out is None."""

    id: str
    summary: str
    date: str | None
    skill: str | None
    line: int
    #: Why it no longer stands, as the merge that struck it has written: "superseded by ACT-…", "retracted 2026-11-24".
    struck: str | None = None


@dataclass(frozen=True)
class Record:
    """The approved entries about the companion, in the order of the files."""

    knowledge: tuple[Entry, ...] = ()
    curiosity: tuple[Entry, ...] = ()
    personality: tuple[Entry, ...] = ()
    #: By skill: THINK, WRITE, WORK, STEWARD.
    skills: Mapping[str, tuple[Entry, ...]] = field(default_factory=lambda: dict.fromkeys(SKILLS, ()))
    #: The evidence that stands, and that of entries which were superseded or retracted.
    evidence: tuple[Evidence, ...] = ()
    struck: tuple[Evidence, ...] = ()
    #: ``self.md`` as it stands.
    identity: str = ""

    def dimensions(self) -> dict[str, tuple[Entry, ...]]:
        """Knowledge, curiosity, personality (IX-A, IX-B, IX-C), by name."""
        return {category: getattr(self, category) for category in SECTION_OF}

    def find(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id. (The companion-self app could give one id twice: then the later one.)"""
        return next((e for e in reversed(self.evidence) if e.id == evidence_id), None)


def parse(texts: Mapping[str, str]) -> Record:
    """The entries in the Record files `texts` (file name -> text). A file that is not there has none."""

    def of(word: str) -> tuple[Entry, ...]:
        return tuple(entries(FILE_OF[word], texts.get(FILE_OF[word], "")))

    evidence = list(_evidence(texts.get("self-evidence.md", "")))
    return Record(
        **{category: of(section) for section, category in CATEGORY_OF.items()},
        skills={skill: of(skill) for skill in SKILLS},
        evidence=tuple(each for each in evidence if each.struck is None),
        struck=tuple(each for each in evidence if each.struck is not None),
        identity=texts.get("self.md", ""),
    )


# -- lines ----------------------------------------------------------------------------------------------------------

_RULE = re.compile(r"[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
_ITEM = re.compile(
    r"(?P<in>[ \t]*)(?:(?:[-*+]|\d{1,4}[.)])(?:[ \t]+|(?=•))(?:\[[ xX]\][ \t]+)?(?:•[ \t]*)?|•[ \t]*)(?P<text>\S.*)"
)
# None can be an approved entry: those end with an ACT id.
_PLACEHOLDER = re.compile(
    r"(?:\((?:placeholder|e\.g\.|none yet|empty)(?!\w).*\)|.* [—–-] \((?:empty|optional)\)|[•.\-–—…_\s]+)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Page:
    """A file as it shows."""

    #: Its lines; empty where there is front matter, code in fences, or a comment.
    lines: list[str]
    #: The headings of sections and above, by the number of their line, from 1.
    sections: dict[int, str]
    #: The numbers of the lines that are headings.
    headings: set[int]


def _read(text: str) -> _Page:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode(errors="surrogatepass")
    seen = outline(data)
    kept, at = [], 0
    for start, end in seen.hidden:
        kept += [data[at:start], b"\n" * data.count(b"\n", start, end)]
        at = end
    lines = b"".join([*kept, data[at:]]).decode(errors="surrogatepass").split("\n")
    sections, headings = {}, set()
    number, at = 1, 0
    for mark in seen.marks:
        number, at = number + data.count(b"\n", at, mark.start()), mark.start()
        if mark["level"]:
            headings.add(number)
            if len(mark["level"]) <= SECTION_LEVEL:
                sections[number] = title(mark).decode(errors="surrogatepass")
    return _Page(lines, sections, headings)


def _items(page: _Page) -> Iterator[tuple[int, str, str]]:
    """Each list item: the number of its line, the section it is in (a heading of a lower level ends none), its text
    with white space folded. Lines of text right below an item belong to it, as in Markdown."""
    section = ""
    item: tuple[int, str] | None = None
    words: list[str] = []
    for number, line in enumerate(page.lines, 1):
        heading = number in page.headings
        found = None if heading or _RULE.match(line) else _ITEM.match(line)
        if item is not None and not heading and not found and line.strip() and not _RULE.match(line):
            words += line.split()
            continue
        if item is not None:
            yield *item, " ".join(words)
            item = None
        if heading:
            section = page.sections.get(number, section)
        elif found and not _PLACEHOLDER.match(found["text"].rstrip()):
            item, words = (number, section), found["text"].split()
    if item is not None:
        yield *item, " ".join(words)


# -- entries --------------------------------------------------------------------------------------------------------

_IDS = re.compile(ACT_ID)
#: How much of a line's end is looked at for what it names there, so that no line, however odd, takes long.
_TAIL = 500
_NAMED = re.compile(
    rf"(?:\s*[—–|]+|\s+-+)?\s*[(\[]?(?P<ids>{ACT_ID}(?:[\s,;&+]+{ACT_ID})*)[)\]]?[.\s]*\Z|\s+[—–-]\s+(?P<seed>seed)\Z"
)


def entries(file: str, text: str) -> Iterator[Entry]:
    """The entries in the text of one dimension's or skill's file, one after the other."""
    for number, section, raw in _items(_read(text)):
        named = _NAMED.search(raw, max(0, len(raw) - _TAIL))
        said = raw[: named.start()].rstrip() if named else raw
        ids = tuple(_IDS.findall(named["ids"] or "")) if named else ()
        yield Entry(said or raw, ids if said else (), file, number, section, raw)


_PART = r"(?:\s*[—–|]+\s*|\s+-+\s+|\s*\|\s*)"
_EVIDENCE = re.compile(rf"[*_`\[(]*(?P<id>{ACT_ID})[*_`\])]*(?:{_PART}|\s*[:,-]\s*|\s+|\Z)(?P<rest>.*)\Z")
_DATE = r"(?P<date>\d{4}-\d{2}-\d{2})(?:[T ][\d:.]+Z?)?"
_SKILL = rf"(?P<skill>{'|'.join(SKILLS)})"
_ENDS = tuple(
    re.compile(rf"(?:\A|{_PART}|\s*[,(]\s*){end}[\s)|.]*\Z", re.IGNORECASE)
    for end in (rf"{_DATE}(?:{_PART}|\s*,\s*|\s+){_SKILL}", rf"{_SKILL}(?:{_PART}|\s*,\s*|\s+){_DATE}", _DATE, _SKILL)
)
#: As `record_edit.strike` writes it; a summary that merely has such signs in it is not struck.
_STRUCK = re.compile(rf"~~(?P<said>.*)~~ \((?P<why>superseded by {ACT_ID}|retracted \d{{4}}-\d\d-\d\d)\)\Z")
_ID_DATE = re.compile(r"ACT-(\d{4}-\d{2}-\d{2})(?:-|\Z)")


def _evidence(text: str) -> Iterator[Evidence]:
    page = _read(text)
    rows = {n: " ".join(line.split()).strip("| ") for n, line in enumerate(page.lines, 1) if line.lstrip()[:1] == "|"}
    items = {n: raw for n, _, raw in _items(page)}
    for number, raw in sorted({**rows, **items}.items()):
        found = _EVIDENCE.match(raw)
        if found is None:
            continue
        rest = found["rest"].strip()
        parts: dict[str, str] = {}
        for end in _ENDS:
            tail = end.search(rest, max(0, len(rest) - _TAIL))
            if tail:
                parts = tail.groupdict()
                rest = rest[: tail.start()].rstrip()
                break
        dated = _ID_DATE.match(found["id"])
        skill = parts.get("skill")
        struck = _STRUCK.match(rest)
        yield Evidence(
            found["id"],
            struck["said"] if struck else rest,
            parts.get("date") or (dated[1] if dated else None),
            skill.upper() if skill else None,
            number,
            struck["why"] if struck else None,
        )
