"""Look at a plan's folder: which task stands where, which claims have ended, how often a task was tried."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .folder import PlanFolder, Standing
from .model import Plan, Task
from .records import End, Note, end_of, read_note, read_record
from .schedule import Observed

__all__ = ["attempts", "claim_end", "handed_over", "is_open", "is_tried_again", "observe"]

_NUMBERED = re.compile(r"([a-z0-9][a-z0-9_-]*)\.([0-9]{1,9})\.(?:md|json)")


def observe(folder: PlanFolder, plan: Plan) -> Observed:
    """The plan as it stands. Raises OSError."""
    standings: dict[str, list[Standing]] = {}
    for standing in folder.listing():
        standings.setdefault(standing.name.task, []).append(standing)
    unsure = frozenset(task for task, found in standings.items() if len(found) > 1 and not _tell_apart(found))
    seen = Observed(plan, standings, unsure=unsure)
    ends: dict[str, End] = {}
    tried: dict[str, int] = {}
    again: set[str] = set()
    for task, found in standings.items():
        last = max(found, key=lambda s: s.name.generation)
        if last.state == "claimed":
            end = claim_end(folder, last)
            if end is None:
                continue
            ends[task] = end
            if end.has_ended:
                tried[task] = len(attempts(folder, task, last.name.generation - 1))
        elif last.state == "failed":
            note = read_note(folder.note(task, last.name.generation))
            if note is not None and note.outcome != "done" and not note.retried:
                again.add(task)
                tried[task] = len(attempts(folder, task, last.name.generation))
    missing = [task.id for task in plan.tasks if task.id not in standings]
    generations = _generations(folder, missing) if missing else {}
    return replace(seen, ends=ends, attempts=tried, again=frozenset(again), generations=generations)


def claim_end(folder: PlanFolder, standing: Standing) -> End | None:
    """When a claim ends; None where it is over: the file is gone."""
    record = read_record(folder.claim(standing.name.task, standing.name.generation))
    if record is not None and record.worker != standing.name.worker:
        record = None
    try:
        return end_of(record, os.lstat(standing.path))
    except FileNotFoundError:
        return None


def is_open(folder: PlanFolder, task: str, generation: int) -> bool:
    """Whether this claim lasts: also not where the plan is gone. Raises OSError."""
    try:
        claimed = folder.listing(("claimed",))
    except FileNotFoundError:
        return False
    for standing in claimed:
        if (standing.name.task, standing.name.generation) == (task, generation):
            end = claim_end(folder, standing)
            return end is not None and not end.has_ended
    return False


def attempts(folder: PlanFolder, task: str, generation: int) -> list[Note]:
    """What became of the attempts at a task up to this generation that failed: all but those that were given back."""
    found = []
    for number in range(1, generation + 1):
        note = read_note(folder.note(task, number))
        if note is None or note.outcome == "done":
            note = Note(task=task, generation=number, outcome="ended", at="", text="")
        if note.outcome != "released":
            found.append(note)
    return found


def is_tried_again(folder: PlanFolder, task: Task, failed: Standing) -> bool:
    """Whether the daemon gives a task in failed/ another attempt: a worker has put it there, and not too often."""
    note = read_note(folder.note(task.id, failed.name.generation))
    if note is None or note.outcome == "done" or note.retried:
        return False
    return len(attempts(folder, task.id, failed.name.generation)) < task.max_attempts


def handed_over(folder: PlanFolder, task: Task, done: Mapping[str, int]) -> list[Note]:
    """The notes for whoever has `task`, of the tasks that it needs; those of all that are `done`, under which
    generation."""
    notes = (read_note(folder.note(need, done[need])) for need in task.needs if need in done)
    return [note for note in notes if note is not None]


def _tell_apart(found: list[Standing]) -> bool:
    """Whether a task of which several files were listed is still in the places that remain in `found`: a task that was
    moved during the listing is seen twice."""
    there: dict[tuple[int, int], Standing] = {}
    for standing in found:
        try:
            st = os.lstat(standing.path)
        except FileNotFoundError:
            continue
        if (st.st_dev, st.st_ino) in there:
            return False
        there[st.st_dev, st.st_ino] = standing
    if not there:
        return False
    found[:] = there.values()
    return True


def _generations(folder: PlanFolder, tasks: Iterable[str]) -> Mapping[str, int]:
    """The generation that a task without a file goes on with: 0 for a new one, else one above all that are known, since
    the last may have left no trace."""
    wanted = set(tasks)
    found: dict[str, int] = {}
    for place in (folder.notes, folder.claims):
        for name in os.listdir(place):
            read = _NUMBERED.fullmatch(name)
            if read and read[1] in wanted:
                found[read[1]] = max(found.get(read[1], 0), int(read[2]))
    return {task: generation + 1 for task, generation in found.items()}
