"""Faults of plans, tasks and claims, and what workers have left. Where nobody plans there is nothing to find."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from ..audit.findings import Finding
from ..core.paths import is_ignored
from ..core.text import count, printable
from ..disk.untrusted import open_plain
from ..permissions.ownership import account
from ..plans.book import BadPlan
from ..plans.folder import PROBLEMS, SUFFIX, PlanFolder, Standing, TaskName, plan_folders, task_branches
from ..plans.git import GitError, Repository
from ..plans.keeper import usable_plan
from ..plans.model import Plan
from ..plans.observe import attempts, claim_end, is_open
from ..plans.records import read_note
from ..plans.rights import account_with_rights
from ..plans.trees import left_over, trees_here
from .context import Context
from .inbox_checks import may_write

__all__ = ["claims", "drops", "failed", "folders", "left_trees", "parked", "problems", "rights"]

#: A daemon that runs has taken back a claim, or a plan, so many seconds after it could.
_SLOW = 60
#: The most of one kind that are named.
_NAMED = 10

_START = "Start the daemon: recursion-gate run (or, for one look only, recursion-gate once)."


def _plans(context: Context) -> Iterator[tuple[PlanFolder, Plan]]:
    """The plans that can be used."""
    for folder in plan_folders(context.root):
        with suppress(BadPlan, FileNotFoundError):
            yield folder, usable_plan(folder)


def parked(context: Context) -> Iterator[Finding]:
    """Every plan can be used."""
    for folder in plan_folders(context.root):
        try:
            usable_plan(folder)
        except BadPlan as err:
            message = f"this plan is parked, none of its tasks is given out: {err.problem}"
            yield Finding("fault", "plan-parked", err.path, message, err.remedy or "Set it right, or remove the plan.")
        except FileNotFoundError:
            continue


def folders(context: Context) -> Iterator[Finding]:
    """The daemon may move tasks."""
    uid = context.daemon_uid
    if uid is None or uid == 0:
        return
    places = [folder for plan in plan_folders(context.root) for folder in (plan.path, *plan.folders())]
    for path in [context.root.plans, *places] if context.root.plans.is_dir() else []:
        with suppress(FileNotFoundError):
            if not may_write(path, os.lstat(path), uid):
                message = f"the daemon's account, '{account(uid)}', may not move tasks in this folder"
                where = context.root.place("").display_path(path)
                yield Finding("fault", "cannot-move", where, message, "Give it the right to write here.")


def drops(context: Context) -> Iterator[Finding]:
    """No plan waits to be unfolded."""
    with suppress(FileNotFoundError), os.scandir(context.root.plans) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if not entry.name.endswith(SUFFIX) or is_ignored(entry.name) or entry.is_dir(follow_symlinks=False):
                continue
            age = context.now.timestamp() - entry.stat(follow_symlinks=False).st_ctime
            where = f"plans/{printable(entry.name)}"
            if context.alive is False:
                message = "this plan waits for the daemon, which does not run"
                yield Finding("warning", "plan-waits", where, message, _START)
            elif age > _SLOW + context.settings.unknown_ending_seconds:
                message = f"this plan has been here for {int(age):,} seconds, and was neither unfolded nor refused"
                remedy = "'recursion-gate status' gives the reason: a program may have it open, or the disk is full."
                yield Finding("warning", "plan-waits", where, message, remedy)


def claims(context: Context) -> Iterator[Finding]:
    """Claims that have ended were taken back."""
    over: list[str] = []
    for folder, _ in _plans(context):
        for standing in folder.listing(("claimed",)):
            end = claim_end(folder, standing)
            late = timedelta(seconds=0 if context.alive is False else _SLOW)
            if end is None or not end.has_ended or (context.alive is not False and context.now - end.at < late):
                continue
            over.append(f"{folder.name}/{standing.name.task}@{standing.name.generation} ({end.why})")
    if not over:
        return
    more = f" and {len(over) - _NAMED:,} more" if len(over) > _NAMED else ""
    message = f"{count(len(over), 'claim is', 'claims are')} over and not taken back: {', '.join(over[:_NAMED])}{more}"
    remedy = _START if context.alive is False else "'recursion-gate status' may say why; the daemon's log does."
    yield Finding("warning", "claim-over", "plans", message, remedy)


def problems(context: Context) -> Iterator[Finding]:
    """Nothing lies in plans/problems/."""
    folder = context.root.plans / PROBLEMS
    try:
        with os.scandir(folder) as entries:
            names = sorted((e.stat(follow_symlinks=False).st_ctime, e.name) for e in entries if not is_ignored(e.name))
    except (FileNotFoundError, NotADirectoryError):
        return
    refused = [name for _, name in names if not name.endswith(".why.txt")]
    if not refused:
        return
    were = "was" if len(refused) == 1 else "were"
    message = f"{count(len(refused), 'file')} {were} refused, the last one {printable(refused[-1])}"
    why = _why(folder / f"{refused[-1]}.why.txt")
    remedy = "NAME.why.txt beside each has the reason. Correct the plan and add it again, or delete both."
    yield Finding("warning", "plan-problems", "plans/problems", f"{message}: {why}" if why else message, remedy)


def _why(path: Path) -> str:
    try:
        with open_plain(path) as file:
            return printable(file.read(2_000).decode(errors="replace").strip().partition(": ")[2])
    except OSError:
        return ""


def failed(context: Context) -> Iterator[Finding]:
    """No task has failed so often that it waits for a person."""
    found: list[Finding] = []
    for folder, plan in _plans(context):
        for standing in folder.listing(("failed",)):
            tried = _tried(folder, plan, standing)
            if not tried:
                continue
            name = f"{folder.name}/{standing.name.task}"
            note = read_note(folder.note(standing.name.task, standing.name.generation))
            last = printable(note.text.strip().partition("\n")[0][:200]) if note else ""
            message = f"the task {name} has failed {count(tried, 'time')}, and waits for a person"
            remedy = (
                f"'recursion-gate task show {name}' has what was tried. Move its file to plans/{folder.name}/waiting/ "
                "to have it tried again, or to done/ if it is done."
            )
            where = f"plans/{folder.name}/failed/{standing.name.file}"
            found.append(Finding("warning", "task-failed", where, f"{message}: {last}" if last else message, remedy))
    yield from found[:_NAMED]
    if len(found) > _NAMED:
        message = f"{len(found) - _NAMED:,} more tasks wait for a person"
        yield Finding("warning", "task-failed", "plans", message, "'recursion-gate task list --state failed' has them.")


def _tried(folder: PlanFolder, plan: Plan, standing: Standing) -> int:
    """How often a task in failed/ was tried, if it rests there for that reason; 0: a person has put it there, or the
    daemon gives it out again."""
    task, name = plan.task(standing.name.task), standing.name
    note = read_note(folder.note(name.task, name.generation))
    if task is None or note is None or note.outcome == "done" or note.retried:
        return 0
    tried = len(attempts(folder, name.task, name.generation))
    return tried if tried >= task.max_attempts else 0


def rights(context: Context) -> Iterator[Finding]:
    """The rights that 'scope apply' gave for a claim were taken back."""
    for folder, _ in _plans(context):
        try:
            names = sorted(name for name in os.listdir(folder.claims) if name.endswith(".rights"))
        except FileNotFoundError:
            continue
        for name in names:
            its = TaskName.of(f"{name.removesuffix('.rights')}.md")
            if its is None or is_open(folder, its.task, its.generation):
                continue
            claim = f"{folder.name}/{its.task}@{its.generation}"
            whose = account_with_rights(folder, its.task, its.generation)
            who = f"the account '{printable(whose)}'" if whose else "an account"
            message = f"{who} still has the rights of {claim}, whose claim is over"
            remedy = f"As the tree's owner, or as root: recursion-gate scope apply {claim} --back"
            yield Finding("warning", "rights-left", f"plans/{folder.name}/claims/{name}", message, remedy)


def left_trees(context: Context) -> Iterator[Finding]:
    """No work tree of a claim that is over is left in this account's cache; what is done is merged."""
    for trees in trees_here(context.root.path):
        for left in left_over(context.root, trees.folder):
            if not left.holds:
                message = f"the work tree of {left.claim}, whose claim is over, is left; it holds nothing"
                yield Finding("note", "work-tree-left", str(left.path), message, "The next 'recursion-gate work' "
                              "there removes it.")  # fmt: skip
                continue
            message = f"the work tree of {left.claim}, whose claim is over, is left: {left.holds}"
            remedy = f"Take what you need from it; then: git -C {trees.top} worktree remove --force {left.path}"
            yield Finding("warning", "work-tree-left", str(left.path), message, remedy)
        yield from _left_branches(context, trees.top)


def _left_branches(context: Context, top: Path) -> Iterator[Finding]:
    """Branches of attempts at tasks that are done: under their last generation not merged yet, under others failed."""
    repository = Repository(top)
    for folder, _ in _plans(context):
        done = {s.name.task: s.name.generation for s in folder.listing(("done",))}
        try:
            branches = repository.branches(task_branches(folder.name))
        except (GitError, OSError):
            return  # the repository is gone, or git is
        old: list[str] = []
        new: list[str] = []
        for branch in branches:
            task, _, generation = branch.removeprefix(f"{task_branches(folder.name)}/").rpartition(".")
            if task in done:
                (new if generation == str(done[task]) else old).append(branch)
        if new:
            message = f"{count(len(new), 'task is', 'tasks are')} done and not merged yet: {', '.join(new[:_NAMED])}"
            remedy = f"Run 'recursion-gate work' in {top}: it merges what is done."
            yield Finding("warning", "not-merged", str(top), message, remedy)
        if old:
            them = f"git -C {top} branch -D {' '.join(old[:_NAMED])}"
            are = count(len(old), "branch", "branches")
            message = f"{are} of attempts that failed, at tasks that are done since"
            yield Finding("note", "branches-left", str(top), message, f"When nobody needs them: {them}")
