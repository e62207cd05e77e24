"""Carry out the actions of a look: renames, in the order given, each of which takes place or does not."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..core.clock import now
from ..core.model import instant
from ..core.paths import Root
from ..core.text import printable
from ..disk import atomic
from ..disk.untrusted import is_still, mark_at
from .folder import PROBLEMS, WHY, PlanFolder, Standing
from .model import Plan, Task
from .observe import attempts, handed_over
from .records import Note, read_note
from .render import card
from .schedule import Action, Move, Observed, Remake, SetAside

__all__ = ["apply", "free_name", "make_folders", "set_aside", "task_card"]

log = logging.getLogger("recursion_gate")


def apply(root: Root, plans: Mapping[str, Observed], actions: list[Action]) -> int:
    """Carry out `actions`; gives how many took place. One whose task was moved meanwhile is left to the next look.
    Raises OSError."""
    done = 0
    folders: set[str] = set()
    for action in actions:
        folder = PlanFolder(root.plans / action.plan)
        try:
            _apply(root, folder, plans[action.plan], action, folders)
            done += 1
        except (FileNotFoundError, FileExistsError):
            continue
    for path in sorted(folders):
        with suppress(FileNotFoundError):
            atomic.sync_folder(path)
    return done


def _apply(root: Root, folder: PlanFolder, seen: Observed, action: Action, folders: set[str]) -> None:
    if isinstance(action, Remake):
        task = seen.plan.task(action.to.task)
        assert task is not None
        path = folder.at("waiting", action.to)
        if not atomic.create(path, _card(folder, seen, task, 0)):
            raise FileExistsError(path)
        folders.add(str(path.parent))
        log.warning("event=task-remade plan=%s task=%s", action.plan, action.to.task)
    elif isinstance(action, SetAside):
        set_aside(root, Path(action.standing.path), f"{action.plan}-{action.standing.name.file}", action.why)
    else:
        _move(folder, seen, action, folders)


def _move(folder: PlanFolder, seen: Observed, move: Move, folders: set[str]) -> None:
    task, generation = move.to.task, move.to.generation
    if move.standing.state == "waiting" and move.state == "ready":
        _write_again(folder, seen, move.standing)
    target = folder.at(move.state, move.to)
    atomic.calls.rename_new(move.standing.path, str(target))
    folders.update((os.path.dirname(move.standing.path), str(target.parent)))
    if move.note:  # behind the rename: until then the worker may still finish, and its note must stand
        _note_end(folder, move)
    elif (move.standing.state, move.state) in (("failed", "waiting"), ("waiting", "ready")):
        _note_retried(folder, move)
    why = f' why="{move.note}"' if move.note else ""
    log.info("event=task-%s plan=%s task=%s generation=%d%s", move.state, move.plan, task, generation, why)


def _note_end(folder: PlanFolder, move: Move) -> None:
    """The note on a claim that ended; one that its worker has left before it was stopped says more."""
    path = folder.note(move.to.task, move.to.generation)
    note = read_note(path)
    if note is None or note.outcome == "done":
        note = Note(
            task=move.to.task,
            generation=move.to.generation,
            outcome="ended",
            worker=move.standing.name.worker,
            at=instant(now()),
            text=move.note,
            retried=move.state == "ready",
        )
        atomic.replace(path, note.data())
        atomic.sync_folder(path.parent)


def _note_retried(folder: PlanFolder, move: Move) -> None:
    path = folder.note(move.to.task, move.to.generation)
    note = read_note(path)
    if note is not None and not note.retried:
        atomic.replace(path, note.model_copy(update={"retried": True}).data())


def _write_again(folder: PlanFolder, seen: Observed, standing: Standing) -> None:
    """The card as it is now, with the notes of the tasks before it."""
    mark = mark_at(standing.path)
    task = seen.plan.task(standing.name.task)
    if mark is not None and task is not None and (task.needs or standing.name.generation):
        data = _card(folder, seen, task, standing.name.generation)
        atomic.replace(standing.path, data, sync=False, still=is_still(mark))


def _card(folder: PlanFolder, seen: Observed, task: Task, generation: int) -> bytes:
    standings = (each for need in task.needs for each in seen.standings.get(need, ()))
    done = {each.name.task: each.name.generation for each in standings if each.state == "done"}
    return task_card(folder, seen.plan, task, done, generation).encode()


def task_card(folder: PlanFolder, plan: Plan, task: Task, done: Mapping[str, int], generation: int) -> str:
    """The card of a task as it is now: with the notes of those that it needs, which are `done` under these generations,
    and of the attempts up to its own `generation`."""
    return card(plan, task, handed_over(folder, task, done), attempts(folder, task.id, generation))


def make_folders(folder: PlanFolder) -> None:
    """The folders that a plan has, as far as they are missing. Raises OSError."""
    for path in folder.folders():
        atomic.make_folder(path)


def set_aside(root: Root, path: Path, name: str, why: str) -> None:
    """Move the file at `path` to plans/problems/, under `name`, with the reason beside it; the reason first. Raises
    OSError."""
    folder = root.plans / PROBLEMS
    atomic.make_folder(folder)
    target = free_name(folder, name)
    reason = folder / f"{target.name}{WHY}"
    atomic.replace(reason, f"{path.name}: {why}\n".encode(errors="replace"))
    atomic.sync_folder(folder)
    try:
        atomic.calls.rename_new(str(path), str(target))
    except OSError:
        atomic.remove(reason)
        raise
    atomic.sync_folder(folder)
    atomic.sync_folder(path.parent)
    log.warning('event=plan-refused file="%s"', printable(target.name).replace('"', "'"))


def free_name(folder: Path, name: str) -> Path:
    """A path in `folder` that is free, with its reason's: `name`, or one with a number."""
    target, number = folder / name, 1
    while os.path.lexists(target) or os.path.lexists(folder / f"{target.name}{WHY}"):
        number += 1
        target = folder / f"{number}-{name}"
    return target
