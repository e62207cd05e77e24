"""Obsidian (and Logseq): daily notes, one by one or a folder of them. One entry a list item."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import SourceFile
from .markdown_list import list_items

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "Obsidian daily notes (a folder, or one note): their list items"

_DAY = re.compile(r"(?:.*?(?<!\d))?(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)(?!\d).*\.md")
_NOT_DAILY = "no daily note: its name has no date such as 2026-11-24; a list in it can be imported by itself"
_HIDDEN = {".obsidian", ".trash", ".git"}
_LIMIT = 100_000


def identify(file: SourceFile) -> bool:
    if file.is_folder:
        return (file.path / ".obsidian").is_dir() or next(_notes(file.path), None) is not None
    return _day(file.name) != "" and not file.is_archive


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    if not file.is_folder:
        yield from list_items(file, options, _day(file.name))
        return
    notes = sorted(_notes(file.path), key=lambda path: (path.name, str(path)))
    if not notes:
        raise BadSource(
            file.display, "there are no daily notes in it", "Their names begin with the date: 2026-11-24.md"
        )
    for path in _markdown(file.path):
        if not _day(path.name):
            yield LeftOut(path.relative_to(file.path).as_posix(), _NOT_DAILY)
    for path in notes:
        try:
            note = SourceFile(path)
        except BadSource:
            yield LeftOut(path.name, "an empty note")
            continue
        for item in list_items(note, options, _day(path.name)):
            where = f"{path.relative_to(file.path).as_posix()}, {item.where}"
            if isinstance(item, Entry):
                yield Entry(item.identity, item.fields, where)
            else:
                yield LeftOut(where, item.why)


def _day(name: str) -> str:
    """The day of a daily note by its name; "" where it is none."""
    found = _DAY.fullmatch(name)
    if found and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31 and found[1] >= "1900":
        return f"{found[1]}-{found[2]}-{found[3]}"
    return ""


def _notes(folder: Path) -> Iterator[Path]:
    """The daily notes below `folder`. Raises OSError."""
    return (path for path in _markdown(folder) if _day(path.name))


def _markdown(folder: Path) -> Iterator[Path]:
    """The notes below `folder`; links are not followed. Raises OSError."""
    for number, (where, folders, names) in enumerate(os.walk(folder)):
        folders[:] = sorted(name for name in folders if name not in _HIDDEN and not name.startswith("."))
        if number > _LIMIT:
            return
        yield from (
            Path(where, name) for name in sorted(names) if name.endswith(".md") and not Path(where, name).is_symlink()
        )
