"""The daemon's part: unfold, make ready, take back; whatever stands in the folders, it goes on from there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from recursion_gate.plans import claims, find
from recursion_gate.plans.model import GateCheck, GateCondition
from recursion_gate.plans.parse import dump

from ..support.plans import Plans, codebase, reading
from ..support.world import World


def test_a_plan_is_unfolded_in_one_step_and_its_first_tasks_are_ready(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), codebase("b"), codebase("c", needs=["a", "b"]), goal="All of it")
    assert plans.standing("p") == {"ready": ["a.md", "b.md"], "waiting": ["c.md"]}
    assert sorted(os.listdir(plans.root.plans)) == ["p"]
    assert "All of it" in (folder.path / "waiting/c.md").read_text()


def test_tasks_with_a_file_in_common_are_never_ready_together_in_no_plan(plans: Plans) -> None:
    plans.add("p", codebase("a", "/x/"), codebase("b", "/x/y", needs=["a"]))
    plans.add("q", codebase("c", "/x/y/z"), codebase("d", "/z/"), reading("r"))
    assert plans.standing("q") == {"ready": ["d.md", "r.md"], "waiting": ["c.md"]}
    claims.finish(plans.claim(plan="p"), "done")
    plans.look()
    assert plans.standing("p")["ready"] == ["b.md"]
    assert plans.standing("q")["waiting"] == ["c.md"]
    claims.finish(plans.claim(plan="p"), "done")
    plans.look()
    assert plans.standing("q")["ready"] == ["c.md", "d.md", "r.md"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading, needs: [b]}]", "needs 'b', which is no task here"),
        ("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading, needs: [a]}]", "circle: a -> a"),
        ("p.plan.yaml", "tasks: [{id: a, title: A, scope: ['../x']}]", "leads out of the tree"),
        ("p.plan.yaml", "tasks: [{id: a, title: A, scope: [.git/x]}]", "git's own folder"),
        ("p.plan.yaml", "\x00\x01", "cannot be read"),
        ("A B.plan.yaml", "tasks: [{id: a, title: A, lane: reading}]", "'plan' is missing"),
        ("problems.plan.yaml", "tasks: [{id: a, title: A, lane: reading}]", "no plan can be called 'problems'"),
        (
            "g.plan.yaml",
            "grows: true\ntasks: [{id: a, title: A, lane: reading}]",
            "no plan 'g' that could grow",
        ),
        ("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading, waits_for: [{user: bob}]}]", "no user 'bob'"),
    ],
)
def test_a_plan_with_a_fault_goes_to_problems_with_a_why(plans: Plans, name: str, text: str, why: str) -> None:
    plans.drop(name, text)
    plans.look()
    assert why in plans.refused()[name]
    assert sorted(os.listdir(plans.root.plans)) == ["problems"]


def test_what_is_no_plan_by_its_name_a_link_or_a_pipe_is_refused_too(plans: Plans, tmp_path: Path) -> None:
    plans.root.plans.mkdir()
    (tmp_path / "secret").write_text("tasks: [{id: a, title: A, lane: reading}]")
    (plans.root.plans / "link.plan.yaml").symlink_to(tmp_path / "secret")
    os.mkfifo(plans.root.plans / "pipe.plan.yaml")
    old = plans.drop("notes.yaml", "x: 1")
    os.utime(old, (1, 1))
    plans.look()
    assert sorted(plans.refused()) == ["link.plan.yaml", "notes.yaml", "pipe.plan.yaml"]
    assert "Call it NAME.plan.yaml" in plans.refused()["notes.yaml"]
    assert (tmp_path / "secret").exists()


def test_a_second_plan_of_one_name_is_refused_and_the_same_bytes_again_are_no_second_plan(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    plans.drop("p.plan.yaml", folder.plan.read_bytes())  # a stop came before the drop was removed
    plans.look()
    assert plans.refused() == {}
    plans.drop("p.plan.yaml", "tasks: [{id: z, title: Z, lane: reading}]")
    plans.look()
    assert "there is a plan 'p' already" in plans.refused()["p.plan.yaml"]
    assert plans.standing("p") == {"ready": ["a.md"]}


def test_a_plan_grows_while_it_runs(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    plans.claim()
    plans.drop("p.plan.yaml", "plan: p\ngrows: true\ntasks:\n"
               "  - {id: a, title: A, scope: [/a/, /more/]}\n"
               "  - {id: c, title: C, scope: [/c/]}\n")  # fmt: skip
    plans.look()
    assert plans.refused() == {}
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"], "ready": ["c.md"], "waiting": ["b.md"]}
    assert claims.claim_of(plans.root, "p/a@1").task.scope == ["/a/", "/more/"]
    assert (folder.path / "plan.2.yaml").exists()
    plans.drop("p.plan.yaml", "plan: p\ngrows: true\ntasks:\n  - {id: a, title: A, scope: [/a/, /more/, /c/]}\n")
    plans.look()
    assert "while 'p/c' is ready or claimed" in plans.refused()["p.plan.yaml"]


def test_a_tasks_file_moved_by_hand_is_obeyed(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    plans.claim()
    os.rename(folder.path / "claimed/a.1.ada.md", folder.path / "done/a.1.ada.md")  # "I did that one"
    plans.look()
    assert plans.standing("p") == {"done": ["a.1.md"], "ready": ["b.md"]}
    os.rename(folder.path / "ready/b.md", folder.path / "failed/b.md")  # "not now"
    plans.look()
    assert plans.standing("p") == {"done": ["a.1.md"], "failed": ["b.md"]}


def test_a_task_that_was_tried_before_rests_where_a_person_puts_it_into_failed(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    claims.finish(plans.claim(), "failed", "no luck")
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md"]}
    os.rename(folder.path / "ready/a.1.md", folder.path / "failed/a.1.md")  # "not now"
    plans.look()
    assert plans.standing("p") == {"failed": ["a.1.md"]}


def test_a_task_moved_to_ready_beside_one_with_the_same_files_waits_again(plans: Plans) -> None:
    folder = plans.add("p", codebase("a", "/x/"), codebase("b", "/x/", needs=["a"]))
    plans.claim()
    os.rename(folder.path / "waiting/b.md", folder.path / "ready/b.md")
    plans.look()
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"], "waiting": ["b.md"]}


def test_a_tasks_file_edited_into_nonsense_changes_nothing_and_one_renamed_so_comes_back(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    (folder.path / "ready/a.md").write_bytes(b"---\nscope: [/]\n\xff\x00")
    claim = plans.claim()
    assert claim.task.scope == ["/a/"]
    claims.finish(claim, "done")
    os.rename(folder.path / "waiting/b.md", folder.path / "waiting/b (1) {.md")
    plans.look()
    assert plans.standing("p") == {"done": ["a.1.md"], "ready": ["b.md"]}
    assert list(plans.refused()) == ["p-b (1) {.md"]


def test_a_claims_file_that_is_deleted_comes_back_and_the_worker_cannot_finish_it(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    claim = plans.claim()
    os.remove(folder.path / "claimed/a.1.ada.md")
    with pytest.raises(claims.Ended):
        claims.finish(claim, "done")
    plans.look()
    (name,) = plans.standing("p")["ready"]
    again = plans.claim()
    assert again.record.generation > 1
    with pytest.raises(claims.Ended):
        claims.finish(claim, "done")
    claims.finish(again, "done")
    assert name == f"a.{again.record.generation - 1}.md"


def test_a_copy_of_a_tasks_file_goes_to_problems(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"))
    plans.claim()
    shutil.copy(folder.path / "claimed/a.1.ada.md", folder.path / "ready/a.md")
    plans.look()
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    assert "do not copy it" in plans.refused()["p-a.md"]


def test_folders_that_are_deleted_come_back_and_nothing_is_stuck(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    for path in folder.folders():
        shutil.rmtree(path)
    plans.restart()
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"], "waiting": ["b.md"]}


def test_a_plan_that_cannot_be_read_is_parked_gives_out_nothing_and_holds_up_no_other(plans: Plans) -> None:
    broken = plans.add("broken", codebase("a", "/x/"), codebase("b", "/y/"))
    plans.add("p", codebase("c", "/x/", needs=[]), reading("r"))
    claim = plans.claim(plan="broken")
    text = broken.plan.read_bytes()
    broken.plan.write_text("tasks: [")
    plans.restart()
    plans.look()
    assert "plan.yaml" in plans.keeper.problems["broken"]
    assert plans.standing("broken") == {"claimed": ["a.1.ada.md"], "waiting": ["b.md"]}
    assert plans.standing("p") == {"ready": ["r.md"], "waiting": ["c.md"]}  # what a has in common with c is unknown
    assert plans.claim().id == "p/r@1"
    os.rename(claim.path, broken.path / "failed/a.1.md")
    plans.look()
    assert plans.standing("p")["ready"] == ["c.md"]
    broken.plan.write_bytes(text)
    plans.look()
    assert plans.keeper.problems == {}
    assert plans.standing("broken")["ready"] == ["b.md"]


def test_a_task_waits_for_what_a_person_decides_and_accept_asks_the_gate(plans: Plans) -> None:
    world = World(plans.root)
    world.stage("c1", "Learned of tides.", source="calendar")
    decided = GateCondition(user="alex", source="calendar", state="decided", at_least=2)
    staged = GateCheck(gate=GateCondition(user="alex", source="calendar", at_least=2))
    plans.add("p", reading("edge", waits_for=[decided]), reading("stage", accept=[staged]))
    assert plans.standing("p") == {"ready": ["stage.md"], "waiting": ["edge.md"]}
    world.approve("c1")
    world.stage("c2", "Learned of rivers.", source="calendar")
    plans.look()
    assert plans.standing("p")["waiting"] == ["edge.md"]
    assert plans.keeper.look().due is not None  # it asks again by itself
    world.reject("c2")
    plans.look()
    assert plans.standing("p") == {"ready": ["edge.md", "stage.md"]}


def test_a_look_is_the_same_after_a_restart(plans: Plans) -> None:
    plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    claims.finish(plans.claim(), "done")
    plans.restart()
    plans.look()
    assert plans.standing("p") == {"done": ["a.1.md"], "ready": ["b.md"]}
    assert plans.keeper.look().done == 0


def test_a_plan_survives_being_written_and_read(plans: Plans) -> None:
    folder = plans.add("p", codebase("a"), goal="x: y")
    assert b"x: y" in folder.plan.read_bytes()
    assert dump(find.find_task(plans.root, "p/a")[1]) == folder.plan.read_bytes()
