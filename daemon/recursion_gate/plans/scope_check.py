"""Is every changed file within the scope of a task? And whose is it, if not?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import GateError, Refusal
from ..core.paths import Root
from ..core.text import printable
from ..disk import atomic
from .book import BadPlan, read_plan
from .folder import plan_folders
from .git import Repository
from .model import Task
from .scopes import Scope, in_scope, scope

__all__ = ["HOOK", "Outside", "install", "outside", "task_here"]

#: The hook's file, and what makes known that it is ours.
HOOK, _MARK = "pre-commit", "# recursion-gate: scope check"

_HERE = "recursion-gate-task"


@dataclass(frozen=True, slots=True)
class Outside:
    """A changed file that is not in the task's scope."""

    file: str
    #: The tasks whose scope it is in, with their state and worker, in words.
    belongs_to: list[str]

    def __str__(self) -> str:
        whose = f"it belongs to {', '.join(self.belongs_to)}" if self.belongs_to else "it is in the scope of no task"
        return f"{printable(self.file)}: {whose}"


def outside(root: Root, task: Task, name: str, files: Iterable[str]) -> list[Outside]:
    """Those of `files` that are not in the scope of `task`, called `name` ("plan/task"). Raises Refusal."""
    its = scope(task.scope)
    found = [file for file in files if not in_scope(its, file)]
    others = _scopes(root, name) if found else []
    return [Outside(file, [words for where, words in others if in_scope(where, file)]) for file in found]


def _scopes(root: Root, but: str) -> list[tuple[Scope, str]]:
    found: list[tuple[Scope, str]] = []
    for folder in plan_folders(root):
        try:
            plan = read_plan(folder)
            standings = {s.name.task: s for s in folder.listing()}
        except (BadPlan, OSError):
            continue
        for task in plan.tasks:
            name = f"{folder.name}/{task.id}"
            standing = standings.get(task.id)
            if name == but or not task.scope or (standing is not None and standing.state == "done"):
                continue
            worker = f", {standing.name.worker} has it" if standing is not None and standing.name.worker else ""
            try:
                where = scope(task.scope)
            except Refusal:
                continue
            found.append((where, f"{name} ({standing.state if standing else 'missing'}{worker})"))
    return found


def task_here(repository: Repository) -> str | None:
    """The claim that this work tree is for, as `install` has written it down."""
    try:
        return repository.path(_HERE).read_text().strip() or None
    except OSError:
        return None


def install(root: Root, repository: Repository, claim: str | None, program: str) -> Path:
    """Make `scope check` the repository's pre-commit hook, and `claim` the one that this work tree is for. Gives the
    hook's path. Raises GateError where there is another hook, OSError."""
    if claim is not None:
        atomic.replace(repository.path(_HERE), f"{claim}\n".encode())
    path = repository.path(f"hooks/{HOOK}")
    if path.exists() and _MARK not in path.read_text(errors="replace"):
        raise GateError(
            f"{path} is there already: add this line to it: {program} --root {root.path} scope check --cached"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"#!/bin/sh\n{_MARK}\nexec '{program}' --root '{root.path}' scope check --cached --hook\n"
    atomic.replace(path, text.encode())
    os.chmod(path, 0o755)
    return path
