"""A plan's folder: where everything is, the names of task files, and which task stands where.

A name says all that must be known without opening the file, so that one rename changes it at once:

    waiting/TASK.md  ready/TASK.md      never claimed
    ready/TASK.2.md                     claimed twice already: the next claim is of generation 3
    claimed/TASK.3.WORKER.md            the claim of WORKER, of generation 3
    done/TASK.3.md  failed/TASK.3.md    ended under generation 3
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..core.paths import Root, is_ignored
from .model import valid_id

__all__ = [
    "PROBLEMS",
    "STATES",
    "SUFFIX",
    "WHY",
    "PlanFolder",
    "Standing",
    "State",
    "TaskName",
    "on_the_way",
    "plan_folders",
    "task_branch",
    "task_branches",
]

State = Literal["waiting", "ready", "claimed", "done", "failed"]
#: In the order in which workers move tasks.
STATES: tuple[State, ...] = get_args(State)

#: The folder in ``plans/`` for what was refused; no plan has this name.
PROBLEMS = "problems"

#: The ending of the reason beside a file there.
WHY = ".why.txt"

#: The ending of a plan that is dropped into ``plans/``.
SUFFIX = ".plan.yaml"

_NAME = re.compile(r"([a-z0-9][a-z0-9_-]*)(?:\.([1-9][0-9]{0,8})(?:\.([A-Za-z0-9][A-Za-z0-9_-]*))?)?\.md")


@dataclass(frozen=True, slots=True)
class TaskName:
    """What the name of a task's file says."""

    task: str
    #: How often it was claimed, the claim that it is under included.
    generation: int = 0
    worker: str | None = None

    @property
    def file(self) -> str:
        number = f".{self.generation}" if self.generation else ""
        return f"{self.task}{number}{'.' + self.worker if self.worker else ''}.md"

    @classmethod
    def of(cls, file: str) -> TaskName | None:
        """What `file` says; None: it is no task's name."""
        found = _NAME.fullmatch(file)
        return cls(found[1], int(found[2] or 0), found[3]) if found else None


def task_branch(plan: str, name: TaskName) -> str:
    """The git branch of one attempt at a task."""
    return f"{task_branches(plan)}/{name.task}.{name.generation}"


def task_branches(plan: str) -> str:
    """What the branches of all attempts at a plan's tasks begin with; a slash follows."""
    return f"task/{plan}"


@dataclass(frozen=True, slots=True)
class Standing:
    """A task's file as a listing has it."""

    state: State
    name: TaskName
    path: str


@dataclass(frozen=True, slots=True)
class PlanFolder:
    """``plans/<plan>/``."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def plan(self) -> Path:
        return self.path / "plan.yaml"

    @property
    def unfolded(self) -> Path:
        """The whole plan as the daemon has read it; it can be made again."""
        return self.path / ".plan.json"

    @property
    def notes(self) -> Path:
        """What became of each claim: one note a generation."""
        return self.path / "notes"

    @property
    def claims(self) -> Path:
        """Who has what until when: one record a claim."""
        return self.path / "claims"

    def state(self, state: State) -> Path:
        return self.path / state

    def at(self, state: State, name: TaskName) -> Path:
        return self.path / state / name.file

    def note(self, task: str, generation: int) -> Path:
        return self.notes / f"{task}.{generation}.md"

    def claim(self, task: str, generation: int) -> Path:
        return self.claims / f"{task}.{generation}.json"

    def folders(self) -> list[Path]:
        """All folders that a plan has."""
        return [*(self.state(state) for state in STATES), self.claims, self.notes]

    def listing(self, states: Iterable[State] = STATES) -> list[Standing]:
        """The task files, state by state in the order in which workers move them: a task that is moved meanwhile is
        seen twice, perhaps, but not missed. Raises OSError."""
        found = []
        for state in STATES:
            if state in states:
                with os.scandir(self.state(state)) as entries:
                    for entry in entries:
                        name = TaskName.of(entry.name)
                        if name is not None:
                            found.append(Standing(state, name, entry.path))
        return found

    def strangers(self) -> list[Path]:
        """What lies in the folders of the states and is no task's file. Raises OSError."""
        found = []
        for state in STATES:
            with os.scandir(self.state(state)) as entries:
                for entry in entries:
                    if TaskName.of(entry.name) is None and not is_ignored(entry.name):
                        found.append(Path(entry.path))
        return sorted(found)


def plan_folders(root: Root) -> list[PlanFolder]:
    """The plans there are, by name. Raises OSError when ``plans/`` is there and cannot be listed."""
    try:
        with os.scandir(root.plans) as entries:
            names = sorted(
                e.name for e in entries if valid_id(e.name) and e.name != PROBLEMS and e.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return []
    return [PlanFolder(root.plans / name) for name in names]


def on_the_way(root: Root) -> list[str]:
    """The names of the plans that lie in ``plans/`` and that the daemon has not looked at yet. Raises OSError when it
    is there and cannot be listed."""
    try:
        names = os.listdir(root.plans)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name.endswith(SUFFIX) and not is_ignored(name))
