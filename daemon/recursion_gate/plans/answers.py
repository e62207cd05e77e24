"""Plans, tasks and claims as ``--json`` and the MCP tools give them: one shape for both (`schemas.plan_answers`)."""

from __future__ import annotations

from typing import Any

from ..core.errors import Refusal
from ..core.model import instant
from ..core.paths import Root
from ..disk.lock import is_surely_free
from .adding import Added, check_size
from .apply import task_card
from .book import BadPlan, read_plan
from .claims import Claim, Nothing
from .drops import check
from .find import find_task
from .folder import PlanFolder
from .overview import done_in, plan_row, standings, task_row, task_rows, tried

__all__ = [
    "added_answer",
    "card_of",
    "check_answer",
    "claim_answer",
    "nothing_answer",
    "plan_answer",
    "problems_of",
    "renewed_answer",
    "task_answer",
]


def check_answer(root: Root | None, data: bytes, name: str | None, file: str) -> dict[str, Any]:
    """What is wrong with the plan that `data` is (``plan-check``). `name`: its name where it does not say; `file`: what
    the answer calls it. Raises OSError."""
    try:
        check_size(data)
        made = check(root, data, name)
    except (Refusal, BadPlan) as err:
        return {"file": file, "plan": name, "problems": problems_of(err), "tasks": 0}
    return {"file": file, "plan": made.plan, "problems": [], "tasks": len(made.tasks)}


def problems_of(err: Refusal | BadPlan) -> list[str]:
    """All that is wrong with a plan, each with what to do where that is known."""
    if isinstance(err, BadPlan):
        return [str(err)]
    return getattr(err, "problems", None) or [f"{err}. {err.remedy}" if err.remedy else str(err)]


def added_answer(root: Root, added: Added) -> dict[str, Any]:
    """Where a plan lies that was handed to the daemon (``plan-add``)."""
    plan = added.plan
    daemon = not is_surely_free(root)
    return {"plan": plan.plan, "tasks": len(plan.tasks), "file": str(added.path), "daemon": daemon}


def plan_answer(folder: PlanFolder) -> dict[str, Any]:
    """A plan and its tasks (``plan-show``). Raises BadPlan, OSError."""
    made = read_plan(folder)
    return {**plan_row(folder), "branch": made.branch_name, "list": task_rows(folder, made)}


def claim_answer(claim: Claim) -> dict[str, Any]:
    """A task that was claimed (``task-next``). Raises OSError."""
    return {
        "id": claim.id,
        "plan": claim.folder.name,
        "task": claim.task.id,
        "generation": claim.record.generation,
        "worker": claim.record.worker,
        "ends": instant(claim.record.ends),
        "title": claim.task.title,
        "lane": claim.task.lane,
        "scope": claim.task.scope,
        "context": claim.task.role,
        "user": claim.task.user,
        "accept": [str(each) for each in claim.task.accept],
        "branch": claim.plan.branch_name,
        "text": card_of(claim),
        "file": claim.path,
    }


def card_of(claim: Claim) -> str:
    """The card of a claimed task, with the notes of those before it and of earlier attempts. Raises OSError."""
    done = {s.name.task: s.name.generation for s in claim.folder.listing(("done",))} if claim.task.needs else {}
    return task_card(claim.folder, claim.plan, claim.task, done, claim.record.generation - 1)


def nothing_answer(root: Root, nothing: Nothing) -> dict[str, Any]:
    """That no task could be claimed (``task-next``)."""
    return {
        "id": None,
        "message": nothing.message,
        "retry": nothing.retry,
        "waiting": nothing.waiting,
        "claimed": nothing.claimed,
        "ready": nothing.ready,
        "failed": nothing.failed,
        "coming": nothing.coming,
        "daemon": not is_surely_free(root),
        "problems": nothing.problems,
    }


def renewed_answer(claim: Claim) -> dict[str, Any]:
    """Until when a claim lasts (``task-renew``)."""
    return {"id": claim.id, "ends": instant(claim.record.ends)}


def task_answer(root: Root, name: str) -> dict[str, Any]:
    """A task and its card (``task-show``). Raises NoTask, BadPlan, OSError."""
    folder, plan, found, _ = find_task(root, name)
    where = standings(folder)
    row = task_row(folder, found, where)
    text = task_card(folder, plan, found, done_in(where), tried(where.get(found.id)))
    return {**row, "goal": found.goal, "accept": [str(each) for each in found.accept], "text": text}
