"""Take a decision back: a card that the daemon has not carried out is moved, one that it has is asked for in undo/."""

from __future__ import annotations

import time
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
    item = call.page.desk.find(user, candidate_id)
    try:
        if item is not None and item.state != "pending":
            take_back.take_out(item)
            return see_other(f"/card/{quote(user)}/{quote(candidate_id)}?said=undone")
    except Refusal:  # it is being carried out just now
        pass
    found = decided.find(call.page.door.root, [user], candidate_id)
    path = take_back.take_back(found, via="web", by=call.session.name)
    if wait_for(call, path):
        return see_other(f"/card/{quote(user)}/{quote(candidate_id)}?said=undone")
    return see_other("/?said=undo-asked")


def wait_for(call: Call, path: Path) -> bool:
    """Wait a moment until the daemon has carried out the request at `path`; whether it has. Raises Refusal where it
    has refused it."""
    place = call.page.door.root.place(path.parent.parent.name)
    until = time.monotonic() + (PATIENCE if call.page.door.daemon() != "none" else 0)
    while path.exists() and time.monotonic() < until:
        time.sleep(0.03)
    refused = requests.refusal(place, path)
    if refused is not None:
        raise refused
    return not path.exists()
