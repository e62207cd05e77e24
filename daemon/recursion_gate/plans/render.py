"""A task as people and workers read it: Markdown, made from the plan and the notes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..formats.frontmatter import quote
from .model import Command, GateCheck, Plan, Task
from .records import Note

__all__ = ["card"]

_FOOT = (
    "<!-- recursion-gate: the folder that this file is in is the task's state. It is made from plan.yaml: what is\n"
    "     changed here is not read. -->\n"
)


def card(plan: Plan, task: Task, notes: Sequence[Note] = (), attempts: Sequence[Note] = ()) -> str:
    """The task's card: what is to be done, where, and when it is done; the `notes` of the tasks that it needs, and what
    became of earlier `attempts`."""
    lines = ["---", f"task: {plan.plan}/{task.id}", f"lane: {task.lane}"]
    lines += ["scope:", *(f"  - {quote(pattern)}" for pattern in task.scope)] if task.scope else []
    lines += [f"needs: [{', '.join(task.needs)}]"] if task.needs else []
    lines += [f"context: {task.role}", *([f"user: {quote(task.user)}"] if task.user else []), "---", ""]
    lines += [f"# {task.title}", ""]
    lines += [task.goal.strip(), ""] if task.goal.strip() else []
    lines += [f"Part of the plan {plan.plan}: {plan.goal.strip().splitlines()[0]}", ""] if plan.goal.strip() else []
    if task.scope:
        lines += ["## Scope", "", "Change these files and no others:", "", *(f"- `{p}`" for p in task.scope), ""]
    if task.waits_for:
        lines += ["## Waits for", "", *(f"- {condition}" for condition in task.waits_for), ""]
    if task.accept:
        lines += ["## Done when", "", *(f"- {_kind(each)}{each}" for each in task.accept), ""]
    lines += _said("From the tasks before", notes)
    lines += _said("Earlier attempts", attempts)
    return "\n".join(lines).rstrip() + "\n\n" + _FOOT


def _kind(criterion: object) -> str:
    return "" if isinstance(criterion, Command) else "the gate: " if isinstance(criterion, GateCheck) else "a person: "


def _said(heading: str, notes: Sequence[Note]) -> list[str]:
    if not notes:
        return []
    lines = [f"## {heading}", ""]
    for note in notes:
        who = f" by {note.worker}" if note.worker else ""
        lines += [f"### {note.task}: {note.outcome}{who}, {note.at}", "", note.text or "(no note)", ""]
    return lines
