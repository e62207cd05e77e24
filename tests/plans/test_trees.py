"""What a worker that was killed leaves: its work tree goes, unless something would be lost with it."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.doctor import doctor
from recursion_gate.plans.branches import make_tree
from recursion_gate.plans.git import Repository, repository
from recursion_gate.plans.trees import left_over, note_root, trees_here, trees_of
from recursion_gate.plans.work import Worker, tidy

from ..support.daemon import PROGRAM, Daemon, call
from ..support.plans import Plans, codebase
from ..support.repository import git, make_repository, tree_of
from ..support.world import wait_for


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return make_repository(tmp_path / "repo", app__main="1\n")


def _left(plans: Plans, repo: Path, **more: str) -> tuple[Repository, Path]:
    """A work tree whose claim was taken back: as a worker leaves it that was killed."""
    found = repository(repo)
    folder = plans.add("p", codebase("a", max_attempts=9, **more))
    claim = plans.claim()
    tree, _ = make_tree(found, claim)
    os.rename(claim.path, folder.path / "ready/a.1.md")
    return found, tree.top


def _tidied(root: Root, found: Repository) -> list[tuple[str, str, str]]:
    told: list[tuple[str, str, str]] = []
    tidy(root, found, lambda *words: told.append(words))
    return told


def test_killed_for_good_its_tree_and_branch_go_with_the_next_work_and_the_task_is_done(
    root: Root, plans: Plans, repo: Path, tmp_path: Path
) -> None:
    mark, pid = tmp_path / "mark", tmp_path / "pid"
    script = f"echo $$ > {pid}; touch {mark}; exec sleep 600"
    with Daemon(root):
        plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, scope: [/a/]}]")
        command = [*PROGRAM, "--root", str(root.path), "work", "--worker", "ada", "--repo", str(repo), "--", "sh", "-c"]
        wait_for((root.plans / "p/ready/a.md").exists)
        with subprocess.Popen([*command, script], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as worker:
            wait_for(lambda: mark.exists() and pid.read_text().strip())
            worker.kill()
        wait_for((root.plans / "p/ready/a.1.md").exists)
        (tree,) = [path for path in trees_of(repository(repo), root.path).iterdir() if path.is_dir()]
        assert tree.name == "p.a.1"
        assert list(left_over(root, tree.parent)) == []  # what it has started runs yet
        os.kill(int(pid.read_text()), signal.SIGKILL)
        wait_for(lambda: list(left_over(root, tree.parent)))
        notes = [f for f in doctor(root, prove=False) if f.code == "work-tree-left"]
        assert [(f.severity, f.path) for f in notes] == [("note", str(tree))]
        done = call(root, "work", "--worker", "bob", "--repo", str(repo), "--", "sh", "-c", "mkdir a; echo x > a/x")
        assert done.returncode == 0, done.stderr
        assert "event=tree-removed task=p/a@1 " in done.stderr
    assert not tree.exists()
    assert tree_of(repo, "plan/p")["a/x"] == "x\n"
    assert git(repo, "branch", "--list", "task/*") == ""
    assert git(repo, "worktree", "list").count("\n") == 1
    assert [f for f in doctor(root, prove=False) if f.code in ("work-tree-left", "branches-left")] == []


@pytest.mark.parametrize("what", ["changed", "new", "removed", "detached", "elsewhere"])
def test_what_is_not_committed_is_kept_and_named(plans: Plans, repo: Path, what: str) -> None:
    found, tree = _left(plans, repo)
    if what == "changed":
        (tree / "app/main").write_text("2\n")
    elif what == "new":
        (tree / "new").write_text("x")
    elif what == "removed":
        (tree / "app/main").unlink()
    elif what == "detached":
        git(tree, "checkout", "-q", "--detach")
        git(tree, "commit", "-q", "--allow-empty", "-m", "x")
    else:
        (tree / ".git").unlink()
    for _ in range(2):
        ((event, claim, more),) = _tidied(plans.root, found)
        assert (event, claim) == ("tree-kept", "p/a@1")
        assert str(tree) in more
    assert tree.is_dir()
    (finding,) = [f for f in doctor(plans.root, prove=False) if f.code == "work-tree-left"]
    assert (finding.severity, finding.path) == ("warning", str(tree))
    assert f"worktree remove --force {tree}" in finding.remedy
    if what != "elsewhere":
        subprocess.run(finding.remedy.partition("then: ")[2].split(), check=True)  # it does what it says
        assert _tidied(plans.root, found) == []


def test_what_is_committed_stays_on_its_branch(plans: Plans, repo: Path) -> None:
    found, tree = _left(plans, repo)
    (tree / "a").mkdir()
    (tree / "a/x").write_text("half")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "half of it")
    assert [event for event, *_ in _tidied(plans.root, found)] == ["tree-removed"]
    assert not tree.exists()
    assert tree_of(repo, "task/p/a.1")["a/x"] == "half"


def test_a_tree_that_is_in_use_is_left_alone(plans: Plans, repo: Path) -> None:
    found = repository(repo)
    plans.add("p", codebase("a"))
    claim = plans.claim(pid=os.getpid())
    tree, _ = make_tree(found, claim)
    assert _tidied(plans.root, found) == []
    os.rename(claim.path, claim.folder.path / "ready/a.1.md")  # its claim is over, and it lives
    assert _tidied(plans.root, found) == []
    assert tree.top.is_dir()
    assert [f for f in doctor(plans.root, prove=False) if f.code == "work-tree-left"] == []


def test_what_runs_for_the_claim_keeps_the_tree_and_what_runs_at_another_root_does_not(
    plans: Plans, repo: Path, tmp_path: Path
) -> None:
    found, tree = _left(plans, repo)
    for root, events in ((plans.root.path, []), (tmp_path, ["tree-removed"])):
        env = os.environ | {"RECURSION_GATE_TASK": "p/a@1", "RECURSION_GATE_ROOT": str(root)}
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write(b"x")
            running.stdin.flush()
            running.stdout.read(1)  # it has begun
            assert [event for event, *_ in _tidied(plans.root, found)] == events
    assert not tree.exists()


def test_a_tree_that_git_was_killed_at_is_removed(plans: Plans, repo: Path) -> None:
    found, tree = _left(plans, repo)
    own = Path(git(tree, "rev-parse", "--absolute-git-dir").strip())
    (own / "locked").write_text("initializing\n")
    (own / "index").unlink()
    (tree / "app/main").unlink()
    assert [event for event, *_ in _tidied(plans.root, found)] == ["tree-removed"]
    assert git(repo, "worktree", "list").count("\n") == 1


def test_a_removal_that_was_cut_short_is_finished(plans: Plans, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, tree = _left(plans, repo)
    (tree.parent / ".p.z.1.77.removed").mkdir()
    (tree.parent / ".p.z.1.77.removed/file").touch()
    os.rename(tree, tree.with_name(".p.a.1.77.removed"))
    assert _tidied(plans.root, found) == []
    assert os.listdir(tree.parent) == ["of.json"]
    plans.look()
    worker = Worker(plans.root, "bob", ["sh", "-c", "mkdir a; echo x > a/x"], found, wait=False)
    worker.work()
    assert worker.done == ["p/a@2"]


def test_the_trees_of_another_root_with_the_same_plan_are_not_touched(plans: Plans, repo: Path, tmp_path: Path) -> None:
    from ..support.roots import make_root

    found, tree = _left(plans, repo)
    other = Plans(make_root(tmp_path / "other", "alex"))
    other.add("p", codebase("a"))
    assert _tidied(other.root, found) == []
    assert trees_here(other.root.path) == []
    assert tree.is_dir()
    assert [each.top for each in trees_here(plans.root.path)] == [repo]


def test_workers_that_begin_at_once_note_whose_the_trees_are(root: Root, repo: Path) -> None:
    found = repository(repo)
    for number in range(40):
        folder = trees_of(found, root.path).with_name(f"n{number}")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: note_root(folder, root.path, found), range(8)))  # noqa: B023
        assert os.listdir(folder) == ["of.json"]
    assert len(trees_here(root.path)) == 40


def test_what_is_in_the_place_of_a_tree_is_never_removed(plans: Plans, repo: Path) -> None:
    found = repository(repo)
    plans.add("p", codebase("a", max_attempts=1))
    place = trees_of(found, plans.root.path) / "p.a.1"
    place.mkdir(parents=True)
    (place / "mine").touch()
    worker = Worker(plans.root, "ada", ["true"], found, wait=False)
    worker.work()
    assert worker.failed == ["p/a@1"]
    assert "is in the way" in (plans.root.plans / "p/notes/a.1.md").read_text()
    assert (place / "mine").exists()


def test_what_is_done_and_was_not_merged_is_merged_by_the_next_work_though_no_task_is_left(
    plans: Plans, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recursion_gate.plans import work

    plans.add("p", codebase("a"))
    found = repository(repo)
    with monkeypatch.context() as patch:
        patch.setattr(work, "merge_done", lambda *_: [])
        Worker(plans.root, "ada", ["sh", "-c", "mkdir a; echo x > a/x"], found, wait=False).work()
    assert "a/x" not in tree_of(repo, "plan/p")
    (finding,) = [f for f in doctor(plans.root, prove=False) if f.code == "not-merged"]
    assert "task/p/a.1" in finding.problem
    done = call(plans.root, "work", "--worker", "bob", "--repo", str(repo), "--no-wait", "--", "true")
    assert done.returncode == 0, done.stderr
    assert tree_of(repo, "plan/p")["a/x"] == "x\n"
    assert [f for f in doctor(plans.root, prove=False) if f.code == "not-merged"] == []
