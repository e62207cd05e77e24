"""The work trees of codebase tasks, and what a stop leaves of them.

They are in the account's cache, in a folder for each pair of a root and a repository; ``of.json`` in it names the two,
so that whoever has one finds the other. A tree is called ``PLAN.TASK.GENERATION``. A worker removes its own; where it
was killed the next one does, unless that would lose anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.paths import Root
from ..core.text import count
from ..disk.deliver import deliver
from ..disk.lock import born
from .book import BadPlan, read_plan
from .folder import PlanFolder, TaskName, task_branch
from .git import GitError, Repository, is_rubbish
from .observe import is_open
from .processes import environments
from .records import here, read_record

__all__ = ["Left", "Trees", "left_over", "note_root", "remove_left_over", "trees_here", "trees_of"]

_NAME = re.compile(r"([a-z0-9_-]+)\.([a-z0-9_-]+)\.([1-9][0-9]{0,8})")
_OF = "of.json"

#: What git notes on a work tree while it makes it.
_INITIALIZING = "initializing"


@dataclass(frozen=True, slots=True)
class Trees:
    """A folder of work trees: those of one root and one repository."""

    folder: Path
    root: Path
    #: A folder in the repository.
    top: Path


@dataclass(frozen=True, slots=True)
class Left:
    """A work tree whose claim is over and that nobody uses."""

    path: Path
    #: ``plan/task@generation``
    claim: str
    #: The branch of that attempt.
    branch: str
    #: What would be lost with it; empty where nothing would.
    holds: str


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recursion-gate"


def trees_of(repository: Repository, root: Path) -> Path:
    """The folder of the work trees of `root` and `repository`. Raises GitError."""
    common = (repository.top / repository.git("rev-parse", "--git-common-dir").strip()).resolve()
    digest = hashlib.sha256(os.fsencode(common) + b"\0" + os.fsencode(root.resolve())).hexdigest()[:8]
    return _cache() / f"{repository.top.name}-{digest}"


def note_root(folder: Path, root: Path, repository: Repository) -> None:
    """Note in a folder of work trees whose they are. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _OF).exists():
        data = json.dumps({"root": str(root.resolve()), "repository": str(repository.top)})
        deliver(folder, _OF, data.encode(), over=True, sync=False)  # other workers may do the same just now


def trees_here(root: Path) -> list[Trees]:
    """The folders of work trees that this account has of `root`."""
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(_cache().iterdir()):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                its = json.loads((folder / _OF).read_bytes())
                if Path(its["root"]) == root.resolve():
                    found.append(Trees(folder, root, Path(its["repository"])))
    return found


def left_over(root: Root, folder: Path) -> Iterator[Left]:
    """The work trees in `folder` whose claim is over and that no process uses, as far as can be told. Raises
    OSError."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = _NAME.fullmatch(path.name)
        if name is None or not path.is_dir() or path.is_symlink():
            continue
        plan, task, generation = PlanFolder(root.plans / name[1]), name[2], int(name[3])
        claim = f"{name[1]}/{task}@{generation}"
        if not is_open(plan, task, generation) and not _is_used(plan, task, generation, claim):
            yield Left(path, claim, task_branch(plan.name, TaskName(task, generation)), _holds(path))


def _is_used(plan: PlanFolder, task: str, generation: int, claim: str) -> bool:
    """Whether the worker lives, though its claim is over, or a process that was started for it."""
    record = read_record(plan.claim(task, generation))
    is_here = record is not None and bool(record.host) and record.host == here()
    if is_here and record is not None and record.pid is not None and born(record.pid) == record.born:
        return True
    top = plan.path.parents[1].resolve()
    return any(
        env.get("RECURSION_GATE_TASK") == claim and Path(env.get("RECURSION_GATE_ROOT", "/")).resolve() == top
        for env in environments("RECURSION_GATE_TASK")
    )


def _holds(path: Path) -> str:
    """What would be lost with a work tree."""
    tree = Repository(path)
    try:
        if not any(path.iterdir()):
            return ""
        with contextlib.suppress(OSError):
            own = (path / ".git").read_text().removeprefix("gitdir: ").strip()
            if Path(own, "locked").read_text().strip() == _INITIALIZING:  # nothing was ever started in it
                return ""
        if Path(tree.git("rev-parse", "--show-toplevel").strip()).resolve() != path.resolve():
            return "it is no work tree of git any more"
        changed = tree.changed()
        if changed:
            return f"{count(len(changed), 'file is', 'files are')} not committed"
        if not tree.is_on_a_branch("HEAD"):
            return "its commits are on no branch"
    except (GitError, OSError) as err:
        return f"git cannot tell what it holds ({err})"
    return ""


def remove_left_over(root: Root, repository: Repository) -> list[Left]:
    """Remove the work trees in this account's cache whose claim is over, that nobody uses and that hold nothing which
    would be lost; and the branch of such an attempt, where the plan's branch has all of it. Gives those, and those that
    stay (`holds`). Raises GitError, OSError."""
    folder = trees_of(repository, root.path)
    if not folder.is_dir():
        return []
    rubbish = [path for path in folder.iterdir() if is_rubbish(path)]
    for path in rubbish:
        shutil.rmtree(path, ignore_errors=True)
    if rubbish:
        repository.git("worktree", "prune")
    found = list(left_over(root, folder))
    for left in found:
        if not left.holds:
            repository.remove_tree(left.path)
            _remove_branch(root, repository, left)
    return found


def _remove_branch(root: Root, repository: Repository, left: Left) -> None:
    """Remove the branch of an attempt, where the plan's has all of it."""
    with contextlib.suppress(BadPlan, OSError):
        plan = read_plan(PlanFolder(root.plans / left.claim.partition("/")[0]))
        into = repository.commit(f"refs/heads/{plan.branch_name}")
        commit = repository.commit(f"refs/heads/{left.branch}")
        if into is not None and commit is not None and repository.is_ancestor(commit, into):
            repository.delete_branch(left.branch)
