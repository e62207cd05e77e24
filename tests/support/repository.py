"""A real git repository, for tests of codebase tasks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["git", "make_repository", "tree_of"]

_WHO = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(where: Path, *args: str) -> str:
    """What git prints; it must succeed."""
    done = subprocess.run(["git", "-C", str(where), *args], capture_output=True, text=True, env=os.environ | _WHO)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_repository(path: Path, **files: str) -> Path:
    """A repository with one commit of these files (``__`` in a name stands for ``/``, a last ``_`` is dropped)."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    for name, text in {"README_": "base\n", **files}.items():
        file = path / name.rstrip("_").replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "base")
    return path


def tree_of(where: Path, branch: str) -> dict[str, str]:
    """The files of a branch, by path."""
    names = git(where, "ls-tree", "-r", "--name-only", branch).splitlines()
    return {name: git(where, "show", f"{branch}:{name}") for name in names}
