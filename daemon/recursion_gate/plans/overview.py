"""Plans and tasks as the commands show them: reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.clock import now
from ..core.model import instant
from .book import BadPlan, read_plan
from .check import order
from .folder import STATES, PlanFolder, Standing
from .model import Plan, Task
from .observe import claim_end
from .records import read_note, read_record

__all__ = ["plan_row", "task_rows"]


def task_rows(folder: PlanFolder, plan: Plan) -> list[dict[str, Any]]:
    """Every task of the plan in the plan's order, as ``task list --json`` prints it. Raises OSError."""
    standings: dict[str, Standing] = {}
    for standing in folder.listing():
        known = standings.get(standing.name.task)
        if known is None or standing.name.generation >= known.name.generation:
            standings[standing.name.task] = standing
    place = order(plan.tasks)
    return [_row(folder, task, standings) for task in sorted(plan.tasks, key=lambda task: place[task.id])]


def _row(folder: PlanFolder, task: Task, standings: dict[str, Standing]) -> dict[str, Any]:
    standing = standings.get(task.id)
    row: dict[str, Any] = {
        "plan": folder.name,
        "task": task.id,
        "id": f"{folder.name}/{task.id}",
        "title": task.title,
        "lane": task.lane,
        "scope": task.scope,
        "needs": task.needs,
        "state": standing.state if standing else "missing",
        "generation": standing.name.generation if standing else 0,
        "worker": None,
        "since": None,
        "ends": None,
        "why": "",
    }
    if standing is None:
        row["why"] = "its file is gone; the daemon makes it again"
    elif standing.state == "claimed":
        row |= _claim(folder, standing)
    elif standing.state == "waiting":
        open_ones = [n for n in task.needs if (s := standings.get(n)) is None or s.state != "done"]
        row["why"] = f"needs {', '.join(open_ones)}" if open_ones else _why_waiting(task)
    elif standing.name.generation and standing.state != "ready":
        note = read_note(folder.note(task.id, standing.name.generation))
        if note is not None:
            row |= {"worker": note.worker, "since": note.at, "why": note.text if standing.state == "failed" else ""}
    return row


def _claim(folder: PlanFolder, standing: Standing) -> dict[str, Any]:
    name = standing.name
    record = read_record(folder.claim(name.task, name.generation))
    end = claim_end(folder, standing)
    return {
        "id": f"{folder.name}/{name.task}@{name.generation}",
        "worker": name.worker,
        "since": instant(record.since) if record else None,
        "ends": instant(end.at) if end else None,
        "why": f"its claim is over: {end.why}" if end and end.has_ended else "",
    }


def _why_waiting(task: Task) -> str:
    conditions = [str(condition) for condition in task.waits_for]
    scope = ["no ready or claimed task with the same files"] if task.scope else []
    return f"waits for {' and '.join([*conditions, *scope]) or 'the daemon'}"


def plan_row(folder: PlanFolder) -> dict[str, Any]:
    """A plan in one row, as ``plan list --json`` prints it. Raises OSError."""
    try:
        plan: Plan | None = read_plan(folder)
        problem = ""
    except BadPlan as err:
        plan, problem = None, str(err)
    counts: dict[str, int] = dict.fromkeys(STATES, 0)
    seen = set()
    for standing in reversed(_listed(folder)):
        if standing.name.task not in seen:
            seen.add(standing.name.task)
            counts[standing.state] += 1
    return {
        "plan": folder.name,
        "goal": plan.goal.strip() if plan else "",
        "tasks": len(plan.tasks) if plan else len(seen),
        **counts,
        "problem": problem,
        "as_of": instant(now()),
    }


def _listed(folder: PlanFolder) -> Sequence[Standing]:
    try:
        return folder.listing()
    except FileNotFoundError:
        return []
