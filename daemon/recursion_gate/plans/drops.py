"""Plans that are dropped into ``plans/``: checked, then unfolded into a folder with a file for each task, or
refused."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import Refusal
from ..core.paths import Root, is_ignored
from ..core.settings import Settings
from ..disk import atomic
from ..disk.untrusted import Seen, look
from .apply import make_folders, set_aside
from .book import MAX_BYTES, BadPlan, merged, part, parts, read_plan
from .check import findings, growth, scopes_of
from .folder import PROBLEMS, SUFFIX, PlanFolder, TaskName, plan_folders
from .model import Plan
from .parse import name_of, parse
from .render import card
from .scopes import Scope

__all__ = ["BadTasks", "check", "take_drops"]

log = logging.getLogger("recursion_gate")


class BadTasks(Refusal):
    """A plan that can be read, with `problems`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def take_drops(root: Root, settings: Settings) -> tuple[int, float | None]:
    """Unfold or refuse every plan that lies in ``plans/``. Gives how many, and in how many seconds to look again at one
    that may still be being written. Raises OSError."""
    done, again = 0, None
    for path in _files(root):
        name = path.name
        try:
            seen = look(path, MAX_BYTES, ask_writers=True)
            wait = _unsettled(seen, name, settings)
            if wait is not None:
                again = wait if again is None else min(again, wait)
                continue
            if not name.endswith(SUFFIX):
                raise Refusal("this is no plan, by its name", f"Call it NAME{SUFFIX}.")
            _take(root, path, seen.data)
        except FileNotFoundError:
            continue
        except (Refusal, BadPlan) as err:
            set_aside(
                root, path, name, f"{err}" + (f". {err.remedy}" if isinstance(err, Refusal) and err.remedy else "")
            )
        done += 1
    return done, again


def _files(root: Root) -> Iterator[Path]:
    try:
        with os.scandir(root.plans) as entries:
            found = [e.name for e in entries if not is_ignored(e.name) and not e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    yield from (root.plans / name for name in sorted(found))


def _unsettled(seen: Seen, name: str, settings: Settings) -> float | None:
    """In how many seconds to look again at a file that may still be being written; None: it is complete."""
    if seen.open_elsewhere:
        return settings.settle_seconds or 0.1
    rest = settings.settle_seconds if name.endswith(SUFFIX) else settings.unknown_ending_seconds
    if seen.open_elsewhere is False and name.endswith(SUFFIX):
        return None
    left = rest - (time.time() - seen.stat.st_mtime)
    return min(left, rest) if left > 0 else None


def check(root: Root | None, data: bytes, name: str | None) -> Plan:
    """The plan that `data` is; with what is there already, where it grows. Raises Refusal with all that is wrong."""
    plan = parse(data, name)
    if plan.plan == PROBLEMS:
        raise Refusal(f"no plan can be called '{plan.plan}'", "Give it another name.")
    users = None
    if root is not None:
        with contextlib.suppress(OSError):
            users = root.users()
    folder = PlanFolder(root.plans / plan.plan) if root is not None else None
    is_there = folder is not None and os.path.lexists(folder.path)
    if plan.grows and root is not None and folder is not None:
        if not is_there:
            raise Refusal(f"there is no plan '{plan.plan}' that could grow", "Leave 'grows' out.")
        _check_growth(root, folder, plan, users)
        return plan
    _raise(findings(plan, users))
    if is_there:
        raise Refusal(
            f"there is a plan '{plan.plan}' already",
            "Give this one another name, or 'grows: true' if it adds to that one.",
        )
    return plan


def _check_growth(root: Root, folder: PlanFolder, plan: Plan, users: list[str] | None) -> None:
    before = read_plan(folder)
    _raise(findings(plan, users, known={task.id for task in before.tasks}, overlaps=False))
    states = {s.name.task: s.state for s in folder.listing()}
    _raise(growth(before, plan, states, _held(root)))
    _raise(findings(merged(before, plan), users, done={task for task, state in states.items() if state == "done"}))


def _held(root: Root) -> dict[str, Scope]:
    """The scopes of all tasks that are ready or claimed."""
    found: dict[str, Scope] = {}
    for folder in plan_folders(root):
        names = {s.name.task for s in folder.listing(("ready", "claimed"))}
        if names:
            scopes = scopes_of([task for task in read_plan(folder).tasks if task.id in names])
            found |= {f"{folder.name}/{task}": its for task, its in scopes.items()}
    return found


def _raise(found: list[str]) -> None:
    if found:
        raise BadTasks(found)


def _take(root: Root, path: Path, data: bytes) -> None:
    name = name_of(path.name)
    plan = parse(data, name)
    folder = PlanFolder(root.plans / plan.plan)
    with contextlib.suppress(BadPlan, FileNotFoundError, NotADirectoryError):
        if parts(folder)[-1] == data:  # a stop came between the two steps below
            _remove(path)
            return
    check(root, data, name)
    if plan.grows:
        number = len(parts(folder)) + 1
        atomic.create(part(folder, number), data, sync=True)
        atomic.sync_folder(folder.path)
    else:
        _unfold(root, plan, data)
    log.info("event=plan-%s plan=%s tasks=%d", "grown" if plan.grows else "unfolded", plan.plan, len(plan.tasks))
    _remove(path)


def _unfold(root: Root, plan: Plan, data: bytes) -> None:
    """The plan's folder appears in one step, whole."""
    new = PlanFolder(root.plans / f".{plan.plan}.new")
    make_folders(new)
    for task in plan.tasks:
        atomic.create(new.at("waiting", TaskName(task.id)), card(plan, task).encode())  # it can be made again
    atomic.sync_folder(new.state("waiting"))
    atomic.replace(new.plan, data)
    atomic.sync_folder(new.path)
    atomic.calls.rename_new(str(new.path), str(root.plans / plan.plan))
    atomic.sync_folder(root.plans)


def _remove(path: Path) -> None:
    atomic.remove(path)
    atomic.sync_folder(path.parent)
