"""Take a decision back: a card that the daemon has not carried out is moved, one that it has is asked for in undo/."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response

from ...clients import decided, requests, take_back
from ...core.errors import Refusal
from .page import Call, Failed, see_other

__all__ = ["undo", "wait_for"]

#: How long, in seconds, a person is kept waiting for the daemon.
PATIENCE = 2.0


def undo(call: Call) -> Response:
    """POST /undo"""
    user, candidate_id = call.form.get("user", ""), call.form.get("id", "")
    if user not in call.page.users() or not candidate_id:
        raise Failed(404, "There is no such decision.")
    if _taken_out(call, user, candidate_id):
        return see_other(f"/card/{quote(user)}/{quote(candidate_id)}?said=undone")
    found = decided.find(call.page.door.root, [user], candidate_id)
    path = take_back.take_back(found, via="web", by=call.session.name)
    if wait_for(call, path):
        return see_other(f"/card/{quote(user)}/{quote(candidate_id)}?said=undone")
    return see_other("/?said=undo-asked")


def _taken_out(call: Call, user: str, candidate_id: str) -> bool:
    """Move its card back into pending/, where the daemon has not carried it out; whether that was so."""
    page = call.page
    item = page.desk.find(user, candidate_id)
    if item is None or item.state == "pending":
        return False
    try:
        return take_back.take_out(item, runs=page.door.daemon() != "none", rests=page.door.settings.grace_seconds > 0)
    except Refusal:  # it is being carried out just now
        return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` comes true within so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
    return True


def wait_for(call: Call, path: Path) -> bool:
    """Wait a moment until the daemon has carried out the request at `path`; whether it has. Raises Refusal where it
    has refused it."""
    place = call.page.door.root.place(path.parent.parent.name)
    _until(lambda: not path.exists(), PATIENCE if call.page.door.daemon() != "none" else 0)
    refused = requests.refusal(place, path)
    if refused is not None:
        raise refused
    return not path.exists()
