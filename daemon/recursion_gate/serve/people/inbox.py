"""The list of what waits, one card of it, and the decision on that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...clients import decide as deciding
from ...clients.decide import Action, Waiting
from ...core.errors import Parked
from ...core.words import CATEGORY_OF, SKILLS
from .page import Call, Failed, see_other
from .views import view
from .wanted import AGES, Wanted

__all__ = ["Listed", "address", "card", "decide", "inbox", "item_of", "listed"]

#: Cards on one page of the list.
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """What waits and is asked for."""

    items: list[Waiting]
    #: How many wait, whether asked for or not.
    total: int
    #: All sources of what waits.
    sources: list[str]
    #: The users that cannot be read, and why.
    left_out: list[tuple[str, str]]
    #: How many are decided, and the daemon has not carried out yet.
    on_the_way: int

    def beside(self, user: str, candidate_id: str) -> tuple[Waiting | None, Waiting | None]:
        """The one before and the one after it, around the end; None where there is no other."""
        names = [(item.place.user, item.candidate.id) for item in self.items]
        if (user, candidate_id) not in names:
            return None, self.items[0] if self.items else None
        at, size = names.index((user, candidate_id)), len(names)
        if size < 2:
            return None, None
        return self.items[at - 1], self.items[(at + 1) % size]


def listed(call: Call, wanted: Wanted) -> Listed:
    """Everything that waits, as far as it is asked for."""
    everything: list[Waiting] = []
    left_out: list[tuple[str, str]] = []
    for user in call.page.users():
        try:
            everything += call.waiting(user)
        except (Parked, OSError) as err:
            left_out.append((user, f"{err.path}: {err.problem}" if isinstance(err, Parked) else str(err.strerror)))
    pending = [item for item in everything if item.state == "pending"]
    items = pending if wanted.is_all else [item for item in pending if wanted.takes(item)]
    sources = sorted({item.now.source for item in pending if item.now.source})
    return Listed(items, len(pending), sources, left_out, len(everything) - len(pending))


def address(item: Waiting, wanted: Wanted, **more: str) -> str:
    """Where one card is shown, among those that are asked for."""
    return f"/card/{quote(item.place.user)}/{quote(item.candidate.id)}{wanted.query(**more)}"


def item_of(call: Call) -> Waiting | None:
    """The candidate that the address names; None where it waits no longer."""
    user = call.params["user"]
    if user not in call.page.users():
        raise HTTPException(404)
    return next((item for item in call.waiting(user) if item.candidate.id == call.params["id"]), None)


def inbox(call: Call) -> Response:
    """GET /"""
    wanted = Wanted.of(call.query)
    found = listed(call, wanted)
    pages = max(1, -(-len(found.items) // PER_PAGE))
    given = call.query.get("page", "1")
    number = min(max(int(given), 1), pages) if given.isascii() and given.isdigit() and len(given) < 6 else 1
    return call.html(
        "inbox.html",
        found=found,
        shown=found.items[(number - 1) * PER_PAGE : number * PER_PAGE],
        wanted=wanted,
        number=number,
        pages=pages,
        skills=SKILLS,
        sections=CATEGORY_OF,
        ages=[*AGES, "older"],
        address=address,
        daemon=call.page.door.daemon(),
    )


def card(call: Call, error: str = "", status: int = 200) -> Response:
    """GET /card/USER/ID"""
    wanted = Wanted.of(call.query)
    item = item_of(call)
    found = listed(call, wanted)
    if item is None or item.state != "pending":
        after = next(iter(found.items), None)
        words = "This card is decided already." if item else "This card waits no longer: it was decided, or taken out."
        return call.html("gone.html", 410, words=words, after=after and address(after, wanted), wanted=wanted)
    before, after = found.beside(item.place.user, item.candidate.id)
    names = [(each.place.user, each.candidate.id) for each in found.items]
    here = (item.place.user, item.candidate.id)
    return call.html(
        "card.html",
        status,
        card=view(item, call.page.door.settings),
        found=found,
        at=names.index(here) + 1 if here in names else 0,
        before=before and address(before, wanted),
        after=after and address(after, wanted),
        wanted=wanted,
        error=error,
        fared=fared(call, found, item),
        reasons=call.page.tallies.of(item.place.user).reasons,
        daemon=call.page.door.daemon(),
    )


def fared(call: Call, found: Listed, item: Waiting) -> str:
    """How the source of `item` has fared with this user so far, in words."""
    source, user = item.candidate.source or "", item.place.user
    counts = call.page.tallies.of(user).by_source.get(source, Counter())
    approved, edited, rejected = (counts[kind] for kind in ("approved", "edited", "rejected"))
    if not approved + edited + rejected:
        return "Nothing that this source proposed is decided yet."
    changed = f" ({edited} after an edit)" if edited else ""
    return f"Decided so far of what this source proposed: {approved + edited} approved{changed}, {rejected} rejected."


def decide(call: Call) -> Response:
    """POST /card/USER/ID/decide: the decision on the card that was shown, and on no other."""
    wanted, form = Wanted.of(call.query), call.form
    action = form.get("action", "")
    if action not in ("approved", "rejected"):
        raise Failed(400, "The form names no decision.")
    if not form.get("shown"):
        raise Failed(400, "The form does not say which card was shown.")
    item = item_of(call)
    if item is None:
        raise Failed(409, "This card waits no longer: somebody has decided on it.", "Look at the list again.")
    _, after = listed(call, wanted).beside(item.place.user, item.candidate.id)
    reason = (form.get("quick") or form.get("reason") or "").strip() or None
    try:
        deciding.decide(
            replace(item, edited=None),
            cast(Action, action),
            shown=form["shown"],
            reason=reason,
            via="web",
            by=call.session.name,
        )
    except deciding.Changed:
        call.forget_waiting()
        return card(call, "This card was changed since you saw it, so nothing was decided. Look at it again.", 409)
    if after is None:
        return see_other("/" + wanted.query(said=action, of=f"{item.place.user}/{item.candidate.id}"))
    return see_other(address(after, wanted, said=action, of=f"{item.place.user}/{item.candidate.id}"))
