"""`scope check`: what changed, against the scope of the task; as a pre-commit hook too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from recursion_gate.plans.git import repository

from ..support.daemon import call
from ..support.plans import Plans, codebase
from ..support.repository import git, make_repository


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repo", a__x="1\n", b__y="1\n")


def _check(plans: Plans, repo: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return call(plans.root, "scope", "check", *args, cwd=repo)


def test_changed_new_staged_renamed_and_deleted_files_outside_are_named_with_their_owner(
    plans: Plans, repo: Path
) -> None:
    plans.add("p", codebase("a"), codebase("b"))
    plans.claim()
    plans.claim("bob")
    (repo / "a/x").write_text("2\n")
    (repo / "a/new é").write_text("2\n")
    done = _check(plans, repo, "--task", "p/a@1")
    assert (done.returncode, done.stdout) == (0, "2 changed files, all in the scope of p/a\n")
    git(repo, "mv", "b/y", "a/y")
    (repo / "c").write_text("2\n")
    os.remove(repo / "README")
    done = _check(plans, repo, "--task", "p/a@1", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["outside"] == [
        {"file": "README", "belongs_to": []},
        {"file": "b/y", "belongs_to": ["p/b (claimed, bob has it)"]},
        {"file": "c", "belongs_to": []},
    ]


def test_the_index_alone_or_a_range_is_checked_where_asked(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a"))
    (repo / "b/y").write_text("2\n")
    assert _check(plans, repo, "--task", "p/a", "--cached").returncode == 0
    git(repo, "add", "-A")
    assert _check(plans, repo, "--task", "p/a", "--cached").returncode == 1
    git(repo, "commit", "-qm", "y")
    assert _check(plans, repo, "--task", "p/a").returncode == 0
    assert _check(plans, repo, "--task", "p/a", "--range", "HEAD~1..HEAD").returncode == 1
    assert _check(plans, repo, "--task", "p/a", "--range", "HEAD").returncode == 2


def test_as_a_pre_commit_hook_it_keeps_a_commit_out_and_lets_others_be(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a"))
    claim = plans.claim()
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = call(plans.root, "scope", "check", "--install", cwd=repo, env=os.environ | env)
    assert done.returncode == 0, done.stderr
    (repo / "b/y").write_text("2\n")
    git(repo, "commit", "-qam", "of no task")
    done = call(plans.root, "scope", "check", "--install", "--task", claim.id, cwd=repo, env=os.environ | env)
    assert done.stdout.strip() == str(repository(repo).path("hooks/pre-commit"))
    (repo / "b/y").write_text("3\n")
    refused = subprocess.run(["git", "commit", "-qam", "x"], cwd=repo, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "b/y: it is in the scope of no task" in refused.stderr
    git(repo, "checkout", "b/y")
    (repo / "a/x").write_text("3\n")
    git(repo, "commit", "-qam", "mine")


def test_another_hook_is_left_alone(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a"))
    hook = repo / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    done = _check(plans, repo, "--install")
    assert done.returncode == 1
    assert "add this line to it" in done.stderr
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_outside_of_a_repository_and_without_a_task_it_says_so(plans: Plans, repo: Path, tmp_path: Path) -> None:
    plans.add("p", codebase("a"))
    assert "is in no git repository: start this in one" in _check(plans, tmp_path, "--task", "p/a").stderr
    assert _check(plans, repo).returncode == 2
    assert "there is no task 'p/z'" in _check(plans, repo, "--task", "p/z").stderr


def test_a_repository_without_a_commit_has_all_its_files_changed(plans: Plans, tmp_path: Path) -> None:
    plans.add("p", codebase("a"))
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], check=True)
    (tmp_path / "new/z").write_text("1")
    git(tmp_path / "new", "add", "z")
    assert "z: it is in the scope of no task" in _check(plans, tmp_path / "new", "--task", "p/a").stderr
