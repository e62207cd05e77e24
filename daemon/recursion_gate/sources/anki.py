"""Anki: a deck or collection with its review history (``.apkg``, ``.colpkg``). One entry a deck and day."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path

from .entry import BadSource, Entry, Item, LeftOut, Options
from .file import SourceFile
from .words import clipped, quoted

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "Anki deck or collection with reviews (.apkg, .colpkg): results by deck and day"

#: The better one first. The newest, ``.anki21b``, is compressed in a way that Python cannot read.
_NAMES = ("collection.anki21", "collection.anki2")
_TOO_NEW = "collection.anki21b"
_SQLITE = b"SQLite format 3\0"
#: The most bytes of a collection without its pictures, and the seconds that a question to it may take.
_LIMIT, _SECONDS = 2 << 30, 120
_PIECE = 1 << 20

_REVIEWS = (
    "SELECT cards.did, date(revlog.id / 1000, 'unixepoch') AS day, count(*), sum(revlog.ease > 1), sum(revlog.time)"
    " FROM revlog JOIN cards ON cards.id = revlog.cid WHERE revlog.ease > 0 GROUP BY cards.did, day ORDER BY day"
)


def identify(file: SourceFile) -> bool:
    if file.is_folder or file.member:
        return False
    if file.head.startswith(_SQLITE):
        return file.ending in (".anki2", ".anki21")
    if file.ending in (".apkg", ".colpkg") and file.is_archive:
        return True
    return file.head_text.startswith("#separator:")


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    if not file.is_archive and not file.head.startswith(_SQLITE):
        raise BadSource(file.display, "these are Anki's notes, without results", _EXPORT)
    members = {member.name: member for member in file.members()}
    found = next((members[name] for name in _NAMES if name in members), file if not file.is_archive else None)
    if found is None or (_TOO_NEW in members and "collection.anki21" not in members):
        raise BadSource(file.display, "the collection in it is in Anki's newest form", _EXPORT)
    with tempfile.TemporaryDirectory(prefix="recursion-gate-") as folder:
        copy = Path(folder) / "collection.sqlite"
        _unpack(found, copy)
        try:
            yield from _entries(copy, file, options)
        except sqlite3.Error as err:
            raise BadSource(file.display, f"its database cannot be read ({err})", _EXPORT) from None


_EXPORT = (
    "In Anki: File, Export, 'Anki Deck Package', with 'Include scheduling information' and "
    "'Support older Anki versions'"
)


def _unpack(found: SourceFile, copy: Path) -> None:
    size = 0
    with found.open() as source, copy.open("wb") as target:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > _LIMIT:
                raise BadSource(found.display, f"the collection has more than {_LIMIT:,} bytes")
            target.write(piece)


def _entries(copy: Path, file: SourceFile, options: Options) -> Iterator[Item]:
    with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as db:
        until = time.monotonic() + _SECONDS
        db.set_progress_handler(lambda: time.monotonic() > until, 100_000)
        db.execute("PRAGMA trusted_schema = OFF")
        names = _decks(db)
        for deck, day, count, right, millis in db.execute(_REVIEWS):
            if not isinstance(day, str) or not isinstance(count, int) or not isinstance(right, int):
                yield LeftOut("", "a review without a day")
                continue
            if not day[:1].isdigit() or day >= options.now.astimezone(UTC).strftime("%Y-%m-%d"):
                yield LeftOut(day, "today is not over yet")
                continue
            yield _entry(names.get(str(deck), f"deck {deck}"), day, count, right, millis)


def _entry(name: str, day: str, count: int, right: int, millis: object) -> Entry:
    minutes = round(millis / 60_000) if isinstance(millis, int | float) else 0
    took = f", {minutes} minute{'s' if minutes != 1 else ''}" if minutes > 0 else ""
    fields = {
        "raw_text": f"Reviewed {count} card{'s' if count != 1 else ''} of the Anki deck {quoted(name)}: "
        f"{right} right{took}.",
        "skill_tag": "THINK",
        "activity_type": "flashcards",
        "topic": clipped(name, 200),
        "score": f"{right}/{count}",
        "created_at": f"{day}T12:00:00Z",
    }
    return Entry((name, day), fields, day)


def _decks(db: sqlite3.Connection) -> dict[str, str]:
    """The decks' names by their ids: in one JSON text, or, in newer collections, in a table."""
    names: dict[str, str] = {}
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError, AttributeError, RecursionError):
        (text,) = db.execute("SELECT decks FROM col").fetchone()
        names = {str(number): str(deck["name"]) for number, deck in json.loads(text).items() if "name" in deck}
    if not names:
        with contextlib.suppress(sqlite3.Error):
            names = {str(number): str(name) for number, name in db.execute("SELECT id, name FROM decks")}
    return {number: name.replace("\x1f", ": ").replace("::", ": ") for number, name in names.items()}
