"""Whether all is well: the daemon, what waits where, refused files with their reasons, the doctor's findings."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import Response

from ...admin.status import overview
from ...clients.own import put
from ...clients.person import check_person
from ...doctor import doctor
from .page import Call, Failed, see_other
from .refused import WHY, refused

__all__ = ["put_back", "status"]

_SHOWN = 50


def status(call: Call, error: str = "", code: int = 200) -> Response:
    """GET /status"""
    root = call.page.door.root
    users = call.page.users()
    problems = [problem for user in users for problem in refused(root.place(user).problems, user)]
    findings = [f for f in doctor(root, prove=False) if f.code != "problems"]
    return call.html(
        "status.html", code, state=overview(root), problems=problems[:_SHOWN], count=len(problems), findings=findings,
        error=error,
    )  # fmt: skip


def put_back(call: Call) -> Response:
    """POST /put-back: a refused file, corrected here, as a drop again."""
    check_person()
    form = call.form
    user, name, text = form.get("user", ""), form.get("name", ""), form.get("text", "")
    if user not in call.page.users():
        raise Failed(404, "There is no such user.")
    place = call.page.door.root.place(user)
    problem = next((each for each in refused(place.problems, user) if each.name == name), None)
    if problem is None:
        raise Failed(409, "This file is no longer in problems/.")
    if problem.digest != form.get("shown"):
        return status(call, f"{name} was changed since you saw it, so nothing was done.", 409)
    if problem.text is None or not text.strip():
        raise Failed(422, "An empty file is no drop.")
    put(place, name, text.encode(errors="replace"))
    for path in (place.problems / name, place.problems / f"{name}{WHY}"):
        with suppress(FileNotFoundError):
            path.unlink()
    return see_other("/status?said=put-back")
