"""The Record: its entries, the story of each, and what a person may do with one: correct, retract, undo, forget."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...clients import decided
from ...clients import forget as forgetting
from ...clients.decide import NoSuchCandidate
from ...clients.own import drop
from ...core.text import printable
from ...core.words import CATEGORY_OF, SKILLS
from ...formats.record_parse import Entry, Record
from ...reading.brief import brief as make_brief
from ...reading.edge import focus
from ...reading.history import Unknown, history
from ...reading.rebuild import as_of
from ...reading.snapshot import Snapshot, snapshot
from .page import Call, Failed, see_other
from .taking_back import PATIENCE, wait_for
from .views import told as context_told
from .wanted import NONE

__all__ = ["brief", "entry", "forget", "propose_change", "record", "user_of"]

_LAST = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One heading of the page, with its entries."""

    title: str
    items: Sequence[tuple[str, str | None]]


def user_of(call: Call) -> str:
    """The user that the address asks for; else the first."""
    users = call.page.users()
    given = call.query.get("user", "") or (users[0] if users else "")
    if given not in users:
        raise HTTPException(404)
    return given


def record(call: Call) -> Response:
    """GET /record"""
    if not call.page.users():
        return call.html("record.html", user="", parts=[], q="", at="", last=0, edge=[], problems=[], found=0)
    user = user_of(call)
    taken = last = snapshot(call.page.door.root, user)
    given = call.query.get("at", "").strip()
    if given:
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise Failed(400, "A receipt is named by its number.")
        taken = as_of(taken, int(given))
    q = call.query.get("q", "")[:200].strip()
    parts = [Part(title, _matching(items, q)) for title, items in _parts(taken.record)]
    beside = [(skill, each.text) for skill, each in focus(taken.record).items()]
    return call.html(
        "record.html", user=user, parts=parts, q=q, at=given, last=last.seq, edge=beside, problems=taken.problems,
        found=sum(len(part.items) for part in parts),
    )  # fmt: skip


def _parts(known: Record) -> Iterable[tuple[str, list[tuple[str, str | None]]]]:
    for category, entries in known.dimensions().items():
        yield category.capitalize(), _items(entries)
    for skill in SKILLS:
        yield f"Skill {skill}", _items(known.skills[skill])
    yield "Evidence", [(f"{e.summary} ({e.date or 'no date'})", e.id) for e in known.evidence]
    yield "No longer stands", [(f"{e.summary} ({e.struck})", e.id) for e in known.struck]


def _items(entries: Iterable[Entry]) -> list[tuple[str, str | None]]:
    return [(entry.text, entry.evidence_id) for entry in entries]


def _matching(items: list[tuple[str, str | None]], q: str) -> list[tuple[str, str | None]]:
    words = q.casefold().split()
    return [(text, act) for text, act in items if all(word in f"{text} {act or ''}".casefold() for word in words)]


def brief(call: Call) -> Response:
    """GET /brief"""
    user = user_of(call)
    return call.html("brief.html", user=user, brief=make_brief(snapshot(call.page.door.root, user)))


def entry(call: Call, error: str = "", status: int = 200) -> Response:
    """GET /entry/USER/ID"""
    taken, user, given = _named(call)
    try:
        told = history(taken, given)
    except Unknown as err:
        words = "This line is in the Record, and no receipt knows it: it was written by hand, or before the receipts."
        raise Failed(404, words if getattr(err, "seed", False) else "No entry and no candidate has this id.") from err
    stands = told.state == "approved" and told.evidence_id is not None and told.retracts is None
    last = told.decisions[-1] if told.decisions else None
    found = _found(call, user, given if told.before else told.candidate_id, seeds=True)
    return call.html(
        "entry.html", status, user=user, told=told,
        context=context_told(told.proposed.context) if told.proposed else [],
        error=error, skills=SKILLS, sections=CATEGORY_OF,
        can_change=stands and found is not None and found.act is not None, now=found.receipt if found else None,
        can_undo=last is not None and last.action in ("approved", "rejected") and told.state != "waiting",
        can_forget=told.state != "forgotten" and not told.before,
    )  # fmt: skip


def propose_change(call: Call) -> Response:
    """POST /entry/USER/ID/change: a correction or a retraction, staged, and shown as the card that it is."""
    _, user, given = _named(call)
    found, form = _found(call, user, given, seeds=True), call.form
    if found is None or found.receipt is None or found.act is None:
        raise Failed(409, "This is no entry that stands.")
    standing = found.entry()
    if standing is None or standing.problem is not None:
        raise Failed(409, f"This entry no longer stands{f': {standing.problem}' if standing else ''}.")
    candidate_id = f"cand-{time.time_ns() // 1_000_000}-{os.urandom(4).hex()[:7]}"
    fields: dict[str, Any] = {"id": candidate_id, "source": call.session.name or "person"}
    text, receipt = form.get("text", "").strip(), found.receipt
    if form.get("do") == "retract":
        fields |= {"raw_text": text or "It no longer stands.", "retracts": found.act, "skill_tag": receipt.skill_tag}
        fields |= {"suggested_ix_section": None}
    elif text:
        skill, section = form.get("skill", ""), form.get("section", "")
        if skill not in SKILLS or section not in (NONE, *CATEGORY_OF):
            raise Failed(400, "The form names no skill or section that there is.")
        own = None if section == NONE else section
        if (text, skill, own) == (receipt.raw_text.strip(), receipt.skill_tag, receipt.suggested_ix_section):
            return entry(call, "Nothing is changed: that is what the entry says.", 422)
        fields |= {"raw_text": text, "supersedes": found.act, "skill_tag": skill, "suggested_ix_section": own}
    else:
        return entry(call, "A correction needs a text.", 422)
    drop(found.place, fields)
    until = time.monotonic() + (PATIENCE if call.page.door.daemon() != "none" else 0)
    while time.monotonic() < until:
        item = call.page.desk.find(user, candidate_id)
        if item is not None and item.card is not None:
            return see_other(f"/card/{quote(user)}/{candidate_id}?said=to-decide")
        time.sleep(0.03)
    return see_other("/?said=staged")


def forget(call: Call) -> Response:
    """GET and POST /entry/USER/ID/forget: what goes and what stays; then, where the end of the id was typed, the
    request to erase it."""
    _, user, given = _named(call)
    found = _found(call, user, given)
    if found is None:
        raise Failed(404, "No entry and no candidate has this id.")
    reach, end, error = forgetting.reach(found), found.name[-_LAST:], ""
    if "csrf" in call.form:
        if call.form.get("end", "").strip() == end:
            path = forgetting.forget(found, via="web", by=call.session.name)
            done = wait_for(call, path)
            return see_other(f"/record?user={quote(user)}&said={'forgotten' if done else 'forget-asked'}")
        error = "Those are not its last characters, so nothing was erased."
    return call.html(
        "forget.html", 422 if error else 200, user=user, given=given, found=found, reach=reach, end=end, error=error
    )


def _named(call: Call) -> tuple[Snapshot, str, str]:
    user, given = call.params["user"], call.params["id"]
    if user not in call.page.users():
        raise HTTPException(404)
    return snapshot(call.page.door.root, user), user, printable(given)[:200]


def _found(call: Call, user: str, given: str, *, seeds: bool = False) -> decided.Decided | None:
    """What the id means, in full; with `seeds` also an entry that came with the Record. Raises Parked, OSError."""
    find = decided.find_entry if seeds else decided.find
    try:
        found = find(call.page.door.root, [user], given)
    except NoSuchCandidate:
        return None
    return found if given in (found.candidate_id, found.act) else None
