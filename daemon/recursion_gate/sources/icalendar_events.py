"""iCalendar: events that took place. Recurring ones one by one, in the period; cancelled ones left out."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from .entry import BadSource, Entry, Item, LeftOut, MissingPackage, Options
from .file import SourceFile
from .words import clipped, one_line

__all__ = ["ABOUT", "extract", "identify"]

ABOUT = "iCalendar (.ics): events that took place"

_LIMIT = 50_000_000
#: An event may take place so many times in the period.
_TIMES = 5_000
#: An event that repeats may take place so many times a day.
_A_DAY = 4
_FAST = {"SECONDLY", "MINUTELY", "HOURLY"}
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


def identify(file: SourceFile) -> bool:
    return re.match(r"\s*BEGIN:VCALENDAR\b", file.head_text, re.IGNORECASE) is not None


def extract(file: SourceFile, options: Options) -> Iterator[Item]:
    try:
        ical = importlib.import_module("icalendar")
        recurring = importlib.import_module("recurring_ical_events")
    except ImportError as err:
        raise MissingPackage(err.name or "icalendar", "a calendar") from None
    with file.text() as text:
        data = text.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise BadSource(file.display, f"a calendar may have {_LIMIT:,} characters", "Export it by year.")
    for where, series in _series(data, ical):
        if isinstance(series, str):
            yield LeftOut(where, series)
        else:
            yield from _events(series, where, recurring, options)


def _series(data: str, ical: Any) -> Iterator[tuple[str, Any]]:
    """Each event with its exceptions as a calendar of its own, so that a broken one takes no other with it; or why
    there is none."""
    zones = re.findall(r"^BEGIN:VTIMEZONE.*?^END:VTIMEZONE[^\n]*$", data, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//import//\r\n"
    by_uid: dict[str, list[str]] = {}
    for number, block in enumerate(_blocks(data), 1):
        found = re.search(r"^UID[^:\n]*:(.*)$", block, re.MULTILINE | re.IGNORECASE)
        by_uid.setdefault(found[1].strip() if found else f"event {number}", []).append(block)
    for uid, blocks in by_uid.items():
        needed = "\r\n".join(zone for zone in zones if _zone_name(zone) in "".join(blocks))
        text = head + (needed + "\r\n" if needed else "") + "\r\n".join(blocks) + "\r\nEND:VCALENDAR\r\n"
        try:
            yield uid, ical.Calendar.from_ical(text)
        except Exception:  # of a library that reads what others wrote: ValueError, mostly, but not only
            yield uid, "an event that cannot be read"


def _zone_name(zone: str) -> str:
    found = re.search(r"^TZID[^:\n]*:(.*)$", zone, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else "\0"


def _blocks(data: str) -> Iterator[str]:
    """The texts of the events, from BEGIN to END; one that is cut short is left out."""
    block: list[str] | None = None
    for line in data.splitlines():
        mark = line.strip().upper()
        if mark == "BEGIN:VEVENT":
            block = []
        if block is not None:
            block.append(line)
        if mark == "END:VEVENT" and block is not None:
            yield "\r\n".join(block)
            block = None


def _events(calendar: Any, where: str, recurring: Any, options: Options) -> Iterator[Item]:
    """The times that one event took place."""
    start, end = options.since or _EARLIEST, options.until or options.now
    try:
        why = _refused(calendar)
        if why:
            yield LeftOut(where, why)
            return
        count = 0
        for event in sorted(recurring.of(calendar).between(start, end), key=_order):
            count += 1
            if count > _TIMES:
                yield LeftOut(where, f"took place more than {_TIMES:,} times: shorten the period with --since")
                return
            yield _entry(event, where, start, end)
        if not count:
            yield LeftOut(where, "not in the period" if options.since or options.until else "has not taken place yet")
    except Exception:
        yield LeftOut(where, "an event whose dates cannot be worked out")


def _order(event: Any) -> tuple[str, str, str]:
    """Events of the same instant come from a set."""
    return _instant(event["DTSTART"].dt).isoformat(), str(event.get("STATUS", "")), str(event.get("SUMMARY", ""))


def _refused(calendar: Any) -> str:
    """Why the event of `calendar` is not worked out; "" where it is."""
    events = list(calendar.walk("VEVENT"))
    if not events:
        return "an event that cannot be read"
    for event in events:
        begin = event.get("DTSTART")
        if begin is None:
            return "no start"
        if begin.dt.year < _EARLIEST.year:
            return "before 1900"
        for rule in _rules(event):
            times = [len(rule.get(part, [0])) for part in ("BYHOUR", "BYMINUTE", "BYSECOND")]
            if set(map(str.upper, map(str, rule.get("FREQ", [])))) & _FAST or math.prod(times) > _A_DAY:
                return "repeats many times a day"
    if all(str(event.get("STATUS", "")).upper() == "CANCELLED" for event in events):
        return "cancelled"
    return ""


def _rules(event: Any) -> list[Any]:
    rules = event.get("RRULE", [])
    return rules if isinstance(rules, list) else [rules]


def _entry(event: Any, where: str, start: datetime, end: datetime) -> Item:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return LeftOut(where, "cancelled")
    begin = event["DTSTART"].dt
    finish = event.get("DTEND")
    ended = finish.dt if finish is not None else begin
    if _instant(ended) > end:
        return LeftOut(where, "has not taken place yet")
    if _instant(begin) < start:
        return LeftOut(where, "not in the period")
    summary = one_line(str(event.get("SUMMARY", "")))
    if not summary:
        return LeftOut(where, "no title")
    place = one_line(str(event.get("LOCATION", "")))
    fields: dict[str, Any] = {
        "raw_text": clipped(summary, 2_000) + (f" ({clipped(place, 200)})" if place else "") + _long(begin, ended),
        "created_at": begin.isoformat(),
        "source_id": clipped(where, 500),
    }
    if str(event.get("DESCRIPTION", "")).strip():
        fields["excerpt"] = clipped(str(event["DESCRIPTION"]), 2_000)
    if str(event.get("URL", "")).strip():
        fields["url"] = clipped(one_line(str(event["URL"])), 1_000)
    tags = _categories(event)
    if tags:
        fields["tags"] = tags
    return Entry((where, _instant(begin).isoformat()), fields, where)


def _instant(moment: date | datetime) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _long(begin: date | datetime, ended: date | datetime) -> str:
    """How long it took, where that says something."""
    took = _instant(ended) - _instant(begin)
    if not isinstance(begin, datetime):
        return f", {took.days} days" if took > timedelta(days=1) else ""
    minutes = round(took.total_seconds() / 60)
    if minutes < 1:
        return ""
    hours, rest = divmod(minutes, 60)
    return f", {f'{hours} h ' if hours else ''}{f'{rest} min' if rest else ''}".rstrip()


def _categories(event: Any) -> list[str]:
    found = event.get("CATEGORIES", [])
    tags: list[str] = []
    for each in found if isinstance(found, list) else [found]:
        with contextlib.suppress(Exception):
            tags += [clipped(one_line(str(tag)), 60) for tag in getattr(each, "cats", [each])]
    return [tag for tag in dict.fromkeys(tags) if tag][:20]
