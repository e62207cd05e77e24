"""Kindle: ``My Clippings.txt``. A book with highlights or notes, not touched for two weeks, has been read."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from . import dates
from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, quoted

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "Kindle's My Clippings.txt: books with highlights and notes"

_END = "=========="
_TITLE = re.compile(r"(.*?)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*")
_NOTE = re.compile(r"\b(?:note|notiz|nota|remarque)\b", re.IGNORECASE)
_STILL_READING = timedelta(days=14)
#: Characters of a book's highlights that go on the card; lines that one clipping may have.
_EXCERPT, _LINES = 2_000, 2_000
#: The words that may stand before a date.
_WORDS = 8


@dataclass
class _Book:
    title: str
    author: str
    where: str
    highlights: int = 0
    notes: int = 0
    days: list[str] = field(default_factory=list)  # the first and the last
    excerpt: str = ""


def identify(file: SourceFile) -> bool:
    lines = [line.strip() for line in file.head_text.splitlines()[:40]]
    return _END in lines and len(lines) > 2 and lines[1].startswith("- ")


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    books: dict[tuple[str, str], _Book] = {}
    for where, lines in _clippings(file):
        if len(lines) < 2 or not lines[1].startswith("- "):
            yield LeftOut(where, "not a clipping")
        elif not "".join(lines[2:]).strip():
            yield LeftOut(where, "a bookmark")
        else:
            _add(books, where, lines, options)
    for book in books.values():
        yield _entry(book, options)


def _clippings(file: SourceFile) -> Iterator[tuple[str, list[str]]]:
    """Each clipping's place and lines."""
    lines: list[str] = []
    start = 1
    for number, line in enumerate(file.lines(), 1):
        if line.strip() == _END:
            yield f"line {start}", lines
            lines, start = [], number + 1
        elif lines or line.strip():
            lines.append(line.lstrip("\ufeff").strip())
            if len(lines) > _LINES:
                raise BadSource(f"{file.display}, line {start}", f"a clipping of more than {_LINES:,} lines")
    if lines:
        yield f"line {start}", lines


def _add(books: dict[tuple[str, str], _Book], where: str, lines: list[str], options: Options) -> None:
    found = _TITLE.fullmatch(lines[0])
    title, author = (found[1], found[2]) if found and found[1] else (lines[0], "")
    book = books.setdefault((title, author), _Book(title, author, where))
    if _NOTE.search(lines[1].split("|")[0]):
        book.notes += 1
    else:
        book.highlights += 1
    if len(book.excerpt) < _EXCERPT:
        book.excerpt += ("\n\n" if book.excerpt else "") + clipped(" ".join(lines[2:]), 500)
    day = _when(lines[1].rpartition("|")[2], options)
    if day:
        book.days = [min([day, *book.days]), max([day, *book.days])]


def _when(text: str, options: Options) -> str:
    """The date behind the words that come before it ("Added on", "Hinzugefügt am"); "" where it cannot be read: the
    book stands without one then."""
    words = text.split()
    for first in range(min(len(words), _WORDS)):
        with contextlib.suppress(dates.BadDate):
            return dates.parse(" ".join(words[first:]), options.day_first)
    return ""


def _entry(book: _Book, options: Options) -> Item:
    last = book.days[-1] if book.days else ""
    if last:
        moment = datetime.fromisoformat(last)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if moment > options.now - _STILL_READING:
            return LeftOut(book.where, "marked in the last two weeks: perhaps not finished yet")
    counts = [
        f"{number} {word}{'s' if number != 1 else ''}"
        for number, word in ((book.highlights, "highlight"), (book.notes, "note"))
        if number
    ]
    author = f" by {book.author}" if book.author else ""
    fields = {
        "raw_text": f"Read {quoted(book.title)}{author} on a Kindle: {' and '.join(counts)}.",
        "skill_tag": "THINK",
        "activity_type": "read_completion",
        "topic": clipped(book.title, 200) or "a book",
        "excerpt": clipped(book.excerpt, _EXCERPT),
    }
    if last:
        fields["created_at"] = last
    return Entry((book.title, book.author), fields, book.where)
