"""A person moves tasks as a file manager does: what they saw is what is moved."""

from __future__ import annotations

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.plans import by_hand, claims, find
from recursion_gate.plans.folder import PlanFolder
from recursion_gate.plans.overview import standings

from ..support.plans import Plans, codebase, reading


def _seen(plans: Plans, task: str = "a") -> str:
    return by_hand.place_of(standings(PlanFolder(plans.root.plans / "p"))[task])


def test_a_failed_task_is_tried_again_as_often_as_a_person_says(plans: Plans) -> None:
    plans.add("p", codebase("a", max_attempts=1))
    for generation in (1, 2):
        claims.finish(plans.claim(), "failed", "no luck")
        plans.look()
        assert plans.standing("p") == {"failed": [f"a.{generation}.md"]}
        by_hand.move(plans.root, "p", "a", "waiting", _seen(plans))
        assert plans.standing("p") == {"waiting": [f"a.{generation}.md"]}
        plans.look()
        assert plans.standing("p") == {"ready": [f"a.{generation}.md"]}


def test_a_task_that_is_taken_out_rests_and_its_worker_cannot_finish_it(plans: Plans) -> None:
    plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    claim = plans.claim()
    by_hand.move(plans.root, "p", "a", "failed", _seen(plans))
    with pytest.raises(claims.Ended, match="the task is failed"):
        claims.finish(claim, "done")
    plans.look()
    assert plans.standing("p") == {"failed": ["a.1.md"], "waiting": ["b.md"]}


def test_what_is_done_by_hand_lets_go_on_what_needs_it(plans: Plans) -> None:
    plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    by_hand.move(plans.root, "p", "a", "done", _seen(plans))
    plans.look()
    assert plans.standing("p") == {"done": ["a.md"], "ready": ["b.md"]}


def test_a_claim_is_given_to_another_under_the_next_generation(plans: Plans) -> None:
    plans.add("p", reading("a"))
    stale = plans.claim("ada")
    by_hand.move(plans.root, "p", "a", "waiting", _seen(plans))
    plans.look()
    assert plans.claim("bob").id == "p/a@2"
    with pytest.raises(claims.Ended, match="bob has the task"):
        claims.finish(stale, "done")


def test_a_task_that_has_moved_since_it_was_seen_is_left_alone(plans: Plans) -> None:
    plans.add("p", reading("a"))
    seen = _seen(plans)
    plans.claim("ada")
    with pytest.raises(by_hand.Moved, match="it is ada's now"):
        by_hand.move(plans.root, "p", "a", "failed", seen)
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    again = _seen(plans)
    (plans.root.plans / "p/claimed/a.1.ada.md").unlink()
    with pytest.raises(find.NoTask, match="has no file now"):
        by_hand.move(plans.root, "p", "a", "failed", again)


def test_a_copy_in_the_way_is_not_overwritten(plans: Plans) -> None:
    folder = plans.add("p", reading("a"))
    seen = _seen(plans)
    (folder.path / "done/a.md").write_text("a copy")
    with pytest.raises(Refusal):
        by_hand.move(plans.root, "p", "a", "done", seen)
    assert (folder.path / "done/a.md").read_text() == "a copy"
