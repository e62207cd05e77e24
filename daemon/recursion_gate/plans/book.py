"""The plan of a folder: ``plan.yaml`` and what it has grown by, ``plan.2.yaml`` and so on, as one.

The daemon parses these files, and writes the whole plan beside them as JSON, which is read ten times as fast: each
worker's each call reads it. With it stands the digest of the files that it was made from, so that where one was
edited, or the daemon has not looked yet, everybody parses them as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from pydantic import ValidationError

from ..core.errors import GateError, Refusal
from ..disk import atomic
from ..disk.untrusted import Mark, look, mark_at
from .folder import PlanFolder
from .model import Plan

__all__ = ["MAX_BYTES", "BadPlan", "marks", "merged", "parse_plan", "part", "parts", "read_plan"]

#: The largest file of a plan.
MAX_BYTES = 2_000_000

#: Another one for each change of the model that gives what was written down another meaning.
_SHAPE = b"recursion-gate plan 1\n"


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
        data = parts(folder)
        known = _read[folder.path] = (its, _unfolded(folder, data) or _whole(folder, data))
    return known[1]


def parse_plan(folder: PlanFolder) -> Plan:
    """The whole plan, from what the planner wrote: for the daemon, which then writes it down for all others. Raises
    BadPlan, OSError."""
    data = parts(folder)
    plan = _whole(folder, data)
    if _unfolded(folder, data) != plan:
        text = plan.model_dump_json(exclude_defaults=True).encode()
        with suppress(OSError):  # on a full disk everybody parses it
            atomic.replace(folder.unfolded, _digest(data) + b"\n" + text, sync=False)
    return plan


def _unfolded(folder: PlanFolder, data: Iterable[bytes]) -> Plan | None:
    """The plan as the daemon has written it down; None where that was not made from `data`."""
    with suppress(Refusal, OSError, ValidationError):
        digest, _, text = look(folder.unfolded, 10 * MAX_BYTES).data.partition(b"\n")
        return Plan.model_validate_json(text) if digest == _digest(data) else None
    return None


def _digest(data: Iterable[bytes]) -> bytes:
    """Of the files of a plan, and of the shape that this version of the program gives it."""
    made = hashlib.sha256(_SHAPE)
    for each in data:
        made.update(b"%d\n" % len(each) + each)
    return made.hexdigest().encode()


def _whole(folder: PlanFolder, data: Iterable[bytes]) -> Plan:
    from .parse import parse  # reads YAML: a worker that finds the plan unfolded does without

    plan: Plan | None = None
    for number, each in enumerate(data, 1):
        try:
            read = parse(each, folder.name)
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
