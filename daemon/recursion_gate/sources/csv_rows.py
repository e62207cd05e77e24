"""CSV and TSV: rows under a line of heads, as spreadsheets really write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice

from .entry import BadSource, Item, LeftOut, Options
from .file import SourceFile
from .mapping import Mapper

__all__ = ["ABOUT", "extract", "heads", "identify", "rows"]

ABOUT = "CSV or TSV with a line of heads (spreadsheets, most exports)"

_ENDINGS = {".csv", ".tsv", ".tab"}
_DELIMITERS = ",;\t|"
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own line
_SAMPLE = 100
_CELL_LIMIT = 1_000_000


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.is_archive:
        return False
    if file.ending in _ENDINGS:
        return True
    text = file.head_text
    lines = text.splitlines()
    return len(lines) > 1 and "\t" in lines[0] and len({line.count("\t") for line in lines[:-1][:20]}) == 1


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    table = rows(file)
    names = next(table, (0, []))[1]
    mapper = Mapper(names, options, strict=True)
    for number, row in table:
        where = f"line {number}"
        if not any(row):
            continue
        if len(row) > len(names) and any(row[len(names) :]):
            yield LeftOut(where, "more cells than heads")
            continue
        yield mapper.item(dict(zip(names, row, strict=False)), where)


def heads(file: SourceFile) -> list[str]:
    """The heads of the columns at the file's beginning; none where it is no table."""
    text = file.head_text
    found = _SEP.match(text)
    body = text[found.end() :] if found else text
    return [cell.strip() for cell in next(csv.reader(body.splitlines(), delimiter=_delimiter(text)), [])]


def rows(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The rows with their line numbers, the heads first; cells without white space around them. Raises BadSource."""
    delimiter = _delimiter(file.head_text)
    csv.field_size_limit(_CELL_LIMIT)
    with file.text() as text:
        start = text.readline(16)
        skipped = bool(_SEP.fullmatch(start))
        lines = text if skipped else _after(start, text)
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            first = True
            for row in reader:
                if first and not any(cell.strip() for cell in row):
                    continue
                yield reader.line_num + skipped, _heads(row) if first else [cell.strip() for cell in row]
                first = False
        except csv.Error as err:
            raise BadSource(
                f"{file.display}, line {reader.line_num + skipped + 1}",
                f"this is no row of a table ({err})",
                "Mostly a quotation mark is never closed; the rows before it are fine.",
            ) from None


def _after(start: str, text: Iterator[str]) -> Iterator[str]:
    """The lines of `text`, of whose first one `start` has been read."""
    if start.endswith(("\n", "\r")) or not start:
        if start:
            yield start
    else:
        yield start + next(text, "")
    yield from text


def _heads(row: list[str]) -> list[str]:
    """The heads: one that is missing or stands twice is called by its number."""
    made: list[str] = []
    for number, cell in enumerate(row, 1):
        name = cell.strip().removeprefix("\ufeff")
        made.append(name if name and name not in made else f"{name}#{number}")
    return made


def _delimiter(text: str) -> str:
    """The sign between cells: the one that parts most rows into as many cells as the heads."""
    found = _SEP.match(text)
    if found:
        return found[1]
    lines = text.splitlines()[: _SAMPLE + 1]
    best, most = ",", 0.0
    for sign in _DELIMITERS:
        try:
            table = [row for row in islice(csv.reader(lines, delimiter=sign), _SAMPLE) if row]
        except csv.Error:
            continue
        width = len(table[0]) if table else 0
        if width > 1:
            score = width * sum(len(row) == width for row in table) / len(table)
            if score > most:
                best, most = sign, score
    return best
