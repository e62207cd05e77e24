"""The plan of a folder: ``plan.yaml`` and what it has grown by, ``plan.2.yaml`` and so on, as one."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from ..core.errors import GateError, Refusal
from ..disk.untrusted import Mark, look, mark_at
from .folder import PlanFolder
from .model import Plan
from .parse import parse

__all__ = ["MAX_BYTES", "BadPlan", "marks", "merged", "part", "parts", "read_plan"]

#: The largest file of a plan.
MAX_BYTES = 2_000_000


class BadPlan(GateError):
    """The files of a plan cannot be used: `path` names the one, `problem` says why."""

    def __init__(self, path: str, problem: str, remedy: str = "") -> None:
        super().__init__(path, problem)
        self.path, self.problem, self.remedy = path, problem, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


def part(folder: PlanFolder, number: int) -> Path:
    """The file of that number: 1 is the first."""
    return folder.plan if number == 1 else folder.path / f"plan.{number}.yaml"


def parts(folder: PlanFolder) -> list[bytes]:
    """The bytes of a plan's files, in order. Raises BadPlan, OSError."""
    found: list[bytes] = []
    for number in count(1):
        path = part(folder, number)
        try:
            found.append(look(path, MAX_BYTES).data)
        except FileNotFoundError:
            if number > 1:
                return found
            raise BadPlan(
                f"plans/{folder.name}/plan.yaml", "it is not there", "Put it back, or remove the plan."
            ) from None
        except Refusal as err:
            raise BadPlan(f"plans/{folder.name}/{path.name}", err.problem, err.remedy) from None
    raise AssertionError


def marks(folder: PlanFolder) -> tuple[Mark, ...]:
    """Changes whenever one of the plan's files does. Raises OSError."""
    found: list[Mark] = []
    for number in count(1):
        mark = mark_at(part(folder, number))
        if mark is None:
            break
        found.append(mark)
    return tuple(found)


#: Plans as they were read last, by folder: a worker asks for the same one again and again.
_read: dict[Path, tuple[tuple[Mark, ...], Plan]] = {}


def read_plan(folder: PlanFolder) -> Plan:
    """The whole plan. Raises BadPlan, OSError."""
    its = marks(folder)
    known = _read.get(folder.path)
    if known is None or known[0] != its or not its:
        known = _read[folder.path] = (its, _whole(folder))
    return known[1]


def _whole(folder: PlanFolder) -> Plan:
    plan: Plan | None = None
    for number, data in enumerate(parts(folder), 1):
        try:
            read = parse(data, folder.name)
        except Refusal as err:
            raise BadPlan(f"plans/{folder.name}/{part(folder, number).name}", err.problem, err.remedy) from None
        plan = read if plan is None else merged(plan, read)
    assert plan is not None
    return plan


def merged(plan: Plan, more: Plan) -> Plan:
    """`plan` with the tasks of `more`: one that is there already is taken from there, in its place."""
    new = {task.id: task for task in more.tasks}
    tasks = [new.pop(task.id, task) for task in plan.tasks]
    return plan.model_copy(update={"tasks": [*tasks, *new.values()], "goal": more.goal or plan.goal})
