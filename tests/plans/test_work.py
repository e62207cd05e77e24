"""A worker: a work tree for each codebase task, its scope held, its criteria checked, merged once it is done."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from recursion_gate.plans import claims
from recursion_gate.plans.git import repository
from recursion_gate.plans.model import Command
from recursion_gate.plans.records import read_record
from recursion_gate.plans.work import NoCommand, Worker

from ..support.daemon import call
from ..support.plans import Plans, codebase, reading
from ..support.repository import git, make_repository, tree_of
from ..support.world import PATIENCE, wait_for


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return make_repository(tmp_path / "repo", app__main="1\n")


def _worker(plans: Plans, repo: Path | None, script: str, **more: object) -> Worker:
    found = repository(repo) if repo else None
    return Worker(plans.root, "ada", ["/bin/sh", "-ec", script], found, wait=False, **more)  # type: ignore[arg-type]


def _all(plans: Plans, worker: Worker) -> None:
    """Let it work until nothing is ready, the daemon's part between."""
    for _ in range(20):
        plans.look()
        done = len(worker.done) + len(worker.failed)
        worker.work()
        if len(worker.done) + len(worker.failed) == done:
            return


def _why(plans: Plans, plan: str, task: str, generation: int = 1) -> str:
    return (plans.root.plans / plan / f"notes/{task}.{generation}.md").read_text()


def test_tasks_are_done_in_trees_of_their_own_and_merged_each_on_what_it_needs(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a"), codebase("b", needs=["a"]), codebase("c"))
    script = 'n=${RECURSION_GATE_TASK#p/}; n=${n%@*}; mkdir -p $n; ls > $n/list; grep "^# " > $n/title; echo did $n'
    worker = _worker(plans, repo, script)
    _all(plans, worker)
    assert worker.done == ["p/a@1", "p/c@1", "p/b@1"]
    tree = tree_of(repo, "plan/p")
    assert tree["a/title"] == "# A\n"
    assert "a\n" in tree["b/list"]
    assert git(repo, "branch", "--list", "task/*") == ""
    assert git(repo, "worktree", "list").count("\n") == 1
    assert tree_of(repo, "main") == {"README": "base\n", "app/main": "1\n"}
    assert "did a" in _why(plans, "p", "a")


def test_what_is_outside_of_the_scope_fails_the_task_and_names_whose_it_is(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", max_attempts=1), codebase("b", max_attempts=1))
    _all(plans, _worker(plans, repo, 'mkdir -p a b; echo x > a/x; echo y > b/y; echo z > "z z"'))
    why = _why(plans, "p", "a")
    assert "2 changed files are not in the scope of p/a" in why
    assert "- b/y: it belongs to p/b" in why
    assert "- z z: it is in the scope of no task" in why
    assert plans.standing("p") == {"failed": ["a.1.md", "b.1.md"]}
    assert tree_of(repo, "plan/p") == tree_of(repo, "main")
    assert "b/y" in tree_of(repo, "task/p/a.1")  # nothing is lost


def test_a_commit_of_the_commands_own_is_held_to_the_scope_too(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", max_attempts=1))
    script = "echo x > z; git add z; git -c user.name=x -c user.email=x@y commit -qm z; git rm -q README"
    _all(plans, _worker(plans, repo, script))
    assert "README" in _why(plans, "p", "a")
    assert "- z: it is in the scope of no task" in _why(plans, "p", "a")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("mkdir a; echo x > a/x; echo oh dear; exit 3", "the command exited with 3:\noh dear"),
        ("kill -9 $$", "the command was ended by SIGKILL"),
        ("git checkout -q --orphan other; git -c user.name=x -c user.email=x@y commit -qm x", "does not build on"),
        ("mkdir a; echo bad > a/x", "not accepted: `grep -q good a/x` exited with 1"),
    ],
)
def test_what_goes_wrong_is_in_the_note_and_the_work_on_a_branch(
    plans: Plans, repo: Path, script: str, says: str
) -> None:
    plans.add("p", codebase("a", max_attempts=1, accept=[Command(run="grep -q good a/x")]))
    _all(plans, _worker(plans, repo, script))
    assert says in _why(plans, "p", "a")
    assert "The work is on the branch task/p/a.1." in _why(plans, "p", "a")
    assert plans.standing("p") == {"failed": ["a.1.md"]}
    assert git(repo, "worktree", "list").count("\n") == 1


def test_what_is_on_a_branch_of_that_name_already_is_kept_under_another(plans: Plans, repo: Path) -> None:
    """The plan was deleted and added again: its attempts are counted anew."""
    made = git(repo, "commit-tree", "-p", "HEAD", "-m", "Tried before", "HEAD^{tree}").strip()
    git(repo, "branch", "task/p/a.1", made)
    plans.add("p", codebase("a"))
    worker = _worker(plans, repo, "mkdir a; echo 2 > a/new")
    _all(plans, worker)
    assert worker.done == ["p/a@1"]
    assert git(repo, "rev-parse", f"task/p/a.1-{made[:10]}").strip() == made


def test_a_command_that_cannot_be_started_is_no_attempt_and_ends_the_worker(plans: Plans, repo: Path) -> None:
    """A typing error in it used to use up all attempts of all tasks."""
    plans.add("p", codebase("a", max_attempts=1), reading("r", max_attempts=1))
    for lanes in (["codebase"], ["reading"]):
        worker = Worker(plans.root, "ada", ["no-such-command"], repository(repo), lanes=lanes, wait=False)  # type: ignore[arg-type]
        with pytest.raises(NoCommand, match="'no-such-command' cannot be started: No such file"):
            worker.work()
        assert (worker.done, worker.failed) == ([], [])
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md", "r.1.md"]}
    assert git(repo, "branch", "--list", "task/*") == ""
    assert git(repo, "worktree", "list").count("\n") == 1


def test_the_command_is_found_from_where_the_worker_was_started(plans: Plans, repo: Path, tmp_path: Path) -> None:
    plans.add("p", codebase("a"))
    script = tmp_path / "agent.sh"
    script.write_text("#!/bin/sh\nmkdir -p a; pwd > a/where\n")
    script.chmod(0o755)
    plans.look()
    done = call(plans.root, "work", "--no-wait", "--repo", str(repo), "--", "./agent.sh", cwd=tmp_path)
    assert (done.returncode, done.stdout.partition(";")[0].strip()) == (0, "1 done, 0 failed"), done.stderr
    none = call(plans.root, "work", "--no-wait", "--repo", str(repo), "--", "no-such-command", cwd=tmp_path)
    assert (none.returncode, "there is no command 'no-such-command' here" in none.stderr) == (2, True)


def test_a_worker_outside_of_a_repository_says_what_it_leaves_to_others(plans: Plans, tmp_path: Path) -> None:
    plans.add("p", codebase("a"), reading("r"))
    done = call(plans.root, "work", "--no-wait", "--", "true", cwd=tmp_path)
    assert "codebase tasks are left to others" in done.stderr
    assert "1 done, 0 failed; no task is ready (1 ready, but for others). There is none for you." in done.stdout


def test_a_worker_that_waits_for_long_says_for_what(plans: Plans) -> None:
    plans.add("p", reading("a"), reading("b", ["a"]))
    plans.claim("bob")
    said: list[tuple[str, str]] = []
    worker = Worker(plans.root, "ada", ["true"], tell=lambda event, task, more: said.append((event, more)))
    thread = threading.Thread(target=worker.work)
    thread.start()
    wait_for(lambda: said)
    worker.stop.set()
    thread.join()
    assert said == [("waiting", "1 claimed, 1 waiting; no daemon runs here, which makes tasks ready")]


def test_a_command_that_never_ends_is_ended(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", max_attempts=1))
    _all(plans, _worker(plans, repo, "sleep 600", timeout=0.3))
    assert "the command was ended after 0.3 s" in _why(plans, "p", "a")


def test_a_conflict_fails_the_task_with_both_sides_named_and_loses_nothing(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", "/app/", max_attempts=1))
    git(repo, "branch", "plan/p")
    other = repo.parent / "other"
    git(repo, "worktree", "add", "-q", str(other), "-b", "aside", "plan/p")
    (other / "app/main").write_text("theirs\n")
    git(other, "commit", "-qam", "their change")
    script = f"echo mine > app/main; git -C {repo} update-ref refs/heads/plan/p aside"
    _all(plans, _worker(plans, repo, script))
    why = _why(plans, "p", "a")
    assert "conflict in app/main" in why
    assert "their change (A)" in why
    assert "p/a: A" in why
    assert tree_of(repo, "task/p/a.1")["app/main"] == "mine\n"
    assert tree_of(repo, "plan/p")["app/main"] == "theirs\n"


def test_a_worker_stopped_between_done_and_merge_leaves_it_to_the_next(
    plans: Plans, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recursion_gate.plans import work
    from recursion_gate.plans.git import GitError

    plans.add("p", codebase("a"), codebase("b", needs=["a"]))

    def stopped(*_: object) -> None:
        raise GitError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(work, "merge_done", stopped)
        first = _worker(plans, repo, "mkdir -p a; echo x > a/x", limit=1)
        first.work()
    assert "a/x" not in tree_of(repo, "plan/p")
    plans.look()
    _all(plans, _worker(plans, repo, "test -e a/x; mkdir -p b; echo y > b/y"))
    assert {"a/x", "b/y"} <= tree_of(repo, "plan/p").keys()


def test_a_worker_that_has_lost_its_claim_ends_the_command_and_merges_nothing(plans: Plans, repo: Path) -> None:
    folder = plans.add("p", codebase("a"))
    worker = _worker(plans, repo, "mkdir -p a; echo x > a/x; touch $MARK; sleep 600", seconds=6, limit=1)
    mark = repo.parent / "mark"
    os.environ["MARK"] = str(mark)
    thread = threading.Thread(target=worker.work)
    thread.start()
    wait_for(mark.exists)
    os.rename(folder.path / "claimed/a.1.ada.md", folder.path / "ready/a.1.md")
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert (worker.done, worker.failed) == ([], ["p/a@1"])
    assert plans.standing("p") == {"ready": ["a.1.md"]}
    assert tree_of(repo, "plan/p") == tree_of(repo, "main")


def test_a_worker_that_is_told_to_stop_gives_the_task_back_and_it_is_no_attempt(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a"), reading("r"))
    worker = _worker(plans, repo, "touch $MARK; sleep 600")
    mark = repo.parent / "mark"
    os.environ["MARK"] = str(mark)
    thread = threading.Thread(target=worker.work)
    thread.start()
    wait_for(mark.exists)
    worker.stop.set()
    thread.join(PATIENCE)
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md", "r.md"]}
    assert "outcome: released" in _why(plans, "p", "a")


def test_a_claim_is_renewed_while_the_command_runs(plans: Plans, repo: Path) -> None:
    folder = plans.add("p", codebase("a"))
    enough = repo.parent / "enough"
    worker = _worker(plans, repo, f"until test -e {enough}; do sleep 0.1; done; mkdir a; echo x > a/x", seconds=6)
    thread = threading.Thread(target=worker.work)
    thread.start()
    record = wait_for(lambda: read_record(folder.claim("a", 1)))
    wait_for(lambda: (later := read_record(folder.claim("a", 1))) and later.ends > record.ends)
    enough.touch()
    thread.join(PATIENCE)
    assert worker.done == ["p/a@1"]


def test_reading_tasks_run_where_the_worker_is_and_get_the_task(plans: Plans) -> None:
    plans.add("p", reading("r"), codebase("a"))
    worker = _worker(plans, None, "grep -q '^# R'; echo $RECURSION_GATE_TASK", lanes=["reading"])
    worker.work()
    assert worker.done == ["p/r@1"]
    assert "p/r@1" in _why(plans, "p", "r")


def test_work_ends_when_nothing_can_get_ready(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", max_attempts=1), codebase("b", needs=["a"]))
    worker = _worker(plans, repo, "exit 1")
    worker.wait = True
    left = worker.work()
    assert left is not None
    assert (left.failed, left.waiting, left.stuck) == (1, 1, 1)
    assert "must look at that" in left.message


def test_a_plans_branch_that_is_checked_out_is_not_changed_under_its_owner(plans: Plans, repo: Path) -> None:
    plans.add("p", codebase("a", max_attempts=1), branch="main")
    _all(plans, _worker(plans, repo, "mkdir a; echo x > a/x"))
    assert "the branch main is checked out in" in _why(plans, "p", "a")
    assert isinstance(claims.next_task(plans.root, "bob"), claims.Nothing)
