"""Whether all is well: the daemon, what waits where, refused files with their reasons, the doctor's findings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from ...admin.status import overview
from ...clients.own import put
from ...clients.person import check_person
from ...clients.requests import said_in
from ...core.errors import Refusal
from ...core.paths import Place, is_ignored
from ...disk import untrusted
from ...doctor import doctor
from .page import Call, Failed, see_other

__all__ = ["put_back", "status"]

_SHOWN = 50
_WHY = ".why.txt"
_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A refused file."""

    user: str
    name: str
    why: str
    remedy: str
    #: Its text; None where it is too long for a page, or no text.
    text: str | None
    digest: str


def status(call: Call, error: str = "", code: int = 200) -> Response:
    """GET /status"""
    root = call.page.door.root
    users = call.page.users()
    problems = [problem for user in users for problem in _problems(root.place(user))]
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
    problem = next((each for each in _problems(place) if each.name == name), None)
    if problem is None:
        raise Failed(409, "This file is no longer in problems/.")
    if problem.digest != form.get("shown"):
        return status(call, f"{name} was changed since you saw it, so nothing was done.", 409)
    if problem.text is None or not text.strip():
        raise Failed(422, "An empty file is no drop.")
    put(place, name, text.encode(errors="replace"))
    for path in (place.problems / name, place.problems / f"{name}{_WHY}"):
        with suppress(FileNotFoundError):
            path.unlink()
    return see_other("/status?said=put-back")


def _problems(place: Place) -> Iterator[Problem]:
    try:
        names = sorted(path.name for path in place.problems.iterdir() if not is_ignored(path.name))
    except (FileNotFoundError, PermissionError):
        return
    for name in names:
        if not name.endswith(_WHY):
            yield _problem(place, place.problems / name)


def _problem(place: Place, path: Path) -> Problem:
    why, text, digest = Refusal("no reason stands beside it"), None, ""
    with suppress(Refusal, OSError):
        why = said_in(untrusted.look(path.with_name(path.name + _WHY), _LIMIT).data.decode(errors="replace"))
    with suppress(Refusal, OSError, UnicodeDecodeError):
        data = untrusted.look(path, _LIMIT).data
        digest, text = hashlib.sha256(data).hexdigest(), data.decode("utf-8-sig")
    return Problem(place.user, path.name, why.problem, why.remedy, text, digest)
