"""Decisions over time and by source, the receipts, and `verify` on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from ...audit.verify import verify as prove
from ...core.errors import Parked
from ...core.receipt import Receipt
from ...store import jsonl
from .page import Call
from .record import user_of

__all__ = ["activity", "receipts", "verify"]

_DAYS = 30
_PER_PAGE = 50
_KINDS = ("approved", "edited", "rejected")
#: The size of the plot's inside, in its own units.
_WIDTH, _HEIGHT = 600, 140


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of one day's bar."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


def activity(call: Call) -> Response:
    """GET /activity"""
    if not call.page.users():
        return call.html("activity.html", user="", bars=[], days=[], most=0, rows=[], total=Counter())
    user = user_of(call)
    tally = call.page.tallies.of(user)
    waits: Counter[str] = Counter()
    for item in call.page.desk.waiting(user):
        if item.state == "pending":
            waits[item.candidate.source or ""] += 1
    rows = [
        (source, [counts[kind] for kind in _KINDS], waits[source])
        for source, counts in ((s, tally.by_source.get(s, Counter())) for s in {*tally.by_source, *waits})
        if sum(counts.values()) + waits[source]
    ]
    today = datetime.now(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in reversed(range(_DAYS))]
    most = max((sum(tally.by_day.get(day, Counter()).values()) for day in days), default=0)
    total: Counter[str] = Counter()
    for counts in tally.by_day.values():
        total.update(counts)
    rows.sort(key=lambda row: (-sum(row[1]) - row[2], row[0]))
    bars = list(plot(days, tally.by_day, most))
    return call.html("activity.html", user=user, bars=bars, days=days, most=most, rows=rows[:100], total=total)


def plot(days: list[str], by_day: dict[str, Counter[str]], most: int) -> Iterator[Bar]:
    """The bars of the plot: a day each, its kinds on top of each other."""
    step = _WIDTH / max(1, len(days))
    for at, day in enumerate(days):
        y = float(_HEIGHT)
        counts = by_day.get(day, Counter())
        for kind in _KINDS:
            if counts[kind]:
                height = _HEIGHT * counts[kind] / most
                y -= height
                words = f"{day}: {counts[kind]} {'approved after an edit' if kind == 'edited' else kind}"
                yield Bar(
                    round(at * step + step * 0.12, 1), round(y, 1), round(step * 0.76, 1), round(height, 1), kind, words
                )


def receipts(call: Call) -> Response:
    """GET /receipts"""
    user = user_of(call)
    action, q, before = (call.query.get(name, "").strip()[:200] for name in ("action", "q", "before"))
    start = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else 0
    shown: list[Receipt] = []
    more = False
    place = call.page.door.root.place(user)
    for _, line in jsonl.backwards(place.ledger, jsonl.end(place.ledger).size):
        receipt = jsonl.receipt(place, line)
        if (start and receipt.seq >= start) or not _is_wanted(receipt, action, q):
            continue
        if len(shown) == _PER_PAGE:
            more = True
            break
        shown.append(receipt)
    return call.html("receipts.html", user=user, shown=shown, more=more, action=action, q=q)


def _is_wanted(receipt: Receipt, action: str, q: str) -> bool:
    if action and receipt.action != action:
        return False
    said = (receipt.raw_text, receipt.source, receipt.candidate_id, receipt.evidence_id, receipt.by, receipt.reason)
    text = " ".join(each for each in said if each).casefold()
    return all(word in text for word in q.casefold().split())


def verify(call: Call) -> Response:
    """POST /verify"""
    users = call.page.users()
    named = call.form.get("user", "")
    try:
        proofs = prove(call.page.door.root, [named] if named in users else users)
    except Parked as err:
        return call.html("verify.html", 503, proofs=[], error=f"{err.path}: {err.problem}")
    return call.html("verify.html", proofs=proofs)
