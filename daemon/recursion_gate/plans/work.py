"""A worker: claims tasks and runs a command for each, until there is none left.

The order of steps for a codebase task, each of which may be the last: claim; work tree; command; commit; scope; accept;
conflict?; done; merge. Until "done" nothing of it is on the plan's branch, and whatever stops it, the claim ends and
another worker takes the task up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import GateError
from ..core.paths import Root
from ..core.text import count
from ..disk.lock import is_surely_free
from .accept import unmet
from .answers import card_of
from .book import BadPlan, read_plan
from .branches import conflict_with, make_tree, merge_done, one_at_a_time, tree_path
from .claims import Claim, Ended, Nothing, finish, next_task
from .folder import plan_folders, task_branch
from .git import GitError, Repository
from .keeping import Keeping
from .model import LANES, Lane
from .processes import Done, run
from .records import Outcome
from .scope_check import outside
from .trees import remove_left_over

__all__ = ["NoCommand", "Worker", "tidy"]

#: A worker's claim lasts so many seconds; it is renewed three times in that.
_CLAIM = 300.0

#: Seconds between two looks for a task where none is ready: short after one has ended, then longer.
_LEAST, _MOST = 0.1, 2.0

#: So much of a command's output goes into a note.
_TAIL = 2_000


@dataclass(eq=False)
class NoCommand(GateError):
    """The command of a worker cannot be started: no task would fare better."""

    command: str
    why: str
    sentence = "'{e.command}' cannot be started: {e.why}"


@dataclass(slots=True)
class Worker:
    """One worker: one task at a time."""

    root: Root
    name: str
    command: Sequence[str]
    repository: Repository | None = None
    plan: str | None = None
    lanes: Collection[Lane] = LANES
    timeout: float | None = None
    seconds: float = _CLAIM
    #: Wait for tasks that are not ready yet; else end where none is.
    wait: bool = True
    #: At most so many tasks.
    limit: int | None = None
    #: Called with what happens, in key=value terms: event, task, and more.
    tell: Callable[[str, str, str], object] = lambda event, task, more: None
    #: Output of the command also goes to this file descriptor.
    echo: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    #: Whether it was said that the disk is full.
    _is_full: bool = False

    def work(self) -> Nothing | None:
        """Work until there is no task left that could get ready, or `stop` is set. Gives what is left; None where it
        was stopped. Raises NoCommand, GateError, OSError."""
        pause = _LEAST
        while not self.stop.is_set():
            if self.limit is not None and len(self.done) + len(self.failed) >= self.limit:
                return Nothing()
            try:
                found = next_task(
                    self.root, self.name, plan=self.plan, lanes=self.lanes, seconds=self.seconds, pid=os.getpid()
                )
            except OSError as err:
                if not (self.wait and _is_full(err)):
                    raise
                self._wait_for_room("", err)
                continue
            if isinstance(found, Claim):
                self._is_full = False
                self._task(found)
                pause = _LEAST
            elif not self.wait or found.is_over:
                return found
            else:
                self.stop.wait(pause)
                if pause < _MOST <= pause * 1.5:  # not for the moment that the daemon needs
                    self._say_waiting(found)
                pause = min(_MOST, pause * 1.5)
        return None

    def _say_waiting(self, nothing: Nothing) -> None:
        more = "; no daemon runs here, which makes tasks ready" if is_surely_free(self.root) else ""
        self.tell("waiting", "", nothing.there_are + more)

    # -- one task -----------------------------------------------------------------------------------------------------

    def _task(self, claim: Claim) -> None:
        self.tell("claimed", claim.id, "")
        began = time.monotonic()
        try:
            text = self._codebase(claim) if claim.task.lane == "codebase" else self._other(claim)
            self._finish(claim, "done", text)
        except NoCommand as err:
            self.tell("released", claim.id, str(err))
            if claim.task.lane == "codebase" and self.repository is not None:  # nothing is on it
                self.repository.delete_branch(task_branch(claim.folder.name, claim.name))
            with contextlib.suppress(Ended):
                self._finish(claim, "released", str(err))
            raise
        except _Failed as err:
            self._give_up(claim, str(err))
            return
        except (GitError, OSError) as err:
            self._give_up(claim, f"{type(err).__name__}: {err}" if isinstance(err, OSError) else str(err))
            return
        except Ended as err:
            self.failed.append(claim.id)
            self.tell("lost", claim.id, str(err))
            return
        self.done.append(claim.id)
        self.tell("done", claim.id, f"{time.monotonic() - began:.1f} s")
        if claim.task.lane == "codebase" and self.repository is not None:
            try:
                merge_done(self.repository, claim.folder, claim.plan)
            except (GitError, OSError) as err:  # the next worker that takes a task of this plan merges it
                self.tell("not-merged", claim.id, str(err))

    def _give_up(self, claim: Claim, why: str) -> None:
        is_stopped = self.stop.is_set()
        self.tell("released" if is_stopped else "failed", claim.id, why)
        with contextlib.suppress(Ended):
            self._finish(claim, "released" if is_stopped else "failed", why)
        if not is_stopped:
            self.failed.append(claim.id)

    def _finish(self, claim: Claim, outcome: Outcome, text: str) -> None:
        """End the claim. On a full disk that is tried again until there is room, or the claim is over: what was done
        is not thrown away for want of a note. Raises Ended, OSError."""
        while True:
            try:
                finish(claim, outcome, text)
                return
            except OSError as err:
                if self.stop.is_set() or not _is_full(err):
                    raise
                self._wait_for_room(claim.id, err)

    def _wait_for_room(self, task: str, err: OSError) -> None:
        if not self._is_full:
            self.tell("waiting", task, f"{err.strerror}: {err.filename or self.root.plans}")
        self._is_full = True
        self.stop.wait(_MOST)

    def _run(self, claim: Claim, where: Path | None) -> str:
        """Run the command for a task. Gives the end of what it said, which is the note for those who come after. Raises
        NoCommand, _Failed, Ended."""
        text = card_of(claim)
        env = {
            "RECURSION_GATE_TASK": claim.id,
            "RECURSION_GATE_ROOT": str(self.root.path),
            "RECURSION_GATE_WORKER": self.name,
            **({"RECURSION_GATE_USER": claim.task.user} if claim.task.user else {}),
        }
        keeping = Keeping(claim, self.stop)
        try:
            done = run(
                self.command,
                where=where,
                text=text,
                env=env,
                timeout=self.timeout,
                echo=self.echo,
                tick=keeping.tick,
                every=min(1.0, self.seconds / 10),
            )
        except OSError as err:
            raise NoCommand(self.command[0], err.strerror or str(err)) from None
        keeping.check()
        if done.status != 0:
            raise _Failed(_said(f"the command {done.ended}", done))
        return done.tail(_TAIL)

    def _other(self, claim: Claim) -> str:
        text = self._run(claim, None)
        keeping = Keeping(claim, self.stop)
        failed = unmet(self.root, claim.task, tick=keeping.tick)
        keeping.check()
        if failed:
            raise _Failed("not accepted: " + "\n".join(failed))
        return text

    def _codebase(self, claim: Claim) -> str:
        if self.repository is None:
            raise _Failed("a codebase task needs a git repository: start the worker in one, or name it with --repo")
        tree, start = make_tree(self.repository, claim)
        branch = task_branch(claim.folder.name, claim.name)
        try:
            try:
                text = self._run(claim, tree.top)
            finally:
                with contextlib.suppress(GitError):  # what there is stays on the branch, however it ends
                    tree.commit_all(f"{claim.folder.name}/{claim.task.id}: {claim.task.title}\n")
            if tree.changed():
                tree.commit_all(f"{claim.folder.name}/{claim.task.id}: {claim.task.title}\n")  # says why it cannot
            commit = tree.commit("HEAD")
            if commit is None or not tree.is_ancestor(start, commit):
                raise _Failed(f"the task's branch does not build on {start[:10]} any more")
            self._check(claim, tree, start, commit)
            self.repository.git("update-ref", f"refs/heads/{branch}", commit)
            return text
        except _Failed as err:
            raise _Failed(f"{err}\nThe work is on the branch {branch}.") from None
        finally:
            self.repository.remove_tree(tree_path(self.repository, claim))

    def _check(self, claim: Claim, tree: Repository, start: str, commit: str) -> None:
        name = f"{claim.folder.name}/{claim.task.id}"
        beyond = outside(self.root, claim.task, name, tree.between(start, commit))
        if beyond:
            listed = "\n".join(f"- {each}" for each in beyond[:10])
            files = count(len(beyond), "changed file is", "changed files are")
            raise _Failed(f"{files} not in the scope of {name}:\n{listed}")
        keeping = Keeping(claim, self.stop)
        failed = unmet(self.root, claim.task, tree.top, tick=keeping.tick)
        keeping.check()
        if failed:
            raise _Failed("not accepted: " + "\n".join(failed))
        conflict = conflict_with(self.repository or tree, claim, commit)
        if conflict:
            raise _Failed(conflict)


def tidy(root: Root, repository: Repository, tell: Callable[[str, str, str], object]) -> None:
    """See to what workers that were stopped have left: remove their work trees, but for those that hold something, and
    merge what is done. Raises GitError, OSError."""
    with one_at_a_time(repository):
        found = remove_left_over(root, repository)
    for left in found:
        more = f"{left.path}: {left.holds}" if left.holds else str(left.path)
        tell("tree-kept" if left.holds else "tree-removed", left.claim, more)
    for folder in plan_folders(root):
        try:
            merge_done(repository, folder, read_plan(folder))
        except (BadPlan, GitError, FileNotFoundError) as err:
            tell("not-merged", folder.name, str(err))


def _is_full(err: OSError) -> bool:
    return err.errno in (errno.ENOSPC, errno.EDQUOT)


class _Failed(GateError):
    """A task has failed; the text says why, for the next who tries."""


def _said(what: str, done: Done) -> str:
    tail = done.tail(_TAIL)
    more = f" (of {done.size:,} bytes)" if done.size > len(tail) + 100 else ""
    return f"{what}{more}:\n{tail}" if tail else what
