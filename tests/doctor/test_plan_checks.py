"""`doctor` on plans: what is wrong with them, and what to do; nothing where nobody plans."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold
from recursion_gate.doctor import doctor
from recursion_gate.plans import claims
from recursion_gate.plans.branches import make_tree
from recursion_gate.plans.git import repository

from ..support.audited import codes, found
from ..support.plans import Plans, codebase, reading
from ..support.repository import git, make_repository

OURS = {
    "plan-parked", "plan-waits", "claim-over", "plan-problems", "task-failed", "rights-left", "work-tree-left",
    "not-merged", "branches-left",
}  # fmt: skip


@pytest.fixture
def plans(healthy: Root) -> Plans:
    return Plans(healthy)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def test_plans_at_work_and_roots_without_plans_are_well(healthy: Root, plans: Plans) -> None:
    assert not OURS & set(codes(doctor(healthy)))
    plans.add("p", codebase("a"), reading("b", needs=["a"]), reading("c"), reading("d"))
    claims.finish(plans.claim(), "done")
    claims.finish(plans.claim(), "failed", "once")
    plans.claim()
    assert not OURS & set(codes(doctor(healthy)))


@pytest.mark.parametrize("text", ["{", "plan: q\ntasks: [{id: a, title: A, lane: reading}]", "tasks: []"])
def test_a_plan_that_was_edited_into_nonsense_is_a_fault(healthy: Root, plans: Plans, text: str) -> None:
    folder = plans.add("p", reading("a"))
    folder.plan.write_text(text)
    finding = found(healthy, "plan-parked")
    assert (finding.severity, finding.path) == ("fault", "plans/p/plan.yaml")
    assert finding.remedy
    plans.keeper.look()
    assert finding.problem.partition(": ")[2] in plans.keeper.problems["p"]


def test_a_claim_that_is_over_is_named_where_no_daemon_takes_it_back(healthy: Root, plans: Plans) -> None:
    plans.add("p", reading("a"), reading("b"))
    plans.claim(seconds=0.001)
    plans.claim()
    finding = found(healthy, "claim-over")
    assert "1 claim is over" in finding.problem
    assert "p/a@1" in finding.problem
    assert "recursion-gate run" in finding.remedy
    with hold(healthy):  # a daemon that runs has a minute for that
        assert "claim-over" not in codes(doctor(healthy))
    plans.look()
    assert "claim-over" not in codes(doctor(healthy))


def test_a_plan_that_waits_for_a_daemon_is_named(healthy: Root, plans: Plans) -> None:
    plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading}]")
    finding = found(healthy, "plan-waits")
    assert finding.path == "plans/p.plan.yaml"
    with hold(healthy):
        assert "plan-waits" not in codes(doctor(healthy))
    plans.look()
    assert "plan-waits" not in codes(doctor(healthy))


def test_what_was_refused_is_named_with_its_reason(healthy: Root, plans: Plans) -> None:
    plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading, needs: [a]}]")
    plans.look()
    finding = found(healthy, "plan-problems")
    assert "1 file was refused, the last one p.plan.yaml: " in finding.problem
    assert plans.refused()["p.plan.yaml"].partition(": ")[2].strip() in finding.problem


def test_a_task_that_waits_for_a_person_is_named_and_one_that_a_person_put_there_is_not(
    healthy: Root, plans: Plans
) -> None:
    folder = plans.add("p", reading("a", max_attempts=2), reading("b"))
    for _ in range(2):
        claims.finish(plans.claim(plan="p", wants=lambda task: task.id == "a"), "failed", "No network.\nMore.")
        plans.look()
    os.rename(folder.path / "ready/b.md", folder.path / "failed/b.md")
    finding = found(healthy, "task-failed")
    assert finding.path == "plans/p/failed/a.2.md"
    assert finding.problem == "the task p/a has failed 2 times, and waits for a person: No network."
    assert "plans/p/waiting/" in finding.remedy
    os.rename(folder.path / "failed/a.2.md", folder.path / "waiting/a.2.md")  # the remedy
    plans.look()
    assert "task-failed" not in codes(doctor(healthy))


def test_many_tasks_that_failed_are_counted(healthy: Root, plans: Plans) -> None:
    plans.add("p", *(reading(f"t{n}", max_attempts=1) for n in range(13)))
    while isinstance(claim := claims.next_task(healthy, "ada"), claims.Claim):
        claims.finish(claim, "failed", "no")
    all_of_them = [f for f in doctor(healthy) if f.code == "task-failed"]
    assert len(all_of_them) == 11
    assert "3 more tasks" in all_of_them[-1].problem


def test_rights_of_a_claim_that_is_over_are_named_with_the_account(healthy: Root, plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    claim = plans.claim()
    journal = folder.claims / "a.1.rights"
    journal.write_text('{"account": "ada", "top": "/x", "before": []}')
    assert "rights-left" not in codes(doctor(healthy))
    claims.finish(claim, "done")
    finding = found(healthy, "rights-left")
    assert "the account 'ada' still has the rights of p/a@1" in finding.problem
    assert "scope apply p/a@1 --back" in finding.remedy
    journal.write_text("nonsense")
    assert "an account still has" in found(healthy, "rights-left").problem


def test_branches_of_attempts_that_failed_are_named_once_the_task_is_done(
    healthy: Root, plans: Plans, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo")
    folder = plans.add("p", codebase("a"))
    found_repo = repository(repo)
    claim = plans.claim()
    tree, _ = make_tree(found_repo, claim)
    git(tree.top, "commit", "-q", "--allow-empty", "-m", "x")
    found_repo.remove_tree(tree.top)
    claims.finish(claim, "failed", "no")
    plans.look()
    assert "branches-left" not in codes(doctor(healthy))
    claims.finish(plans.claim(), "done")
    finding = found(healthy, "branches-left")
    assert finding.severity == "note"
    assert f"git -C {repo} branch -D task/p/a.1" in finding.remedy
    assert folder.name == "p"


def test_folders_in_which_the_daemon_may_not_move_tasks_are_a_fault(healthy: Root, plans: Plans) -> None:
    folder = plans.add("p", reading("a"))
    for path in (healthy.plans, folder.path, *folder.folders()):
        os.chmod(path, 0o755)

    def closed() -> list[str]:
        found = [f for f in doctor(healthy, prove=False) if f.code == "cannot-move" and f.path.startswith("plans")]
        assert all(f.severity == "fault" and f.remedy for f in found)
        return [f.path for f in found]

    assert closed() == []
    if os.geteuid() != 0:
        os.chmod(folder.path / "failed", 0o555)
        assert closed() == ["plans/p/failed"]
        return
    os.chown(healthy.homes, 65_534, 65_534)  # the daemon's account is the owner of users/
    assert closed()[:2] == ["plans", "plans/p"]
    assert "plans/p/claims" in closed()
