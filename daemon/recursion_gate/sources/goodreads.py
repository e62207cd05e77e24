"""Goodreads: the library export. A book on the shelf "read" is a reading that was completed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import dates
from .csv_rows import heads, rows
from .entry import Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, quoted

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "Goodreads library export (CSV): books that were read"

_NEEDED = {"Book Id", "Title", "Author", "Exclusive Shelf"}
_EXCERPT = 2_000


def identify(file: SourceFile) -> bool:
    return not file.is_folder and not file.is_archive and set(heads(file)) >= _NEEDED


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    table = rows(file)
    names = next(table, (0, []))[1]
    for number, cells in table:
        row, where = dict(zip(names, cells, strict=False)), f"line {number}"
        if not row.get("Title"):
            yield LeftOut(where, "no title")
        elif row.get("Exclusive Shelf") != "read":
            yield LeftOut(where, f"on the shelf {quoted(row.get('Exclusive Shelf', ''))}, not read yet")
        else:
            yield _entry(row, where, options)


def _entry(row: dict[str, str], where: str, options: Options) -> Item:
    author = row.get("Author", "")
    fields: dict[str, Any] = {
        "raw_text": f"Read {quoted(row['Title'])}" + (f" by {' '.join(author.split())}." if author else "."),
        "skill_tag": "THINK",
        "activity_type": "read_completion",
        "topic": clipped(row["Title"], 200),
        "source_id": row.get("Book Id", ""),
    }
    try:
        if row.get("Date Read"):
            fields["created_at"] = dates.parse(row["Date Read"], options.day_first)
    except dates.BadDate:
        return LeftOut(where, "a date that cannot be read")
    if row.get("My Rating", "0") in ("1", "2", "3", "4", "5"):
        fields["score"] = f"{row['My Rating']}/5"
    if row.get("My Review"):
        fields["excerpt"] = clipped(row["My Review"].replace("<br/>", "\n"), _EXCERPT)
    shelves = [shelf.strip() for shelf in row.get("Bookshelves", "").split(",")]
    tags = [shelf[:60] for shelf in shelves if shelf and shelf != "read"][:20]
    if tags:
        fields["tags"] = tags
    book = row.get("Book Id") or f"{row['Title']} {author}"
    return Entry((book, row.get("Date Read", "")), fields, where)
