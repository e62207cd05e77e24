"""Lines of the Record that name an entry which no longer stands: a person has copied them there by hand, so the
decision that took the entry's own lines out did not know of them. No reader says them (contract, promise 11); the file
stays as the person has it, and `verify` names the line. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..core.model import act_key
from ..core.words import ACT_ID
from ..formats.record_parse import Entry, entries, parse
from ..store import jsonl
from ..store.standing import Gone

__all__ = ["names_any", "without"]

_EVIDENCE = "self-evidence.md"
_IDS = re.compile(rf"(?<![\w-]){ACT_ID}")
#: An id as evidence begins with it, in a list of a list perhaps, and as a line of another file ends with it.
_FIRST = re.compile(rf"[-+•*_`\[(\s]*(?P<ids>{ACT_ID})")
_LAST = re.compile(rf"(?<![\w-])(?P<ids>{ACT_ID}(?:[\s,;&+]+{ACT_ID})*)[)\]]?[.\s]*\Z")
#: Evidence as a merge strikes it, which is most of what names an entry that is gone.
_STRUCK = re.compile(
    rf"^- {ACT_ID} — ~~[^\n]*~~ \((?:superseded by {ACT_ID}|retracted [\d-]{{10}})\) — [\d-]{{10}} — [A-Z]+$",
    re.MULTILINE,
)
#: How much of a line's end is looked at, so that no line, however odd, takes long.
_TAIL = 500


def names_any(texts: Mapping[str, str]) -> bool:
    """Whether these Record files name any ACT id."""
    return any(_IDS.search(text) for text in texts.values())


def without(texts: Mapping[str, str], gone: Gone) -> dict[str, str]:
    """The Record files `texts` with an empty line for each that only names entries which are `gone`, but for struck
    evidence. What links to such an entry, and stands itself, names the same id and stays: it is known by the line of
    its receipt; where a person has edited that, what may be it stays, too."""
    return {file: _without(file, text, gone) if gone.keys else text for file, text in texts.items()}


def _without(file: str, text: str, gone: Gone) -> str:
    unstruck = _STRUCK.sub("", text) if file == _EVIDENCE else text
    keys = gone.keys & {act_key(each) for each in _IDS.findall(unstruck)}
    if not keys:
        return text
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    linked = _Linked(file, lines, gone, keys)
    items = list(entries(file, text))
    if file == _EVIDENCE:
        evidence = {each.line for each in parse({file: text}).evidence if act_key(each.id) in keys}
        raws = {item.line: item.raw for item in items}
        out = [_span(lines, line, raws.get(line, "")) for line in evidence]
    else:
        spans = [(item, _span(lines, item.line, item.raw)) for item in items if "ACT-" in item.raw]
        out = [span for item, span in spans if _is_gone(item, span, lines, keys) and not linked.may_be(span)]
    for span in out:
        for number in span:
            lines[number] = ""
    return "\n".join(lines)


def _span(lines: list[str], line: int, raw: str) -> range:
    """Where in `lines` the item stands that begins at this line, and says `raw`."""
    said = ""
    for number in range(line - 1, len(lines)):
        said += " " + " ".join(lines[number].split())
        if said.endswith(raw) or not lines[number].strip():
            return range(line - 1, number + 1)
    return range(line - 1, line)


def _is_gone(item: Entry, span: range, lines: list[str], keys: Collection[str]) -> bool:
    """Whether the item names entries as their own lines do, and all of them are gone."""
    named = [*item.evidence_ids, *(each for number in span for each in _ids_at_end(lines[number]))]
    if first := _FIRST.match(item.raw):
        named.append(first["ids"])
    return bool(named) and all(act_key(each) in keys for each in named)


def _ids_at_end(line: str) -> Iterator[str]:
    if found := _LAST.search(line, max(0, len(line) - _TAIL)):
        yield from _IDS.findall(found["ids"])


class _Linked:
    """Of one file, the lines of entries that stand and link to one which is gone."""

    def __init__(self, file: str, lines: list[str], gone: Gone, keys: Collection[str]) -> None:
        self._lines = lines
        self._theirs: dict[str, set[str]] = {}
        self._own: dict[str, set[str]] = {}
        for key in keys & gone.linked.keys():
            theirs = {line for told in gone.linked[key] for line in _told(told).get(file, [])[-1:]}
            if theirs:
                self._theirs[key] = theirs
                self._own[key] = {those[-1] for those in _told(gone.own.get(key, b"")).values() if those} - theirs
        there = {line.removesuffix("\r") for line in lines} if self._theirs else set()
        self._edited = {key for key, theirs in self._theirs.items() if theirs - there}

    def may_be(self, span: range) -> bool:
        """Whether the item there is the line of one of them, or may be."""
        line = self._lines[span[0]]
        named = {act_key(each) for number in span for each in _IDS.findall(self._lines[number])}
        for key in named & self._theirs.keys():
            if line in self._theirs[key] or (key in self._edited and line not in self._own[key]):
                return True
        return False


def _told(line: bytes) -> dict[str, list[str]]:
    """The lines of the entry, by file, that a receipt tells."""
    lines: Any = jsonl.fields(line).get("lines")
    return lines if isinstance(lines, dict) else {}
