"""git, as far as tasks need it: what changed, a work tree and a branch for each task, merges without a checkout."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import GateError

__all__ = ["Conflict", "GitError", "Repository", "is_rubbish", "repository"]

#: `git merge-tree --write-tree` came with this version.
_VERSION = (2, 38)

_RUBBISH = ".removed"


class GitError(GateError):
    """git cannot do what is asked; the text is git's own, where it says why."""


class Conflict(GitError):
    """Two sides have changed the same; `files` are those in which they have."""

    def __init__(self, files: list[str]) -> None:
        super().__init__(f"conflict in {', '.join(files[:5])}{' and more' if len(files) > 5 else ''}")
        self.files = files


def is_rubbish(path: Path) -> bool:
    """Whether this is what a stop has left of a work tree that was being removed."""
    return path.name.startswith(".") and path.name.endswith(_RUBBISH)


def repository(where: Path | str | None = None) -> Repository:
    """The repository that `where`, or the working folder, is in. Raises GitError."""
    try:
        top = _git(["rev-parse", "--show-toplevel"], Path(where or ".")).strip()
    except FileNotFoundError:
        raise GitError("git is not installed; codebase tasks need it") from None
    except GitError as err:
        if "not a git repository" not in str(err):
            raise
        here = Path(where or ".").absolute()
        raise GitError(f"{here} is in no git repository: start this in one, or name it with --repo") from None
    return Repository(Path(top))


def _git(
    args: Sequence[str], where: Path, *, stdin: str | None = None, ok: tuple[int, ...] = (0,), in_hook: bool = False
) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *args],
        input=None if stdin is None else stdin.encode(errors="surrogateescape"),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=_environment(in_hook),
        check=False,
    )
    if done.returncode not in ok:
        said = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise GitError(f"git {args[0]}: {said[-2_000:] or f'exited with {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape")


def _environment(in_hook: bool) -> dict[str, str]:
    """Without the variables by which git, in a hook, names the repository that the hook runs for; but for the index of
    the commit that a hook is asked about: 'commit -a' has one of its own."""
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
    own = {name: value for name, value in os.environ.items() if name not in names} | {"GIT_OPTIONAL_LOCKS": "0"}
    index = os.environ.get("GIT_INDEX_FILE")
    return own | ({"GIT_INDEX_FILE": os.path.abspath(index)} if in_hook and index else {})


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, by one of its work trees."""

    top: Path

    def git(self, *args: str, stdin: str | None = None, ok: tuple[int, ...] = (0,)) -> str:
        """What git prints. Raises GitError."""
        return _git(args, self.top, stdin=stdin, ok=ok)

    def path(self, name: str) -> Path:
        """A file of git's own, of this work tree or of all, as git has it."""
        return (self.top / self.git("rev-parse", "--git-path", name).strip()).absolute()

    def check_version(self) -> None:
        """Raises GitError where git is too old for merges without a checkout."""
        said = self.git("version").split()[2].split(".")
        if tuple(int(part) for part in said[:2]) < _VERSION:
            raise GitError(f"git {'.'.join(said)} is too old: tasks are merged with git {'.'.join(map(str, _VERSION))}")

    def identity(self) -> list[str]:
        """Options that name a committer where git knows none."""
        try:
            self.git("var", "GIT_COMMITTER_IDENT")
        except GitError:
            return ["-c", "user.name=recursion-gate", "-c", "user.email=recursion-gate@localhost"]
        return []

    # -- what changed -------------------------------------------------------------------------------------------------

    def commit(self, name: str) -> str | None:
        """The commit of that name; None where there is none."""
        said = self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=(0, 1, 128)).strip()
        return said or None

    def changed(self) -> list[str]:
        """The files of the work tree that differ from HEAD, those that git does not know included."""
        new = _names(self.git("ls-files", "--others", "--exclude-standard", "-z"))
        if self.commit("HEAD") is None:
            return sorted({*new, *_names(self.git("ls-files", "-z"))})
        return sorted({*new, *_names(self.git("diff", "--name-only", "--no-renames", "-z", "HEAD", "--"))})

    def staged(self) -> list[str]:
        """The files that the next commit changes; in a hook, the commit that it is asked about."""
        args = ("diff", "--cached", "--name-only", "--no-renames", "-z", "--")
        return _names(_git(args, self.top, in_hook=True))

    def between(self, one: str, other: str) -> list[str]:
        """The files that differ between two commits."""
        return _names(self.git("diff", "--name-only", "--no-renames", "-z", one, other, "--"))

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether the commit `other` builds on `one`."""
        return self.git("rev-list", "--max-count=1", one, f"^{other}", "--").strip() == ""

    # -- branches and trees -------------------------------------------------------------------------------------------

    def checked_out(self, branch: str) -> str | None:
        """The work tree in which `branch` is checked out."""
        tree = None
        for line in self.git("worktree", "list", "--porcelain").splitlines():
            if line.startswith("worktree "):
                tree = line.removeprefix("worktree ")
            elif line == f"branch refs/heads/{branch}":
                return tree
        return None

    def add_tree(self, path: Path, branch: str, start: str) -> Repository:
        """A work tree at `path`, on the new branch `branch` that begins at `start`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.git("worktree", "add", "--quiet", "-B", branch, str(path), start)
        return Repository(path)

    def remove_tree(self, path: Path) -> None:
        """Remove a work tree, whatever is in it; its branch stays. It leaves its place in one step: a stop leaves the
        whole tree, or rubbish that `is_rubbish` knows."""
        rubbish = path.with_name(f".{path.name}.{os.getpid()}{_RUBBISH}")
        with contextlib.suppress(OSError):
            os.rename(path, rubbish)
        self.git("worktree", "remove", "--force", "--force", str(path), ok=(0, 128))
        shutil.rmtree(rubbish, ignore_errors=True)

    def branches(self, prefix: str) -> dict[str, str]:
        """The branches whose name begins with `prefix` (and a slash behind it), with their commits."""
        said = self.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", f"refs/heads/{prefix}/")
        return dict(line.split(" ", 1) for line in said.splitlines())

    def is_on_a_branch(self, name: str) -> bool:
        """Whether a branch has the commit `name`."""
        return bool(self.git("for-each-ref", "--count=1", "--contains", name, "refs/heads/").strip())

    def set_branch(self, branch: str, new: str, old: str | None) -> bool:
        """Let `branch` be at `new`, if it is at `old` (None: if there is none). Gives whether it was."""
        try:
            self.git("update-ref", f"refs/heads/{branch}", new, old or "0" * 40)
        except GitError:
            if self.commit(f"refs/heads/{branch}") != old:
                return False
            raise
        return True

    def delete_branch(self, branch: str) -> None:
        """Delete a branch, whatever is on it."""
        self.git("branch", "--quiet", "-D", branch, ok=(0, 1))

    def commit_all(self, message: str) -> None:
        """Commit all that has changed in this work tree, if anything has."""
        self.git("add", "--all")
        if self.git("diff", "--cached", "--name-only", "-z", "--"):
            self.git(*self.identity(), "commit", "--quiet", "--file=-", stdin=message)

    def merge(self, into: str, commit: str, message: str) -> str:
        """The commit that merges `commit` into the commit `into`, made without a work tree; `into` itself where it has
        all already. Raises Conflict."""
        if self.is_ancestor(commit, into):
            return into
        said = self.git("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", into, commit, ok=(0, 1))
        tree, *files = _names(said)
        if files:
            raise Conflict(sorted(set(files)))
        return self.git(
            *self.identity(), "commit-tree", tree, "-p", into, "-p", commit, "-F", "-", stdin=message
        ).strip()


def _names(said: str) -> list[str]:
    return [name for name in said.split("\0") if name]
