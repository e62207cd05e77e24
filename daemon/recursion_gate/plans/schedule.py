"""What becomes of the tasks at one look: pure. Observations in, actions out, in the order to carry them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .folder import Standing, State, TaskName
from .model import GateCondition, Plan, Task
from .records import End

__all__ = ["Conflicts", "Move", "Observed", "Remake", "SetAside", "decide", "key"]

#: Of each task ("plan/task") those whose scope has a path in common with its own; None: unknown, since a plan whose
#: tasks may be at work cannot be read; then no task with a scope gets ready.
Conflicts = Mapping[str, set[str]] | None

_RANK = {"waiting": 0, "ready": 1, "failed": 2, "done": 3, "claimed": 4}


@dataclass(frozen=True, slots=True)
class Observed:
    """One plan as it stands."""

    plan: Plan
    #: The files of each task, by id. Usually one; several where somebody has copied one.
    standings: Mapping[str, Sequence[Standing]]
    #: When each claim ends.
    ends: Mapping[str, End] = field(default_factory=dict)
    #: How many attempts at each task have failed: of those that failed, or whose claim ended.
    attempts: Mapping[str, int] = field(default_factory=dict)
    #: The tasks that a worker, not a person, has put into failed/.
    again: frozenset[str] = frozenset()
    #: The highest generation that the notes and records of a task that has no file know of.
    generations: Mapping[str, int] = field(default_factory=dict)
    #: The tasks whose place is unknown: they were moved during the look.
    unsure: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Move:
    """Move a task to another state, under its name of `to`. `note`: why its claim ended."""

    plan: str
    standing: Standing
    state: State
    to: TaskName
    note: str = ""


@dataclass(frozen=True, slots=True)
class Remake:
    """Make the file of a task that has none, in waiting/."""

    plan: str
    to: TaskName


@dataclass(frozen=True, slots=True)
class SetAside:
    """Move a file to plans/problems/: another one stands for its task."""

    plan: str
    standing: Standing
    why: str


Action = Move | Remake | SetAside


def key(plan: str, task: str) -> str:
    """The name of a task among those of all plans."""
    return f"{plan}/{task}"


def decide(
    plans: Sequence[Observed], conflicts: Conflicts, holds: Callable[[GateCondition], bool] = lambda condition: True
) -> list[Action]:
    """The actions for `plans`. `holds`: whether the gate holds what a task waits for."""
    actions: list[Action] = []
    where: dict[str, Standing] = {}
    for each in plans:
        actions += _settle(each, where)
    tasks = {key(each.plan.plan, task.id): task for each in plans for task in each.plan.tasks}
    held = [name for name, standing in where.items() if standing.state in ("ready", "claimed") and tasks[name].scope]
    back = _demote(held, where, conflicts)
    taken = set(held) - {key(move.plan, move.to.task) for move in back}
    for name, task in tasks.items():
        plan = name.partition("/")[0]
        standing = where.get(name)
        if standing is None or standing.state != "waiting":
            continue
        before = [where.get(key(plan, need)) for need in task.needs]
        if not all(need is not None and need.state == "done" for need in before):
            continue
        if task.scope and (conflicts is None or taken & conflicts.get(name, set())):
            continue
        if all(map(holds, task.waits_for)):
            actions.append(Move(plan, standing, "ready", TaskName(task.id, standing.name.generation)))
            if task.scope:
                taken.add(name)
    return [*actions, *back]


def _settle(each: Observed, where: dict[str, Standing]) -> list[Action]:
    """One file for each task, and no claim that has ended. Puts into `where` where each task stands then."""
    actions: list[Action] = []
    plan = each.plan.plan
    for task in each.plan.tasks:
        found = sorted(each.standings.get(task.id, ()), key=lambda s: (s.name.generation, _RANK[s.state]))
        if task.id in each.unsure:
            for standing in found:  # it holds its scope wherever it is
                where[key(plan, task.id)] = standing
            continue
        if not found:
            actions.append(Remake(plan, TaskName(task.id, each.generations.get(task.id, 0))))
            continue
        standing = found[-1]
        why = f"the task stands in {standing.state}/ already; move its file, do not copy it"
        actions += [SetAside(plan, other, why) for other in found[:-1]]
        where[key(plan, task.id)] = standing
        if (move := _own(each, task, standing)) is not None:
            actions.append(move)
    return actions


def _own(each: Observed, task: Task, standing: Standing) -> Move | None:
    """What becomes of a task by itself: a claim that ended, another attempt, a name that a person's move left."""
    plan, name = each.plan.plan, standing.name
    to = TaskName(task.id, name.generation)
    failed = each.attempts.get(task.id, 0)
    if standing.state == "claimed":
        if name.worker is None:
            return Move(plan, standing, "ready", to)
        end = each.ends.get(task.id)
        if end is None or not end.has_ended:
            return None
        return Move(plan, standing, "failed" if failed + 1 >= task.max_attempts else "ready", to, end.why)
    if standing.state == "failed" and task.id in each.again and failed < task.max_attempts:
        return Move(plan, standing, "waiting", to)
    return Move(plan, standing, standing.state, to) if name != to else None


def _demote(held: Sequence[str], where: Mapping[str, Standing], conflicts: Conflicts) -> list[Move]:
    """Ready tasks that overlap another that is ready or claimed: a person has moved one there, or has changed a
    plan."""
    actions: list[Move] = []
    taken = {name for name in held if where[name].state == "claimed"}
    for name in held:
        standing = where[name]
        if standing.state != "ready":
            continue
        if conflicts is not None and taken & conflicts.get(name, set()):
            actions.append(Move(name.partition("/")[0], standing, "waiting", standing.name))
        else:
            taken.add(name)
    return actions
