"""Several cards at once: each is shown with its lines, each is a decision and a receipt of its own."""

from __future__ import annotations

from typing import cast

from starlette.responses import Response

from ...clients import decide as deciding
from ...clients.decide import Action
from ...core.errors import Refusal
from .inbox import listed
from .page import Call, Failed
from .views import view
from .wanted import Wanted

__all__ = ["decide", "several"]

#: Cards on one page: as many as a person can look at.
PER_PAGE = 20


def several(call: Call) -> Response:
    """GET /several"""
    wanted = Wanted.of(call.query)
    found = listed(call, wanted)
    return _page(call, wanted, found.items[:PER_PAGE], len(found.items))


def decide(call: Call) -> Response:
    """POST /several: for each card that was ticked, the decision on what was shown of it."""
    wanted, form = Wanted.of(call.query), call.form
    action = form.get("action", "")
    if action not in ("approved", "rejected"):
        raise Failed(400, "The form names no decision.")
    picked = [value.split("/") for name, value in call.fields if name == "pick"]
    if not picked or any(len(each) != 3 for each in picked):
        raise Failed(400, "No card was ticked, so nothing was decided.", "Tick those that you mean.")
    outcomes = [_decide(call, user, candidate_id, shown, cast(Action, action)) for user, candidate_id, shown in picked]
    found = listed(call, wanted)
    done = sum(not problem for _, problem in outcomes)
    return _page(call, wanted, found.items[:PER_PAGE], len(found.items), done, [o for o in outcomes if o[1]], action)


def _decide(call: Call, user: str, candidate_id: str, shown: str, action: Action) -> tuple[str, str]:
    """One decision: the candidate's id, and why it was not taken."""
    item = call.page.desk.find(user, candidate_id) if user in call.page.users() else None
    if item is None:
        return candidate_id, "it waits no longer"
    try:
        reason = call.form.get("reason", "").strip() or None
        deciding.decide(
            item, action, shown=shown, reason=reason if action == "rejected" else None, via="web", by=call.session.name
        )
    except Refusal as err:
        return candidate_id, err.problem
    except FileNotFoundError:
        return candidate_id, "its card was moved meanwhile"
    return candidate_id, ""


def _page(
    call: Call, wanted: Wanted, items: list[deciding.Waiting], total: int, done: int = 0,
    problems: list[tuple[str, str]] | None = None, action: str = "",
) -> Response:  # fmt: skip
    settings = call.page.door.settings
    return call.html(
        "several.html", cards=[view(item, settings) for item in items], total=total, wanted=wanted, done=done,
        problems=problems or [], action=action,
    )  # fmt: skip
