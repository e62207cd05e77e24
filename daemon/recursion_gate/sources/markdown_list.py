"""Markdown and plain lists: one entry a list item, dated by the heading above it or at its beginning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import dates
from .entry import Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import one_line

__all__ = ["ABOUT", "extract", "identify", "list_items"]

ABOUT = "a Markdown list: its items"

_ITEM = re.compile(r"(?P<space>[ \t]*)(?:[-*+•]|\d{1,9}[.)])[ \t]+(?:\[(?P<box>.)\][ \t]+)?(?P<text>.*\S)")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t#]*")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_LINK = re.compile(r"!?\[\[(?:[^\]|\n]*\|)?([^\]|\n]+)\]\]|!?\[([^\]\n]*)\]\((?:[^()\s]|\([^()]*\))*\)")
_URL = re.compile(r"\]\((https?://[^()\s]+)\)|(?<![(\w])(https?://[^\s)>\]]+)")
_TAG = re.compile(r"(?<!\S)#([^\W\d_][\w/-]{0,58})")
_DONE = re.compile(r"\s*✅\s*(\d{4}-\d\d-\d\d)")
_MARKS = re.compile(r"\s*(?:[📅⏳🛫➕🔁]\s*\d{4}-\d\d-\d\d|[🔺⏫🔼🔽⏬]|\^[\w-]+$|\[\w+:: ?[^\]]*\])")
_DATE = re.compile(r"(?P<date>[^:–—]{6,40}?)\s*(?::\s|[–—-]\s)\s*(?P<text>\S.*)")
#: The lines and items that one entry is put together from.
_PARTS = 200
_IN_HEADING = re.compile(r"\d")


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.is_archive or file.ending not in (".md", ".markdown", ".txt"):
        return False
    lines = [line for line in file.head_text.splitlines()[:200] if line.strip()]
    return sum(_ITEM.fullmatch(line.rstrip()) is not None for line in lines) > max(1, len(lines) // 5)


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    return list_items(file, options, "")


def list_items(file: SourceFile, options: Options, day: str) -> Iterator[Item]:
    """The items of a note of the `day` (ISO 8601, or ""), in which a heading may name another one. The items below one
    belong to it: they say little by themselves."""
    topic, at, is_code = "", day, False
    item: list[str] = []
    start: re.Match[str] | None = None
    where = ""
    for number, line in enumerate(_without_front_matter(file.lines()), 1):
        if _FENCE.match(line):
            is_code = not is_code
        heading = None if is_code else _HEADING.fullmatch(line.rstrip())
        found = None if is_code else _ITEM.fullmatch(line.rstrip())
        if found and start is not None and _width(found["space"]) > _width(start["space"]):
            if found["box"] in (None, "x", "X") and len(item) < _PARTS:
                item.append(found["text"] if item[-1].endswith(":") else f"; {found['text']}")
            continue
        if start is not None and (found or heading or not line.strip() or is_code):
            yield _entry(start, item, where, topic, at, options)
            start = None
        if heading:
            dated = _date(heading[2], options)
            at, topic = (dated, "") if dated else (at, _clean(heading[2])[:200])
        elif found:
            start, item, where = found, [found["text"]], f"line {number}"
        elif start is not None and len(item) < _PARTS:
            item.append(line.strip())
    if start is not None:
        yield _entry(start, item, where, topic, at, options)


def _width(space: str) -> int:
    return len(space.expandtabs(4))


def _without_front_matter(lines: Iterator[str]) -> Iterator[str]:
    """The lines, those of the front matter as empty ones, so that their numbers stay."""
    is_front = False
    for number, line in enumerate(lines):
        if line.rstrip() == "---" and (number == 0 or is_front):
            is_front = number == 0
            yield ""
        else:
            yield "" if is_front else line


def _date(text: str, options: Options) -> str:
    """The date that `text` is; "" where it is none."""
    if not _IN_HEADING.search(text):
        return ""
    try:
        return dates.parse(text.strip("[] "), options.day_first)
    except dates.BadDate:
        return ""


def _entry(start: re.Match[str], lines: list[str], where: str, topic: str, at: str, options: Options) -> Item:
    if start["box"] is not None and start["box"] not in "xX":
        return LeftOut(where, "a task that is not done")
    whole = " ".join(lines).replace(" ; ", "; ")
    done = _DONE.search(whole)
    urls = [found[0] or found[1] for found in _URL.findall(whole)]
    tags = [tag[:60] for tag in dict.fromkeys(_TAG.findall(whole))][:20]
    text = _clean(whole)
    dated = _DATE.fullmatch(text)
    own = _date(dated["date"], options) if dated else ""
    if dated and own:
        text, at = dated["text"], own
    if done:
        at = done[1]
    if not re.search(r"\w", text):
        return LeftOut(where, "no words")
    fields: dict[str, Any] = {"raw_text": text}
    if at:
        fields["created_at"] = at
    if topic:
        fields["topic"] = topic
    if urls:
        fields["url"] = urls[0][:1_000]
    if tags:
        fields["tags"] = tags
    return Entry((at, text), fields, where)


def _clean(text: str) -> str:
    """`text` without the signs of Markdown and of task plugins; links as their words."""
    text = _LINK.sub(lambda found: found[1] or found[2] or "", text)
    text = _MARKS.sub("", _DONE.sub("", text))
    text = _TAG.sub("", text)
    text = re.sub(r"(\*\*|__|~~|==)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_`])(?=\S)([^*_`]+?)(?<=\S)\1(?!\w)", r"\2", text)
    return one_line(text)
