"""The outline of a Markdown file: its headings and rules, and what in it is front matter, a comment or code. Pure.

The one place that knows these rules of CommonMark, so that a line goes in under the very heading that readers see it
under. Two differences on purpose: a comment counts only if it begins a line and is closed, and so does a fence of code
that nothing closes not count, so that neither a slip of the pen nor the text of an entry hides the sections below.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["SECTION_LEVEL", "Outline", "outline", "starts_line", "title"]

#: The level of the headings that entries go under: a title of the whole file may read the same.
SECTION_LEVEL = 2

# Only lines that can matter to the outline: headings, rules, fences of code. Nothing in it can match the same signs in
# two ways, so that no line, however odd, takes long. It begins with the line end before, since a search for one sign
# is many times faster than a look at every place for the start of a line.
_MARK = re.compile(
    rb"\n(?:\xef\xbb\xbf)? {0,3}(?:(?P<level>\#{1,6})(?P<title>(?:[ \t][^\r\n]*)?)"
    rb"|(?P<rule>-[ \t]*-[ \t]*-[-\t ]*)"
    rb"|(?P<fence>`{3,}(?=[^`\r\n]*\r?$)|~{3,})[^\r\n]*)\r?$",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)

#: From where to where, in bytes.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of a text."""

    #: The headings (``level``, ``title``) and rules (``rule``) that show. Each begins at `start()`, and ends one before
    #: `end()`: they are matches in the text with a line end before it.
    marks: list[re.Match[bytes]]
    #: The front matter, the comments and the fenced code, in order and apart from each other.
    hidden: list[Span]


def outline(text: bytes) -> Outline:
    """The outline of `text`, UTF-8 with ``\\n`` or ``\\r\\n`` as line ends."""
    front = _FRONT_MATTER.match(text)
    begin = front.end() if front else 0
    comments = list(_comments(text, begin))
    found = [mark for mark in _MARK.finditer(b"\n" + text, begin) if not _is_inside(mark.start(), comments)]
    marks, code = _without_code(found)
    if code:
        comments = [span for span in comments if not _is_inside(span[0], code)]
    return Outline(marks, sorted([*([(0, begin)] if front else []), *comments, *code]))


def _without_code(found: Sequence[re.Match[bytes]]) -> tuple[list[re.Match[bytes]], list[Span]]:
    """The marks that are neither fences nor in fenced code, and where there is fenced code."""
    closed: set[int] = set()
    longest = {b"`": 0, b"~": 0}
    for mark in reversed(found):
        this = mark["fence"]
        if this:
            if longest[this[:1]] >= len(this):
                closed.add(mark.start())
            if mark[0].strip() == this:
                longest[this[:1]] = max(longest[this[:1]], len(this))
    kept, code = [], []
    fence, start = b"", 0
    for mark in found:
        this = mark["fence"]
        if not this:
            if not fence:
                kept.append(mark)
        elif not fence:
            fence, start = (this, mark.start()) if mark.start() in closed else (b"", 0)
        elif mark[0].strip() == this and this.startswith(fence):
            code.append((start, mark.end() - 1))
            fence = b""
    return kept, code


def _comments(text: bytes, begin: int) -> Iterator[Span]:
    # To look for one sign is many times faster than for four, and most Records have not even that.
    start = text.find(b"<!--", begin) if b"<" in text else -1
    end = begin
    while start >= 0:
        if end < start + 4:  # else it is the next one still, for what begins no line looks for it, too
            end = text.find(b"-->", start + 4)
        if end < 0:
            return
        line = start
        while line > begin and text[line - 1] in b" \t":
            line -= 1
        if line == begin or starts_line(text, line):
            yield start, end + 3
            start = end
        start = text.find(b"<!--", start + 3)


def _is_inside(at: int, spans: Sequence[Span]) -> bool:
    """Whether `at` lies in one of `spans`, which are in order and apart from each other."""
    before = bisect_left(spans, (at,))
    return before > 0 and at < spans[before - 1][1]


def title(mark: re.Match[bytes]) -> bytes:
    """The words of a heading, without the number signs that may close it."""
    said = mark["title"].strip(b" \t")
    bare = said.rstrip(b"#")
    return bare.rstrip(b" \t") if not bare or bare[-1] in b" \t" else said


def starts_line(text: bytes, at: int) -> bool:
    """Whether a line of `text` begins at `at`."""
    return text[max(at - 1, 0) : at] in (b"", b"\n") or (at == len(BOM_UTF8) and text.startswith(BOM_UTF8))
