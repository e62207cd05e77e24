"""Quiz results as a table: a column with the score, one that says of what (Google Forms, Kahoot, school portals)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import dates
from .csv_rows import heads, rows
from .entry import Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, one_line, quoted

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "Quiz results (CSV with a score and a quiz or test)"

_SCORE = ("score", "total score", "points", "marks", "result", "correct answers", "correct")
_OF = ("out of", "max score", "maximum", "max", "total points", "total", "questions", "total questions", "possible")
_WHAT = ("quiz", "quiz name", "quiz title", "test", "test name", "assessment", "assignment", "exam", "game")
_TOPIC = ("topic", "subject", "course", "unit", "class")
_WHEN = ("timestamp", "date", "completed", "completed at", "submitted", "submitted at", "taken at", "taken", "end time")
_ID = ("attempt id", "submission id", "response id", "attempt", "id")
_NUMBER = re.compile(r"(\d{1,6}(?:[.,]\d{1,4})?)\s*(?:(?:/|of|out of)\s*(\d{1,6}(?:[.,]\d{1,4})?)|(%))?")


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.is_archive or file.ending not in (".csv", ".tsv", ".txt"):
        return False
    names = {name.casefold() for name in heads(file)}
    return bool(names & set(_SCORE)) and bool(names & set(_WHAT))


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    table = rows(file)
    names = [name.casefold() for name in next(table, (0, []))[1]]
    for number, cells in table:
        row = dict(zip(names, cells, strict=False))
        if any(cells):
            yield _entry(row, f"line {number}", options)


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _entry(row: dict[str, str], where: str, options: Options) -> Item:
    what, topic, score = one_line(_first(row, _WHAT)), one_line(_first(row, _TOPIC)), _first(row, _SCORE)
    if not what:
        return LeftOut(where, "no name of a quiz")
    found = _NUMBER.fullmatch(score)
    if not found:
        return LeftOut(where, "no score" if not score else "a score that is no number")
    of = found[2] or ("" if found[3] else _whole(_first(row, _OF)))
    said = f"{found[1]} of {of}" if of else f"{found[1]} %" if found[3] else f"{found[1]} points"
    fields: dict[str, Any] = {
        "raw_text": f"Took the quiz {quoted(what)}{f' ({topic})' if topic else ''}: {said}.",
        "skill_tag": "THINK",
        "activity_type": "quiz",
        "topic": clipped(topic or what, 200),
        "score": f"{found[1]}/{of}" if of else f"{found[1]}%" if found[3] else found[1],
    }
    when = _first(row, _WHEN)
    try:
        if when:
            fields["created_at"] = dates.parse(when, options.day_first)
    except dates.BadDate:
        return LeftOut(where, "a date that cannot be read")
    if _first(row, _ID):
        fields["source_id"] = _first(row, _ID)
    return Entry((_first(row, _ID), what, when, score), fields, where)


def _whole(text: str) -> str:
    return text if re.fullmatch(r"\d{1,6}", text) else ""
