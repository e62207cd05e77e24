"""The plans: how far each is, one of them, one task, and what a person may do with a task or a refused plan."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ...clients.person import check_person
from ...core.errors import Refusal
from ...plans import adding, by_hand
from ...plans import overview as shown_by
from ...plans.answers import problems_of
from ...plans.book import BadPlan, read_plan
from ...plans.find import NoTask, plans_named
from ...plans.folder import PROBLEMS, SUFFIX, PlanFolder, Standing, State, on_the_way, plan_folders, task_branch
from ...plans.model import Plan, Task
from ...plans.observe import attempts, handed_over
from ...plans.picture import STYLE, svg
from ...plans.records import read_note
from .page import HEADERS, Call, Failed, see_other
from .refused import Refused, refused

__all__ = ["move", "picture", "plan", "plans", "put_back", "task"]

#: What a person should see first comes first.
_ORDER: tuple[State | str, ...] = ("failed", "claimed", "missing", "ready", "waiting", "done")
_TITLES = {
    "failed": "Failed, or taken out",
    "claimed": "At work",
    "missing": "Without a file",
    "ready": "Ready",
    "waiting": "Waiting",
    "done": "Done",
}
#: So many tasks of each state are shown at once; of one state that was asked for, so many on a page.
_SHOWN, _PER_PAGE = 30, 100
#: With more tasks the picture is not shown on the page, but linked.
_PICTURED = 300
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_SVG = {**HEADERS, "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'"}


def plans(call: Call, error: str = "", code: int = 200, typed: tuple[str, str] = ("", "")) -> Response:
    """GET /plans. `typed`: the name of a refused plan, and how somebody has corrected it, where that is wrong, too."""
    root = call.page.door.root
    if not shown_by.is_used(root):
        raise HTTPException(404)
    rows = [{**shown_by.plan_row(folder), "workers": _workers(folder)} for folder in plan_folders(root)]
    problems = list(refused(root.plans / PROBLEMS))
    return call.html(
        "plans.html", code, rows=rows, coming=on_the_way(root), problems=problems[:50], count=len(problems),
        error=error, typed=typed, suffix=SUFFIX, daemon=call.page.door.daemon(),
    )  # fmt: skip


def _workers(folder: PlanFolder) -> list[str]:
    return sorted({s.name.worker for s in folder.listing(("claimed",)) if s.name.worker})


def plan(call: Call) -> Response:
    """GET /plans/PLAN"""
    folder = _folder(call)
    row = shown_by.plan_row(folder)
    wanted = call.query.get("state", "")
    wanted = wanted if wanted in _TITLES else ""
    groups: list[dict[str, Any]] = []
    made = _read(folder)
    number = pages = 1
    if made is not None:
        found = shown_by.standings(folder)
        tasks: dict[str, list[Task]] = {state: [] for state in _ORDER}
        for each in shown_by.in_order(made):
            tasks[found[each.id].state if each.id in found else "missing"].append(each)
        if wanted:
            number, pages = _page(call, len(tasks[wanted]))
        for state in (wanted,) if wanted else _ORDER:
            first = (number - 1) * _PER_PAGE if wanted else 0
            some = tasks[state][first : first + (_PER_PAGE if wanted else _SHOWN)]
            rows = [shown_by.task_row(folder, each, found) for each in some]
            groups.append({"state": state, "title": _TITLES[state], "count": len(tasks[state]), "rows": rows})
    return call.html(
        "plan.html", row=row, plan=made, groups=groups, wanted=wanted, number=number, pages=pages, pictured=_PICTURED,
        stamp=_stamp(folder), daemon=call.page.door.daemon(),
    )  # fmt: skip


def _page(call: Call, count: int) -> tuple[int, int]:
    """The page that is asked for, of how many."""
    pages = max(1, -(-count // _PER_PAGE))
    given = call.query.get("page", "1")
    return min(max(int(given), 1), pages) if given.isascii() and given.isdigit() and len(given) < 6 else 1, pages


def _stamp(folder: PlanFolder) -> str:
    """Changes whenever the picture does."""
    names = [(s.state, s.name.file) for s in folder.listing()]
    return hashlib.sha256(repr(sorted(names)).encode()).hexdigest()[:12]


def picture(call: Call) -> Response:
    """GET /plans/PLAN/picture.svg: as ``plan show --svg`` draws it."""
    folder = _folder(call)
    made = _read(folder)
    if made is None:
        raise HTTPException(404)
    text = svg(made.plan, made.goal, shown_by.task_rows(folder, made))
    return Response(text, headers=_SVG, media_type="image/svg+xml")


def task(call: Call, error: str = "", code: int = 200) -> Response:
    """GET /plans/PLAN/TASK"""
    folder = _folder(call)
    made = _read(folder)
    its = made.task(call.params["task"]) if made else None
    if made is None or its is None:
        raise HTTPException(404)
    found = shown_by.standings(folder)
    standing = found.get(its.id)
    done = shown_by.done_in(found)
    note = read_note(folder.note(its.id, done[its.id])) if its.id in done else None
    tried = attempts(folder, its.id, shown_by.tried(standing))
    why_of = standing.name.generation if standing and standing.state == "failed" else 0  # shown as why it failed
    return call.html(
        "task.html",
        code,
        row=shown_by.task_row(folder, its, found),
        task=its,
        plan=made,
        needs=[(need, made.task(need), found[need].state if need in found else "missing") for need in its.needs],
        before=handed_over(folder, its, done),
        attempts=[each for each in tried if each.generation != why_of][-20:],
        note=note,
        shown=by_hand.place_of(standing) if standing else "",
        branch=_branch(folder, its, standing),
        error=error,
        daemon=call.page.door.daemon(),
    )


def _branch(folder: PlanFolder, task: Task, standing: Standing | None) -> str:
    """Where the work of a codebase task that failed may lie; "" where there is none."""
    if standing is None or standing.state != "failed" or not standing.name.generation or task.lane != "codebase":
        return ""
    return task_branch(folder.name, standing.name)


def move(call: Call) -> Response:
    """POST /plans/PLAN/TASK/move: what a person may do with its file."""
    check_person()
    to = call.form.get("to", "")
    if to not in by_hand.PLACES:
        raise Failed(400, "The form does not say where the task is to go.")
    folder, name = _folder(call), call.params["task"]
    try:
        by_hand.move(call.page.door.root, folder.name, name, to, call.form.get("shown", ""))
    except by_hand.Moved as err:
        return task(call, f"{err.problem[:1].upper()}{err.problem[1:]}. Nothing was done.", 409)
    return see_other(f"/plans/{quote(folder.name)}/{quote(name)}?said=moved-{to}")


def put_back(call: Call) -> Response:
    """POST /plans/problems/put-back: a refused plan, corrected here, as a drop again."""
    check_person()
    root, form = call.page.door.root, call.form
    name, text = form.get("name", ""), form.get("text", "")
    problem = next((each for each in refused(root.plans / PROBLEMS) if each.name == name), None)
    if problem is None or not _is_plan(problem):
        raise Failed(409, "This plan is no longer in plans/problems/.")
    if problem.digest != form.get("shown"):
        return plans(call, f"{name} was changed since you saw it, so nothing was done.", 409)
    try:
        adding.put_back(root, name, text.encode(errors="replace"))
    except (Refusal, BadPlan) as err:
        said = "; ".join(problems_of(err))
        return plans(call, f"{name} cannot be put back yet: {said}", 422, (name, text))
    return see_other("/plans?said=plan-put-back")


def _is_plan(problem: Refused) -> bool:
    return problem.name.endswith(SUFFIX) and problem.text is not None


def _folder(call: Call) -> PlanFolder:
    """The plan that the address names."""
    try:
        return plans_named(call.page.door.root, call.params["plan"])[0]
    except (NoTask, OSError):
        raise HTTPException(404) from None


def _read(folder: PlanFolder) -> Plan | None:
    """The plan; None where it cannot be used: `plan_row` says why."""
    try:
        return read_plan(folder)
    except BadPlan:
        return None
