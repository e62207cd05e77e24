"""The workers' part: take a ready task, keep it, finish it (contract: promise 12).

A claim is one rename, ``ready/TASK.2.md`` to ``claimed/TASK.3.WORKER.md``: of any number of workers one finds the file
there. The name holds the generation, so whatever the worker does next, it does to a file of that name, and where the
claim was taken back there is none: no check and no lock lies between the two. The record of the claim is written before
the rename, so that on a full disk nothing is claimed, and gets its name behind it; between the two a claim without a
record lasts `records.UNSIGNED` seconds, and a worker that took longer gives it up. Neither is synced: after a power cut
whoever had a claim is gone, too. How a task ends is synced.

Workers only move tasks forward: a task that is given back goes to failed/, with a note that says so, and the daemon
makes it ready again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ..core.clock import now
from ..core.errors import GateError
from ..core.model import instant
from ..core.paths import Root
from ..core.text import count
from ..disk import atomic
from ..disk.deliver import deliver, prepare
from ..disk.lock import born
from .book import BadPlan, read_plan
from .check import order
from .find import NoTask, find_task, plans_named
from .folder import PlanFolder, Standing, TaskName, on_the_way
from .model import LANES, Lane, Plan, Task, valid_worker
from .observe import claim_end, is_tried_again
from .records import UNSIGNED, ClaimRecord, Note, Outcome, here, read_record

__all__ = [
    "LANES",
    "SECONDS",
    "BadWorker",
    "Claim",
    "Ended",
    "Nothing",
    "claim_of",
    "finish",
    "next_task",
    "renew",
]

#: How long a claim lasts unless it is renewed.
SECONDS = 900.0

#: After a rename that another worker won, one of the next so many tasks is tried: all workers read the same list.
_SPREAD = 16


@dataclass(eq=False)
class BadWorker(GateError):
    """A worker cannot have this name."""

    name: str
    sentence = "no worker can be called '{e.name}': letters, digits, '-' and '_', at most 40, as in 'ada' or 'ci-2'"


@dataclass(eq=False)
class Ended(GateError):
    """A claim is no longer its worker's: `why` says what became of the task."""

    claim: str
    why: str
    sentence = "the claim {e.claim} is over: {e.why}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that a worker has."""

    folder: PlanFolder
    plan: Plan
    task: Task
    record: ClaimRecord

    @property
    def id(self) -> str:
        """Names the claim: ``plan/task@generation``."""
        return f"{self.folder.name}/{self.task.id}@{self.record.generation}"

    @property
    def name(self) -> TaskName:
        return TaskName(self.task.id, self.record.generation, self.record.worker)

    @property
    def path(self) -> str:
        return str(self.folder.at("claimed", self.name))


@dataclass(slots=True)
class Nothing:
    """No task could be claimed: what stands in the way, and when to ask again."""

    waiting: int = 0
    ready: int = 0
    claimed: int = 0
    failed: int = 0
    #: Of those that failed, the ones that the daemon gives another attempt.
    again: int = 0
    #: The plans that the daemon has not taken yet.
    coming: int = 0
    #: Of those that wait, the ones that need a task that has failed for good.
    stuck: int = 0
    #: The seconds until the first claim ends, or until it is worth asking again; None: nothing will change by itself.
    retry: float | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether no task will get ready unless a person does something."""
        return not (self.ready or self.claimed or self.coming or self.again) and self.waiting <= self.stuck

    @property
    def there_are(self) -> str:
        """What there is, in words: "2 claimed, 1 waiting"; "" where all is done."""
        found = {"claimed": self.claimed, "waiting": self.waiting, "failed": self.failed - self.again}
        found["to be tried again"] = self.again
        found["ready, but for others"] = self.ready
        found["plan on its way" if self.coming == 1 else "plans on their way"] = self.coming
        return ", ".join(f"{number:,} {what}" for what, number in found.items() if number)

    @property
    def message(self) -> str:
        """What stands in the way and what to do, in words."""
        if not self.there_are:
            return "no task is ready: there is none to do."
        if self.waiting and self.is_over:
            again = "What waits needs a task that has failed: a person must look at that."
        elif self.claimed or self.waiting or self.coming or self.again:
            again = f"Ask again in {self.retry:.0f} s." if self.retry is not None else "Ask again in a while."
        else:
            again = "A person must look at those that failed." if self.failed else "There is none for you."
        return f"no task is ready ({self.there_are}). {again}"


def next_task(
    root: Root,
    worker: str,
    *,
    plan: str | None = None,
    lanes: Collection[Lane] = LANES,
    seconds: float = SECONDS,
    pid: int | None = None,
    wants: Callable[[Task], bool] = lambda task: True,
) -> Claim | Nothing:
    """Claim the first ready task in the plan's order, of `plan`, if named, and of these `lanes`, that the worker
    `wants`. The claim lasts `seconds`, or, with `pid`, until that process is gone. Needs no daemon. Raises BadWorker,
    NoTask, OSError."""
    if not valid_worker(worker):
        raise BadWorker(worker)
    nothing = Nothing()
    for folder in plans_named(root, plan):
        try:
            its = read_plan(folder)
        except BadPlan as err:
            nothing.problems.append(str(err))
            continue
        fits = [task for task in its.tasks if task.lane in lanes and wants(task)]
        found = _claim_one(folder, its, fits, worker, seconds, pid)
        if found is not None:
            return found
        _count(folder, its, lanes, nothing)
    nothing.coming = len(on_the_way(root))
    return nothing


def _claim_one(
    folder: PlanFolder, plan: Plan, fits: list[Task], worker: str, seconds: float, pid: int | None
) -> Claim | None:
    """Claim one of the plan's ready tasks that fit, with a new listing once all of the first were taken by others."""
    for _ in range(3):
        ready = {name.partition(".")[0]: name for name in os.listdir(folder.state("ready"))}
        wanted = [task for task in fits if task.id in ready]
        if not wanted:
            return None
        while wanted:
            task = wanted.pop(0)
            name = TaskName.of(ready[task.id])
            if name is None or name.worker is not None:  # moved by hand: the daemon puts its name right
                continue
            standing = Standing("ready", name, str(folder.at("ready", name)))
            claim = _try(folder, plan, task, standing, worker, seconds, pid)
            if claim is not None:
                return claim
            del wanted[: random.randrange(min(_SPREAD, len(wanted) + 1))]
    return None


def _try(
    folder: PlanFolder, plan: Plan, task: Task, standing: Standing, worker: str, seconds: float, pid: int | None
) -> Claim | None:
    """Claim this task; None where another worker was first."""
    name = TaskName(task.id, standing.name.generation + 1, worker)
    target = folder.at("claimed", name)
    began, at = time.monotonic(), now()
    record = ClaimRecord(
        task=task.id,
        generation=name.generation,
        worker=worker,
        since=at,
        ends=at + timedelta(seconds=seconds),
        seconds=seconds,
        pid=pid,
        born=born(pid) if pid is not None else "",
        host=here() if pid is not None else "",
    )
    path = folder.claim(record.task, record.generation)
    temp = prepare(path.parent, record.data())  # on a full disk nothing is claimed that could not be signed
    try:
        atomic.calls.rename_new(standing.path, str(target))
    except OSError as err:
        with contextlib.suppress(OSError):
            atomic.calls.unlink(temp)
        if isinstance(err, FileNotFoundError | FileExistsError):
            return None
        raise
    _sign(temp, path)
    if time.monotonic() - began > UNSIGNED / 3 or not os.path.lexists(target):
        return None  # it may have been taken back, or is about to be
    return Claim(folder, plan, task, record)


def _sign(temp: str, path: Path) -> None:
    """Give the record of a claim, which is written, its name."""
    atomic.calls.rename(temp, str(path))


def _write_record(folder: PlanFolder, record: ClaimRecord) -> None:
    path = folder.claim(record.task, record.generation)
    deliver(path.parent, path.name, record.data(), over=True, sync=False)


def _count(folder: PlanFolder, plan: Plan, lanes: Collection[Lane], nothing: Nothing) -> None:
    """Add to `nothing` what of the plan may get ready yet."""
    standings = folder.listing()
    tasks = {task.id: task for task in plan.tasks}
    failed = [s for s in standings if s.state == "failed"]
    again = {s.name.task for s in failed if s.name.task in tasks and is_tried_again(folder, tasks[s.name.task], s)}
    stuck = {s.name.task for s in failed} - again
    place = order(plan.tasks)
    for task in sorted(plan.tasks, key=lambda each: place[each.id]):
        if stuck.intersection(task.needs):
            stuck.add(task.id)
    for standing in standings:
        if standing.state == "done":
            continue
        if standing.state == "ready":
            nothing.ready += 1
        elif standing.state == "claimed":
            nothing.claimed += 1
            end = claim_end(folder, standing)
            if end is not None:
                left = max(1.0, (end.at - now()).total_seconds())
                nothing.retry = left if nothing.retry is None else min(nothing.retry, left)
        elif standing.state == "waiting" and standing.name.task in tasks and tasks[standing.name.task].lane in lanes:
            nothing.waiting += 1
            nothing.stuck += standing.name.task in stuck
        elif standing.state == "failed":
            nothing.failed += 1
            nothing.again += standing.name.task in again


# -- an open claim ----------------------------------------------------------------------------------------------------


def claim_of(root: Root, name: str, worker: str | None = None) -> Claim:
    """The open claim that `name` (``plan/task@generation``) is. Raises NoTask, Ended, BadPlan, OSError."""
    folder, plan, task, generation = find_task(root, name)
    if generation is None:
        raise NoTask(f"which claim of '{name}'? Write {folder.name}/{task.id}@GENERATION, as 'task next' printed it")
    its = f"{folder.name}/{task.id}@{generation}"
    standing = next(
        (
            s
            for s in folder.listing(("claimed",))
            if s.name.task == task.id and s.name.generation == generation and worker in (None, s.name.worker)
        ),
        None,
    )
    if standing is None or standing.name.worker is None:
        raise Ended(its, _became(folder, task.id, generation, worker))
    end = claim_end(folder, standing)
    if end is None:
        raise Ended(its, _became(folder, task.id, generation, worker))
    record = read_record(folder.claim(task.id, generation))
    if end.has_ended or record is None:
        raise Ended(its, end.why or "it has no record")
    return Claim(folder, plan, task, record)


def _became(folder: PlanFolder, task: str, generation: int, worker: str | None) -> str:
    """Where a task stands whose claim of that generation is not open."""
    found = [s for s in folder.listing() if s.name.task == task]
    if not found:
        return "the task has no file now; the daemon makes it again"
    last = max(found, key=lambda s: s.name.generation)
    if last.state == "claimed" and last.name.generation == generation:
        return f"it is {last.name.worker}'s, not {worker}'s"
    if generation > last.name.generation and last.state not in ("done", "failed"):
        return f"the task has had {count(last.name.generation, 'claim')}, not {generation}"
    if last.state == "claimed":
        return f"{last.name.worker} has the task under generation {last.name.generation}"
    if last.name.generation <= generation and last.state in ("done", "failed"):
        return f"the task is {last.state}"
    return f"the task was taken back, and is {last.state}"


def renew(claim: Claim, seconds: float | None = None) -> Claim:
    """The claim for its whole time (or `seconds`) from now on. Raises Ended, OSError."""
    record = claim.record if seconds is None else claim.record.model_copy(update={"seconds": seconds})
    record = record.renewed(now())
    _check_open(claim)
    _write_record(claim.folder, record)
    if now() >= claim.record.ends or not os.path.lexists(claim.path):
        raise Ended(claim.id, _became(claim.folder, claim.task.id, claim.record.generation, claim.record.worker))
    return Claim(claim.folder, claim.plan, claim.task, record)


def _check_open(claim: Claim) -> None:
    """Raises Ended where the claim has ended, though nobody has taken it back yet."""
    end = claim_end(claim.folder, Standing("claimed", claim.name, claim.path))
    if end is None:
        raise Ended(claim.id, _became(claim.folder, claim.task.id, claim.record.generation, claim.record.worker))
    if end.has_ended:
        raise Ended(claim.id, end.why)


def finish(claim: Claim, outcome: Outcome, text: str = "") -> str:
    """End the claim: "done", "failed" or "released", with a note for those who come after. Gives the path of the task's
    file. Raises Ended where it is no longer open; the task is then as it was. Raises OSError."""
    _check_open(claim)
    note = Note(
        task=claim.task.id,
        generation=claim.record.generation,
        outcome=outcome,
        worker=claim.record.worker,
        at=instant(now()),
        text=text,
    )
    path = claim.folder.note(claim.task.id, claim.record.generation)
    deliver(path.parent, path.name, note.data(), over=True)
    target = claim.folder.at(
        "done" if outcome == "done" else "failed", TaskName(claim.task.id, claim.record.generation)
    )
    try:
        atomic.calls.rename_new(claim.path, str(target))
    except FileNotFoundError:
        why = _became(claim.folder, claim.task.id, claim.record.generation, claim.record.worker)
        raise Ended(claim.id, why) from None
    except OSError as err:
        if err.errno != errno.EEXIST:
            raise
        raise Ended(claim.id, f"{target.parent.name}/{target.name} is there already") from None
    for folder in (target.parent, claim.folder.state("claimed")):
        atomic.sync_folder(folder)
    with contextlib.suppress(OSError):
        atomic.remove(claim.folder.claim(claim.task.id, claim.record.generation))
    return str(target)
