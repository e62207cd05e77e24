"""How values read on the page: dates, ages, sections, the names of fields. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ...core.text import count
from ...core.words import CATEGORY_OF
from ...formats.record_edit import clean, fold

__all__ = ["CONTEXT", "DETAILS", "FILTERS", "SAID", "age", "left", "section"]

#: What is said on the page that follows a form, by the word in its address: never words from the address itself.
SAID = {
    "approved": "Approved. The daemon writes it into the Record.",
    "rejected": "Rejected. The Record stays as it is.",
    "saved": "Saved. The card below says what you have written.",
    "staged": "Proposed. It waits below as soon as the daemon has read it.",
    "undone": "Taken back: it waits again.",
    "undo-asked": "Asked for: it waits again as soon as the daemon has done it.",
    "to-decide": "This is the card for it: approve it to have it carried out.",
    "forgotten": "It is forgotten.",
    "forget-asked": "Asked for: it is erased as soon as the daemon has done it.",
    "moved-waiting": "It waits, and is tried again as soon as nothing is in its way.",
    "moved-failed": "It is taken out: nobody works on it until somebody puts it back.",
    "moved-done": "It counts as done: what needs it can go on.",
    "plan-put-back": "Put back: the daemon makes its tasks.",
    "put-back": "Put back: the daemon reads it as a new drop.",
    "signed-out": "You are signed out.",
    "gone": "That card is decided or gone. This is the next one.",
}

#: What the proposer says to the person who decides, by field.
CONTEXT = {
    "rationale": "Why it matters",
    "excerpt": "Where it comes from",
    "url": "Where to look",
    "confidence": "How sure the proposer is",
    "tags": "Tags",
    "meta": "More from the tool",
}
#: What else there is to an entry.
DETAILS = {
    "evidence_summary": "Evidence line",
    "activity_type": "Activity",
    "topic": "Topic",
    "score": "Score",
    "source_id": "Source's id",
    "link_to_evidence_id": "Links to",
    "supersedes": "Corrects",
    "retracts": "Retracts",
}
_TITLES = {
    **CONTEXT,
    **DETAILS,
    "raw_text": "Text",
    "skill_tag": "Skill",
    "suggested_ix_section": "Section",
    "created_at": "Date",
    "source": "Source",
}
#: What there is in an inbox, as `admin.status` names it.
_STATES = {
    "dropped": "not read yet",
    "pending": "to decide",
    "approved_not_carried_out": "approved and on the way",
    "rejected_not_carried_out": "rejected and on the way",
    "undo_not_carried_out": "to be taken back",
    "carried_out_but_cannot_be_removed": "carried out, whose card cannot be removed",
    "without_card": "whose card is not made yet",
    "problems": "refused",
}
_VIA = {"folder": "by moving its card", "cli": "in a terminal", "web": "on this page"}


def age(created_at: str, now: datetime | None = None) -> str:
    """``3 days``: how long ago that was, roughly."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(created_at).astimezone(UTC)).total_seconds()
    except ValueError:
        return ""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(int(seconds // size), name)} ago"
    return "just now" if seconds > -60 else created_at[:10]


def left(ends: str, now: datetime | None = None) -> str:
    """``in 12 minutes``: how long until then, roughly; "now" where it is past."""
    try:
        seconds = (datetime.fromisoformat(ends).astimezone(UTC) - (now or datetime.now(UTC))).total_seconds()
    except ValueError:
        return ""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            return f"in {count(int(seconds // size), name)}"
    return "now"


def section(value: str | None) -> str:
    """``IX-A knowledge``, or that it has none."""
    return f"{value} {CATEGORY_OF[value]}" if value in CATEGORY_OF else "evidence only"


def short(text: str, limit: int = 180) -> str:
    """`text` on one line, cut."""
    line = fold(text)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _date(instant: str) -> str:
    return instant[:10]


def _moment(instant: str) -> str:
    """``2026-11-26 08:12 UTC``; as it stands where it is no instant."""
    try:
        return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return instant


FILTERS: dict[str, Callable[..., Any]] = {
    "age": age,
    "left": left,
    "section": section,
    "short": short,
    "visible": clean,
    "date": _date,
    "moment": _moment,
    "title_of": lambda field: _TITLES.get(field, field),
    "state": lambda name: _STATES.get(name, name),
    "via": lambda via: _VIA.get(via, via),
    "count": count,
}
