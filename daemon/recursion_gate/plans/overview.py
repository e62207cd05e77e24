"""Plans and tasks as the commands show them: reads only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.clock import now
from ..core.model import instant
from ..core.paths import Root, is_ignored
from .book import BadPlan, read_plan
from .check import order
from .folder import PROBLEMS, STATES, PlanFolder, Standing, on_the_way, plan_folders
from .model import Plan, Task
from .observe import claim_end
from .records import read_note, read_record

__all__ = ["done_in", "in_order", "is_used", "plan_row", "standings", "task_row", "task_rows", "tried"]


def is_used(root: Root) -> bool:
    """Whether anybody plans here: a plan, one on its way, or one that was refused. No where ``plans/`` cannot be
    read."""
    try:
        if plan_folders(root) or on_the_way(root):
            return True
        with os.scandir(root.plans / PROBLEMS) as entries:
            return any(not is_ignored(e.name) for e in entries)
    except OSError:
        return False


def standings(folder: PlanFolder) -> dict[str, Standing]:
    """Where each task stands, by its name: of several files the last, as the daemon has it. Raises OSError."""
    found: dict[str, Standing] = {}
    for standing in folder.listing():
        known = found.get(standing.name.task)
        if known is None or standing.name.generation >= known.name.generation:
            found[standing.name.task] = standing
    return found


def in_order(plan: Plan) -> list[Task]:
    """The tasks in the plan's order, each behind those that it needs."""
    place = order(plan.tasks)
    return sorted(plan.tasks, key=lambda task: place[task.id])


def task_rows(folder: PlanFolder, plan: Plan) -> list[dict[str, Any]]:
    """Every task of the plan in the plan's order, as ``task list --json`` prints it. Raises OSError."""
    found = standings(folder)
    return [task_row(folder, task, found) for task in in_order(plan)]


def task_row(folder: PlanFolder, task: Task, standings: Mapping[str, Standing]) -> dict[str, Any]:
    """One task of those that have these `standings`, as ``task list --json`` prints it. Raises OSError."""
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
    scope = ["no ready or claimed task has the same files"] if task.scope else []
    return f"waits until {' and '.join([*conditions, *scope]) or 'the daemon looks'}"


def done_in(standings: Mapping[str, Standing]) -> dict[str, int]:
    """Those of the tasks that are done, with the generation under which."""
    return {name: each.name.generation for name, each in standings.items() if each.state == "done"}


def tried(standing: Standing | None) -> int:
    """The last generation of a task whose attempt is over and was in vain; 0: none was tried."""
    return standing.name.generation - (standing.state in ("claimed", "done")) if standing else 0


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
