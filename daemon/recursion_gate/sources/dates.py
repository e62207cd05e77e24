"""Dates as people and programs write them. What can mean two days is not guessed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from .entry import WrongOption

__all__ = ["Ambiguous", "BadDate", "parse"]


class BadDate(ValueError):
    """No date that can be read."""


_NAME = (
    *("", "January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Ambiguous(WrongOption):
    """A date that is one of two days, and nobody said which."""

    def __init__(self, text: str, day: int, month: int) -> None:
        super().__init__(
            f"the date '{text}' may be {day} {_NAME[month]} or {month} {_NAME[day]}: say --day-first or --month-first"
        )


#: The names of the months as programs write them, in English, German, French, Spanish, Italian, Portuguese and Dutch.
#: No name means two months.
_NAMES = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari",
    "feb february februar février févr fevrier febrero febbraio fevereiro fev februari",
    "mar march märz mär mrz mars marzo março marco maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august août aout agosto ago augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc decembre diciembre dic dicembre dezembro",
)
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
_DAYS = (
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?",
    r"(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|mo|di|mi|do|fr|sa|so",
    r"(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|(?:lun|mart|miércol|juev|viern)es|sábado|sabado|domingo",
    r"(?:lune|marte|mercole|giove|vener)d[iì]|sabato|domenica|(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?",
    r"(?:maan|dins|woens|donder|vrij|zater|zon)dag",
)
_AT = r"(?:at|um|à|a\s+las|alle(?:\s+ore)?|às|om)"
_TIME = (
    rf"(?:[T,\s]+(?:{_AT}\s+)?(?P<hour>\d{{1,2}})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,]\d{{1,9}})?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?)?(?:\s*uhr)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?)?"
)
_DAY_NAME = rf"(?:(?:{'|'.join(_DAYS)})\.?,?\s+)?"
_MONTH, _NTH = r"(?P<name>[a-zäûéç]{3,10})", r"(?:st|nd|rd|th|er|º|°)?"
_SHAPES = tuple(
    re.compile(_DAY_NAME + shape + _TIME, re.IGNORECASE | re.ASCII)
    for shape in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        rf"(?P<day>\d{{1,2}}){_NTH}\.?[\s-]+(?:de\s+)?{_MONTH}\.?,?[\s-]+(?:de\s+)?(?P<year>\d{{4}})",
        rf"{_MONTH}\.?\s+(?P<day>\d{{1,2}}){_NTH},?\s+(?P<year>\d{{4}})",
        r"(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second_part>\d{1,2})(?P=sign)(?P<year>\d{4}|\d\d)",
    )
)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}", re.ASCII)
_LIMIT = 80


def parse(text: str, day_first: bool | None = None) -> str:
    """`text` as a drop's `created_at` has it: a date, or an instant; one without a zone stays without. Raises BadDate,
    Ambiguous."""
    text = text.replace("\u202f", " ").replace("\xa0", " ").strip().strip("[]")
    if not text or len(text) > _LIMIT:
        raise BadDate
    if _EPOCH.fullmatch(text):
        return _epoch(float(text))
    low = text.lower()
    for shape in _SHAPES:
        found = shape.fullmatch(low)
        if found:
            return _written(text, found.groupdict(), day_first)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadDate from None
    return _checked(moment).isoformat()


def _epoch(seconds: float) -> str:
    if seconds > 1e11:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _written(text: str, part: dict[str, str | None], day_first: bool | None) -> str:
    year = int(part["year"] or 0)
    if len(part["year"] or "") == 2:
        year += 2000 if year < 70 else 1900
    if part.get("first"):
        day, month = _day_month(text, int(part["first"] or 0), int(part["second_part"] or 0), part["sign"], day_first)
    else:
        name = (part.get("name") or "").lower()
        if name and name not in _MONTHS:
            raise BadDate
        day, month = int(part["day"] or 0), _MONTHS[name] if name else int(part["month"] or 0)
    try:
        that = _checked(datetime(year, month, day))
        if part["hour"] is None:
            return date(year, month, day).isoformat()
        moment = that + timedelta(hours=_hour(part), minutes=int(part["minute"] or 0), seconds=int(part["second"] or 0))
        if int(part["minute"] or 0) > 59 or int(part["second"] or 0) > 60:
            raise BadDate
    except (ValueError, OverflowError):
        raise BadDate from None
    return moment.isoformat() + _zone(part["zone"])


def _checked(moment: datetime) -> datetime:
    """A drop's date has four digits (`core.model`), and a calendar's last day no next one."""
    if not 1000 <= moment.year <= 9998:
        raise BadDate
    return moment


def _day_month(text: str, first: int, second: int, sign: str | None, day_first: bool | None) -> tuple[int, int]:
    """Dots stand between day and month, in this order, wherever they are used; slashes and dashes in either."""
    if first > 12 or first == second or sign == ".":
        return first, second
    if second > 12:
        return second, first
    if day_first is None:
        raise Ambiguous(text, first, second)
    return (first, second) if day_first else (second, first)


def _hour(part: dict[str, str | None]) -> int:
    hour, half = int(part["hour"] or 0), (part["half"] or "").lower()
    if hour > (12 if half else 23):
        raise BadDate
    return hour % 12 + (12 if half.startswith("p") else 0) if half else hour


def _zone(text: str | None) -> str:
    if not text:
        return ""
    if text.upper() in ("Z", "UTC", "GMT"):
        return "Z"
    sign, hours, minutes = text[0], int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise BadDate
    offset = timezone((-1 if sign == "-" else 1) * timedelta(hours=hours, minutes=minutes))
    return datetime(2000, 1, 1, tzinfo=offset).isoformat()[19:]
