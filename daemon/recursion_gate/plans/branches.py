"""The branches of a plan: one for each codebase task, merged into the plan's in the plan's order.

A task is merged once it is done, and not before: so only what was finished under a current claim gets in. What stands
in done/ tells what is to be merged, so a worker that is stopped in between leaves nothing undone: the next one merges
it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.clock import now
from ..core.model import instant
from ..disk import atomic
from ..disk.deliver import deliver
from .check import order
from .claims import Claim
from .folder import PlanFolder, Standing, TaskName, task_branch, task_branches
from .git import Conflict, GitError, Repository
from .model import Plan, Task
from .records import Note, read_note
from .trees import note_root, trees_of

__all__ = ["conflict_with", "make_tree", "merge_done", "one_at_a_time", "tree_path"]

#: How often a merge is tried again after somebody else has changed the plan's branch.
_TRIES = 20


def tree_path(repository: Repository, claim: Claim) -> Path:
    """Where the work tree of a claim is: in the account's cache, outside of the repository."""
    root = claim.folder.path.parents[1]
    return trees_of(repository, root) / f"{claim.folder.name}.{claim.task.id}.{claim.record.generation}"


def make_tree(repository: Repository, claim: Claim) -> tuple[Repository, str]:
    """A work tree for a claim, on a branch of its own that begins where the plan's branch is, and that commit. What is
    on a branch of that name keeps its commits under another. Raises GitError, OSError."""
    branch = claim.plan.branch_name
    merge_done(repository, claim.folder, claim.plan)
    start = _plan_commit(repository, branch)
    path = tree_path(repository, claim)
    if os.path.lexists(path):
        raise GitError(f"{path} is in the way, where the work tree should be: remove it once nobody needs it")
    note_root(path.parent, claim.folder.path.parents[1], repository)
    mine = task_branch(claim.folder.name, claim.name)
    old = repository.commit(f"refs/heads/{mine}")
    if old is not None and not repository.is_ancestor(old, start):  # of a plan of that name that was here before
        repository.set_branch(f"{mine}-{old[:10]}", old, None)
    return repository.add_tree(path, mine, start), start


def _plan_commit(repository: Repository, branch: str) -> str:
    """Where the plan's branch is; it is made at HEAD where there is none. Raises GitError."""
    found = repository.commit(f"refs/heads/{branch}")
    if found is None:
        head = repository.commit("HEAD")
        if head is None:
            raise GitError("this repository has no commit yet: make one, so that tasks have something to begin with")
        repository.set_branch(branch, head, None)
        found = repository.commit(f"refs/heads/{branch}")
    tree = repository.checked_out(branch)
    if tree is not None:
        raise GitError(f"the branch {branch} is checked out in {tree}: check out another there, so that it can grow")
    assert found is not None
    return found


def conflict_with(repository: Repository, claim: Claim, commit: str) -> str | None:
    """The conflict that `commit`, a task's, has with the plan's branch, with both sides named; None where there is
    none."""
    into = _plan_commit(repository, claim.plan.branch_name)
    try:
        repository.merge(into, commit, "try")
    except Conflict as err:
        return _both_sides(repository, err, into, commit, claim.plan.branch_name)
    return None


def _both_sides(repository: Repository, err: Conflict, into: str, commit: str, branch: str) -> str:
    base = repository.git("merge-base", into, commit, ok=(0, 1)).strip()
    told = []
    for file in err.files[:5]:
        since = [f"{base}..{into}"] if base else [into]
        theirs = repository.git("log", "--no-merges", "-3", "--format=%h %s (%an)", *since, "--", file).strip()
        told.append(f"{file}: changed on {branch} by {'; '.join(theirs.splitlines()) or 'a merge'}")
    return f"{err}. This side: {repository.git('log', '-1', '--format=%h %s', commit).strip()}. {'. '.join(told)}"


@contextmanager
def one_at_a_time(repository: Repository) -> Iterator[None]:
    """Merges of one repository, one after the other. The kernel lets go of the lock when a process dies."""
    common = repository.git("rev-parse", "--git-common-dir").strip()
    path = repository.top / common / "recursion-gate.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def merge_done(repository: Repository, folder: PlanFolder, plan: Plan) -> list[str]:
    """Merge the branches of all tasks that are done and not merged yet, in the plan's order. One with a conflict goes
    from done/ to failed/, with both sides named; its branch stays. Gives the tasks that were merged. Raises GitError,
    OSError.
    """
    with one_at_a_time(repository):
        branches = repository.branches(task_branches(folder.name))
        if not branches:
            return []
        place = order(plan.tasks)
        by_task = {s.name.task: s for s in folder.listing(("done",))}
        merged = []
        for task in sorted(plan.tasks, key=lambda each: place[each.id]):
            standing = by_task.get(task.id)
            if task.scope and standing is not None and standing.name.generation:
                branch = task_branch(folder.name, standing.name)
                commit = branches.get(branch)
                if commit is not None and _merge(repository, folder, plan, task, standing, commit):
                    merged.append(task.id)
                    repository.delete_branch(branch)
        return merged


def _merge(repository: Repository, folder: PlanFolder, plan: Plan, task: Task, standing: Standing, commit: str) -> bool:
    message = f"Merge {folder.name}/{task.id}: {task.title}\n"
    for _ in range(_TRIES):
        into = _plan_commit(repository, plan.branch_name)
        try:
            made = repository.merge(into, commit, message)
        except Conflict as err:
            _fail(folder, standing, _both_sides(repository, err, into, commit, plan.branch_name))
            return False
        if made == into or repository.set_branch(plan.branch_name, made, into):
            return True
    raise GitError(f"the branch {plan.branch_name} is changed again and again: try later")


def _fail(folder: PlanFolder, standing: Standing, why: str) -> None:
    """Somebody has changed the plan's branch between the task's own look and its merge."""
    name = TaskName(standing.name.task, standing.name.generation)
    path = folder.note(name.task, name.generation)
    before = read_note(path)
    branch = task_branch(folder.name, name)
    text = f"It was done, and cannot be merged: {why}. The work is on the branch {branch}."
    note = Note(
        task=name.task,
        generation=name.generation,
        outcome="failed",
        worker=before.worker if before else None,
        at=instant(now()),
        text=text,
    )
    deliver(path.parent, path.name, note.data(), over=True)
    with contextlib.suppress(FileNotFoundError, FileExistsError):
        atomic.calls.rename_new(standing.path, str(folder.at("failed", name)))
