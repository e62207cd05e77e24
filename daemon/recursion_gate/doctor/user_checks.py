"""What can be wrong with one user's part of a root: folders, gate, receipts, Record, what waits too long."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .. import record, verify
from ..audit import Finding, candidates_at, count
from ..errors import Parked, printable
from ..files import kind_of, open_plain
from ..layout import RECORD_FILES, STATES, Place, is_ignored
from ..record import HEADINGS
from .patient import Patient
from .root_checks import folder

__all__ = ["folders", "gate", "receipts", "record_files", "refused", "waits_too_long"]

#: How much later than now, by this machine's clock, is still no wrong clock.
_SLACK = timedelta(minutes=5)
_A_DAY = timedelta(days=1)
#: How long a drop or a decision may wait, in seconds, before it is asked why (beyond `patience_seconds`).
_LONG = 600


def folders(patient: Patient, place: Place) -> Iterator[Finding]:
    """The inbox, its four folders and the receipts' folder are there."""
    for path in (place.inbox, *(place.state(s) for s in STATES), place.receipts):
        yield from folder(patient.root, path, place.user)


def gate(patient: Patient, place: Place) -> Iterator[Finding]:
    """The gate parses, each id stands in it once, and no candidate comes from the future."""
    shown = place.shown(place.gate)
    try:
        waiting = candidates_at(place)
    except Parked as err:
        yield Finding("fault", "gate-unreadable", shown, err.problem, err.remedy, place.user)
        return
    ids = Counter(c.id for c in waiting)
    twice = sorted(i for i, n in ids.items() if n > 1)
    if twice:
        told = f"these ids stand in the gate twice: {', '.join(twice)}"
        yield Finding("fault", "gate-id-twice", shown, told, "Remove one of the two.", place.user)
    if len(waiting) >= patient.settings.max_pending:
        told = f"the gate is full: {count(len(waiting), 'candidate')} wait, so no drop is staged"
        remedy = "Decide on some of them, or raise max_pending in recursion-gate.toml."
        yield Finding("warning", "gate-full", shown, told, remedy, place.user)
    future = [c.id for c in waiting if _after(c.created_at, patient.now + _A_DAY)]
    if future:
        told = f"{count(len(future), 'candidate')} will only be created in the future, for example {future[0]}"
        remedy = "Correct created_at in the card before approving, and the clock of the machine that dropped it."
        yield Finding("warning", "future-created", shown, told, remedy, place.user)


def _after(instant: str, limit: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(instant)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > limit
    except (ValueError, OverflowError):
        return False


def receipts(patient: Patient, place: Place) -> Iterator[Finding]:
    """The last receipt is one, and was not made in the future. (`verify` looks at all of them.)"""
    shown = place.shown(place.ledger)
    try:
        last = verify.head(place)
    except Parked as err:
        remedy = "Put back a copy that is whole; 'recursion-gate verify' tells where it breaks."
        yield Finding("fault", "receipts-unreadable", shown, err.problem, remedy, place.user)
        return
    except IsADirectoryError:
        told = "this is not a plain file"
        yield Finding("fault", "receipts-unreadable", shown, told, "Put the file itself here.", place.user)
        return
    if last.seq and not place.baseline.is_file():
        told = "this file is missing, so verify cannot tell seed lines of the Record from others"
        remedy = "Put back a copy: it cannot be made again."
        yield Finding("fault", "baseline-missing", place.shown(place.baseline), told, remedy, place.user)
    if last.at and _after(last.at, patient.now + _SLACK):
        told = f"the last decision was at {last.at}, which is in the future"
        remedy = "Set this machine's clock; the receipts keep their order all the same."
        yield Finding("warning", "clock-went-back", shown, told, remedy, place.user)


def record_files(patient: Patient, place: Place) -> Iterator[Finding]:
    """Each Record file is there, is text that the daemon can merge into, and has the heading that entries go under."""
    for name in RECORD_FILES:
        path = place.home / name
        shown = place.shown(path)
        try:
            with open_plain(path) as file:
                text = file.read()
            text.decode()
        except FileNotFoundError:
            told = "this file is missing; the first entry that is merged into it makes it"
            if name in HEADINGS:
                yield Finding("note", "record-missing", shown, told, "", place.user)
            continue
        except IsADirectoryError:
            told = f"this is a {kind_of(os.lstat(path).st_mode)}, not a file, so nothing is merged"
            yield Finding("fault", "record-unreadable", shown, told, "Put the file itself here.", place.user)
            continue
        except UnicodeDecodeError as err:
            told = f"this is not UTF-8 (byte {err.start + 1:,}), so nothing is merged into it"
            yield Finding("fault", "record-unreadable", shown, told, "Save the file as UTF-8.", place.user)
            continue
        if b"\0" in text:
            told = "this is not text: it holds NUL bytes, so nothing is merged into it"
            yield Finding("fault", "record-unreadable", shown, told, "Put back a copy that is whole.", place.user)
        elif name in HEADINGS and len(record.insert(text, HEADINGS[name], ["-"])[1]) > 1:
            told = f'the heading "## {HEADINGS[name]}" is missing; the first entry that is merged makes it at the end'
            yield Finding("note", "heading-missing", shown, told, "", place.user)


def waits_too_long(patient: Patient, place: Place) -> Iterator[Finding]:
    """Nothing has waited long for a daemon that runs."""
    if not patient.alive:
        return  # `root_checks.daemon` counts what waits
    limit = patient.now.timestamp() - max(_LONG, 2 * patient.settings.patience_seconds)
    grace = limit - patient.settings.grace_seconds
    yield from _old_files(place, place.inbox, limit, "drop-waits", "has not been staged")
    for state in ("approved", "rejected"):
        yield from _old_files(place, place.state(state), grace, "decision-waits", "has not been carried out")


def _old_files(place: Place, path: Path, limit: float, code: str, what: str) -> Iterator[Finding]:
    try:
        entries = [e for e in os.scandir(path) if e.name not in STATES and not is_ignored(e.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda e: e.name):
        st = entry.stat(follow_symlinks=False)
        if st.st_ctime > limit:
            continue
        since = datetime.fromtimestamp(st.st_ctime, UTC)
        told = f"this file has been here since {since:%Y-%m-%d %H:%M} UTC and {what}"
        if not st.st_mode & 0o044:
            remedy = "It can be read by nobody but its owner: chmod 644 it."
        else:
            remedy = "See 'recursion-gate status' for why; a program may still have it open, or it cannot be moved."
        shown = printable(place.shown(path / entry.name))
        yield Finding("warning", code, shown, told, remedy, place.user)


def refused(patient: Patient, place: Place) -> Iterator[Finding]:
    """Nothing lies in refused/."""
    try:
        with os.scandir(place.refused) as entries:
            names = [(e.stat(follow_symlinks=False).st_ctime, e.name) for e in entries if not is_ignored(e.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    kept = sorted(n for n in names if not n[1].endswith(".why.txt"))
    if not kept:
        return
    newest = kept[-1][1]
    shown = printable(newest)
    told = f"{count(len(kept), 'file')} {'was' if len(kept) == 1 else 'were'} refused, the last one {shown}"
    why = _why(place.refused, newest)
    remedy = "The note beside each (NAME.why.txt) says what to do. Correct it and drop it again, or delete both."
    told = f"{told}: {why}" if why else told
    yield Finding("warning", "refused", place.shown(place.refused), told, remedy, place.user)


def _why(folder_path: Path, name: str) -> str:
    """The reason in the note beside a refused file."""
    try:
        with open_plain(folder_path / f"{name}.why.txt") as file:
            lines = file.read(10_000).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("Why:").strip() for line in lines if line.startswith("Why:")), "")
