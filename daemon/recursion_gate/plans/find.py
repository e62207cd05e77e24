"""The plan or task that somebody names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..core.errors import GateError
from ..core.paths import Root
from ..core.text import did_you_mean
from .book import BadPlan, read_plan
from .folder import PlanFolder, plan_folders
from .model import Plan, Task

__all__ = ["NoTask", "find_task", "plans_named"]


@dataclass(eq=False)
class NoTask(GateError):
    """There is no such plan or task."""

    what: str
    sentence = "{e.what}"


def plans_named(root: Root, plan: str | None) -> list[PlanFolder]:
    """The plan of that name, or all. Raises NoTask."""
    folders = plan_folders(root)
    if plan is None:
        return folders
    found = [folder for folder in folders if folder.name == plan]
    if not found:
        names = [folder.name for folder in folders]
        near = did_you_mean(plan, names) or "."
        raise NoTask(f"there is no plan '{plan}'{near} The plans are: {', '.join(names) or 'none'}")
    return found


def find_task(root: Root, name: str) -> tuple[PlanFolder, Plan, Task, int | None]:
    """The task that ``plan/task`` or ``plan/task@generation`` names; the plan may be left out where one alone has
    such a task. Raises NoTask, BadPlan."""
    whole, _, number = name.partition("@")
    plan, slash, task = whole.rpartition("/")
    generation = int(number) if number.isascii() and number.isdigit() else None
    if number and generation is None:
        raise NoTask(f"'{name}' names no claim: write PLAN/TASK@GENERATION, as 'task next' prints it")
    found = [
        (folder, its, each, generation)
        for folder in plans_named(root, plan or None)
        for its in _readable(folder, bool(slash))
        if (each := its.task(task)) is not None
    ]
    if len(found) > 1:
        raise NoTask(f"several plans have a task '{task}': {', '.join(f'{f.name}/{task}' for f, *_ in found)}")
    if not found:
        raise NoTask(f"there is no task '{whole}'{_near(root, plan, task) or '.'} 'recursion-gate task list' has them")
    return found[0]


def _near(root: Root, plan: str, task: str) -> str:
    names = (
        name.id if plan else f"{folder.name}/{name.id}"
        for folder in plans_named(root, plan or None)
        for its in _readable(folder, must=False)
        for name in its.tasks
    )
    return did_you_mean(task, names)


def _readable(folder: PlanFolder, must: bool) -> Iterator[Plan]:
    try:
        yield read_plan(folder)
    except BadPlan:
        if must:
            raise
