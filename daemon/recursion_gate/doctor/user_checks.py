"""Faults of one user's part of a root: folders, gate, receipts, Record. (The inbox: `inbox_checks`.)"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ..audit.anchors import head
from ..audit.findings import Finding
from ..core.errors import Parked
from ..core.paths import RECORD_FILES, STATES, Place
from ..core.text import count
from ..disk.untrusted import kind_of, open_plain
from ..formats import record_edit
from ..formats.record_edit import HEADINGS
from ..store import gate_reader
from .context import Context
from .root_checks import folder

__all__ = ["folders", "gate", "receipts", "record_files"]

#: A receipt may be this much later than this machine's clock.
_SLACK = timedelta(minutes=5)
_A_DAY = timedelta(days=1)


def folders(context: Context, place: Place) -> Iterator[Finding]:
    """The inbox, its four folders and the receipts' folder are there."""
    for path in (place.inbox, *(place.state(s) for s in STATES), place.receipts):
        yield from folder(context.root, path, place.user)


def gate(context: Context, place: Place) -> Iterator[Finding]:
    """The gate has room, and no candidate comes from the future."""
    where = place.display_path(place.gate)
    try:
        waiting = gate_reader.read(place)
    except Parked:
        return  # `verify` says so
    if len(waiting) >= context.settings.max_pending:
        message = f"the gate is full: {count(len(waiting), 'candidate')} wait, so no drop is staged"
        remedy = "Decide on some of them, or raise max_pending in recursion-gate.toml."
        yield Finding("warning", "gate-full", where, message, remedy, place.user)
    future = [c.id for c in waiting if _after(c.created_at, context.now + _A_DAY)]
    if future:
        message = f"{count(len(future), 'candidate')} with created_at in the future, for example {future[0]}"
        remedy = "Correct created_at in the card before approving, and the clock of the machine that dropped it."
        yield Finding("warning", "future-created", where, message, remedy, place.user)


def _after(instant: str, limit: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(instant)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > limit
    except (ValueError, OverflowError):
        return False


def receipts(context: Context, place: Place) -> Iterator[Finding]:
    """The last receipt was not made in the future. (All else about the receipts `verify` says.)"""
    where = place.display_path(place.ledger)
    try:
        last = head(place)
    except (Parked, IsADirectoryError):
        return
    if last.at and _after(last.at, context.now + _SLACK):
        message = f"the last decision was at {last.at}, which is in the future"
        remedy = "Set this machine's clock; the receipts keep their order all the same."
        yield Finding("warning", "clock-went-back", where, message, remedy, place.user)


def record_files(context: Context, place: Place) -> Iterator[Finding]:
    """Each Record file is there, is text that the daemon can merge into, and has the heading that entries go under."""
    for name in RECORD_FILES:
        path = place.home / name
        where = place.display_path(path)
        try:
            with open_plain(path) as file:
                text = file.read()
            text.decode()
        except FileNotFoundError:
            message = "this file is missing; the first merged entry makes it"
            if name in HEADINGS:
                yield Finding("note", "record-missing", where, message, "", place.user)
            continue
        except IsADirectoryError:
            message = f"this is a {kind_of(os.lstat(path).st_mode)}, not a file, so nothing is merged"
            yield Finding("fault", "record-unreadable", where, message, "Put the file itself here.", place.user)
            continue
        except UnicodeDecodeError as err:
            message = f"this is not UTF-8 (byte {err.start + 1:,}), so nothing is merged into it"
            yield Finding("fault", "record-unreadable", where, message, "Save the file as UTF-8.", place.user)
            continue
        if b"\0" in text:
            message = "this is not text: it holds NUL bytes, so nothing is merged into it"
            yield Finding("fault", "record-unreadable", where, message, "Restore an intact copy.", place.user)
        elif name in HEADINGS and len(record_edit.insert(text, HEADINGS[name], ["-"])[1]) > 1:
            message = f'the heading "## {HEADINGS[name]}" is missing; the first merged entry adds it at the end'
            yield Finding("note", "heading-missing", where, message, "", place.user)
