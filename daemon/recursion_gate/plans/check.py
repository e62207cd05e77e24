"""What is wrong with a plan: pure. A plan with a finding is refused whole, with all its findings."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from ..core.errors import Refusal
from ..core.paths import valid_user
from ..core.text import did_you_mean
from .model import Plan, Task
from .scopes import Scope, overlap, overlapping, scope

__all__ = ["circle", "conflicts_of", "findings", "growth", "order", "scopes_of"]

#: So many findings of one kind are told.
_LIMIT = 20

#: So many seconds the comparison of all scopes may take: the daemon has other work.
_PATIENCE = 5.0

#: So many patterns a plan may have.
_PATTERNS = 4_000


def findings(
    plan: Plan,
    users: Collection[str] | None = None,
    *,
    known: Collection[str] = (),
    done: Collection[str] = (),
    overlaps: bool = True,
) -> list[str]:
    """All that is wrong with `plan`, in words. `users`: those that there are, if known. `known`: tasks of the plan that
    it adds to. `done`: tasks that are over, whose files others may change. Without `overlaps` scopes are not compared.
    """
    found: list[str] = []
    seen: set[str] = set()
    for task in plan.tasks:
        if task.id in seen:
            found.append(f"two tasks have the id '{task.id}'")
        seen.add(task.id)
    for task in plan.tasks:
        found += _needs(task, seen.union(known)) + _task(task, users)
    if not found and (way := circle(plan.tasks)):
        found.append(f"tasks wait for each other in a circle: {' -> '.join(way)}")
    if not found and sum(len(task.scope) for task in plan.tasks) > _PATTERNS:
        found.append(f"the plan has more than {_PATTERNS:,} scope patterns: name folders, or make several plans")
    if not found and overlaps:
        found += _overlaps(plan, done)
    return found[:_LIMIT] + ([f"and {len(found) - _LIMIT:,} more"] if len(found) > _LIMIT else [])


def growth(before: Plan, more: Plan, states: Mapping[str, str], held: Mapping[str, Scope]) -> list[str]:
    """Why `more` cannot be added to the plan `before`, whose tasks have these `states`. What waits may be changed; of a
    task that is ready or claimed only the scope, and only widened, where none of `held`, the scopes of all other such
    tasks, overlaps it; what is done stays."""
    found: list[str] = []
    for task in more.tasks:
        was, state = before.task(task.id), states.get(task.id, "waiting")
        if was is None or was == task or state in ("waiting", "failed"):
            continue
        if state == "done":
            found.append(f"task '{task.id}' is done: give what is still to do another id")
        elif task.model_copy(update={"scope": was.scope}) != was:
            found.append(f"task '{task.id}' is {state}: only its scope can be changed now")
        elif not set(was.scope) <= set(task.scope) or any(p.startswith("!") for p in set(task.scope) - set(was.scope)):
            found.append(f"task '{task.id}' is {state}: its scope can only be widened")
        else:
            for other, where in held.items():
                if other != f"{before.plan}/{task.id}" and (what := overlap(scope(task.scope), where)):
                    found.append(f"task '{task.id}' cannot be widened while '{other}' is ready or claimed: {what}")
    return found


def conflicts_of(plans: Mapping[str, Sequence[Task]]) -> dict[str, set[str]]:
    """Of each task of all plans, as "plan/task", those whose scope has a path in common with its own. Where they are
    too intricate to be compared, all of them."""
    scopes = {f"{plan}/{name}": its for plan, tasks in plans.items() for name, its in scopes_of(tasks).items()}
    names = list(scopes)
    found: dict[str, set[str]] = {}
    patience_ends = time.monotonic() + _PATIENCE
    for one, other, what in overlapping(list(scopes.values()), lambda: time.monotonic() > patience_ends):
        if what is None:
            everything = set(names)
            return dict.fromkeys(names, everything)
        found.setdefault(names[one], set()).add(names[other])
        found.setdefault(names[other], set()).add(names[one])
    return found


def _needs(task: Task, known: set[str]) -> list[str]:
    missing = (need for need in task.needs if need not in known)
    return [f"task '{task.id}' needs '{need}', which is no task here{did_you_mean(need, known)}" for need in missing]


def _task(task: Task, users: Collection[str] | None) -> list[str]:
    found = []
    if task.lane == "codebase":
        try:
            if not scope(task.scope):
                found.append(
                    f"task '{task.id}' has no scope; name the files that it may change, as in ['/app/schema/']"
                )
        except Refusal as err:
            found.append(f"task '{task.id}': {err}. {err.remedy}")
    elif task.scope:
        found.append(f"task '{task.id}' is a {task.lane} task, which changes no files: leave 'scope' out")
    conditions = [*task.waits_for, *(each.gate for each in task.accept if hasattr(each, "gate"))]
    for user in {*(condition.user for condition in conditions), *([task.user] if task.user else [])}:
        if not valid_user(user) or (users is not None and user not in users):
            found.append(f"task '{task.id}': there is no user '{user}'")
    return found


def circle(tasks: Sequence[Task]) -> list[str]:
    """Tasks that wait for each other, from one back to the same; none where there is no circle."""
    needs = {task.id: task.needs for task in tasks}
    done: set[str] = set()
    for first in needs:
        way, ways = [first], [iter(needs[first])]
        on_way = {first}
        while ways:
            following = next(ways[-1], None) if way[-1] not in done else None
            if following is None:
                ways.pop()
                done.add(way[-1])
                on_way.discard(way.pop())
            elif following in on_way:
                return [*way[way.index(following) :], following]
            elif following not in done and following in needs:
                way.append(following)
                on_way.add(following)
                ways.append(iter(needs[following]))
    return []


def order(tasks: Sequence[Task]) -> dict[str, int]:
    """The plan's order: each task behind those it needs, else as they are written. Of tasks without a circle."""
    place: dict[str, int] = {}
    by_id = {task.id: task for task in tasks}
    for task in tasks:
        todo = [task.id]
        while todo:
            missing = [need for need in by_id[todo[-1]].needs if need not in place and need in by_id]
            if missing:
                todo += reversed(missing)
            else:
                place.setdefault(todo.pop(), len(place))
    return place


def scopes_of(tasks: Sequence[Task]) -> dict[str, Scope]:
    """The scope of each task that has one. Raises Refusal."""
    return {task.id: scope(task.scope) for task in tasks if task.lane == "codebase"}


def _overlaps(plan: Plan, done: Collection[str]) -> list[str]:
    scopes = scopes_of([task for task in plan.tasks if task.id not in done])
    ids = list(scopes)
    before: Mapping[str, int] | None = None
    bit = {task.id: 1 << number for number, task in enumerate(plan.tasks)}
    found: list[str] = []
    patience_ends = time.monotonic() + _PATIENCE
    for one, other, what in overlapping(list(scopes.values()), lambda: time.monotonic() > patience_ends):
        if what is None:
            return [*found, "the scopes are too intricate to be compared: use fewer patterns, with fewer wildcards"]
        a, b = ids[one], ids[other]
        before = before if before is not None else _all_needs(plan.tasks, bit)
        if not (before[b] & bit[a] or before[a] & bit[b]):
            found.append(
                f"tasks '{a}' and '{b}' may change the same file, and neither needs the other: {what}. "
                f"Make the scopes differ, or let one need the other"
            )
            if len(found) > _LIMIT:
                break
    return found


def _all_needs(tasks: Sequence[Task], bit: Mapping[str, int]) -> dict[str, int]:
    """Of each task, all that must be done before it, as bits."""
    place = order(tasks)
    by_id = {task.id: task for task in tasks}
    found: dict[str, int] = {}
    for name in sorted(by_id, key=place.__getitem__):
        found[name] = 0
        for need in by_id[name].needs:
            found[name] |= bit[need] | found[need]
    return found
