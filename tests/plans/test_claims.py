"""A task is claimed by at most one worker at a time, and finished under its current claim only (promise 12)."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from recursion_gate.core.clock import now
from recursion_gate.plans import claims, find
from recursion_gate.plans.records import UNSIGNED, read_note, read_record

from ..support.plans import Plans, codebase, reading


def _clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock to so many seconds from now; the files' times stay as they are."""
    monkeypatch.delenv("RECURSION_GATE_NOW", raising=False)
    monkeypatch.setenv("RECURSION_GATE_NOW", (now() + timedelta(seconds=seconds)).isoformat())


def test_a_claim_is_one_rename_and_names_worker_generation_and_end(plans: Plans) -> None:
    plans.add("p", codebase("a"))
    claim = plans.claim("ada", seconds=60)
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    assert claim.id == "p/a@1"
    record = read_record(claim.folder.claim("a", 1))
    assert record == claim.record
    assert (record.worker, (record.ends - record.since).total_seconds()) == ("ada", 60)


def test_two_workers_get_two_tasks_and_a_third_is_told_when_to_ask(plans: Plans) -> None:
    plans.add("p", codebase("a"), codebase("b"), codebase("c", needs=["a"]))
    assert [plans.claim(w).task.id for w in ("ada", "bob")] == ["a", "b"]
    nothing = plans.nothing("cid")
    assert (nothing.claimed, nothing.waiting) == (2, 1)
    assert nothing.retry is not None
    assert 800 < nothing.retry <= 900


def test_a_worker_takes_from_one_plan_or_one_lane_if_it_says_so(plans: Plans) -> None:
    plans.add("p", codebase("a"), reading("r"))
    plans.add("q", reading("z"))
    assert plans.claim(lanes=["reading"], plan="q").id == "q/z@1"
    assert plans.claim(lanes=["reading"]).id == "p/r@1"
    assert plans.nothing(lanes=["staging"]).ready == 1
    with pytest.raises(find.NoTask, match="no plan 'qq'"):
        claims.next_task(plans.root, "ada", plan="qq")
    with pytest.raises(claims.BadWorker):
        claims.next_task(plans.root, "a b")


def test_done_is_told_to_those_who_come_after(plans: Plans) -> None:
    plans.add("p", codebase("a"), codebase("b", needs=["a"]))
    path = claims.finish(plans.claim(), "done", "The schema is in a/x.json.")
    assert path.endswith("done/a.1.md")
    plans.look()
    assert plans.standing("p") == {"done": ["a.1.md"], "ready": ["b.md"]}
    assert "The schema is in a/x.json." in (plans.root.plans / "p/ready/b.md").read_text()


def test_a_claim_that_ended_cannot_be_finished_also_before_anybody_has_taken_it_back(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a"))
    claim = plans.claim(seconds=60)
    _clock(monkeypatch, 61)
    for outcome in ("done", "failed", "released"):
        with pytest.raises(claims.Ended, match="was not renewed"):
            claims.finish(claim, outcome)
    with pytest.raises(claims.Ended, match="was not renewed"):
        claims.renew(claim)
    with pytest.raises(claims.Ended):
        claims.claim_of(plans.root, claim.id)
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}


def test_a_claim_that_ended_goes_to_another_and_the_first_cannot_finish_it(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a"))
    stale = plans.claim("ada", seconds=60)
    _clock(monkeypatch, 61)
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md"]}
    current = plans.claim("ada")
    assert current.id == "p/a@2"
    for outcome in ("done", "failed", "released"):
        with pytest.raises(claims.Ended):
            claims.finish(stale, outcome)
    with pytest.raises(claims.Ended, match="generation 2"):
        claims.claim_of(plans.root, "p/a@1")
    claims.finish(current, "done", "mine")
    assert plans.standing("p") == {"done": ["a.2.md"]}
    note = read_note(current.folder.note("a", 2))
    assert note is not None
    assert note.text == "mine"


def test_even_a_worker_that_looked_before_the_claim_was_taken_back_cannot_finish(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look and its rename: the rename finds no file of that name."""
    plans.add("p", codebase("a"))
    stale = plans.claim("ada", seconds=60)
    monkeypatch.setattr(claims, "_check_open", lambda claim: None)
    _clock(monkeypatch, 61)
    plans.look()
    plans.claim("ada")
    with pytest.raises(claims.Ended, match="has the task under generation 2"):
        claims.finish(stale, "done")
    with pytest.raises(claims.Ended):
        claims.renew(stale)
    assert plans.standing("p") == {"claimed": ["a.2.ada.md"]}


def test_renewing_prolongs_and_needs_the_right_generation_and_worker(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a"))
    claim = plans.claim(seconds=60)
    _clock(monkeypatch, 50)
    renewed = claims.renew(claims.claim_of(plans.root, "p/a@1", "ada"))
    assert renewed.record.ends == now() + timedelta(seconds=60)
    _clock(monkeypatch, 50 + 55)
    plans.look()
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    assert claims.finish(claims.claim_of(plans.root, claim.id), "done")
    for name, worker, says in (("p/a@7", None, "is done"), ("a@1", None, "is done"), ("p/a", None, "which claim")):
        with pytest.raises((claims.Ended, find.NoTask), match=says):
            claims.claim_of(plans.root, name, worker)


def test_a_claim_is_refused_to_another_worker(plans: Plans) -> None:
    plans.add("p", codebase("a"))
    plans.claim("ada")
    with pytest.raises(claims.Ended, match="it is ada's, not bob's"):
        claims.claim_of(plans.root, "p/a@1", "bob")


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs /proc")
def test_the_claim_of_a_dead_process_ends_at_once(plans: Plans) -> None:
    plans.add("p", codebase("a"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        plans.claim(pid=process.pid)
        plans.look()
        assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
        process.communicate(b"\n")
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md"]}


def test_a_worker_stopped_before_it_signed_leaves_a_claim_that_ends(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plans.add("p", codebase("a"))
    os.rename(folder.path / "ready/a.md", folder.path / "claimed/a.1.ada.md")
    plans.look()
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    _clock(monkeypatch, UNSIGNED + 1)
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md"]}


def test_a_worker_that_was_asleep_between_rename_and_record_does_not_believe_it_has_the_task(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a"))
    sign = claims._sign

    def asleep(temp: str, path: Path) -> None:
        if path.name == "a.1.json":
            _clock(monkeypatch, UNSIGNED + 1)
            plans.look()
        sign(temp, path)

    monkeypatch.setattr(claims, "_sign", asleep)
    assert plans.claim("ada").id == "p/a@2"
    assert plans.standing("p") == {"claimed": ["a.2.ada.md"]}


def test_a_clock_that_is_set_back_or_forth_leaves_no_claim_for_ever(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a"))
    plans.claim(seconds=60)
    _clock(monkeypatch, -30)  # a small step back is borne
    plans.look()
    assert plans.standing("p") == {"claimed": ["a.1.ada.md"]}
    _clock(monkeypatch, -7_200)
    plans.look()
    assert plans.standing("p") == {"ready": ["a.1.md"]}
    plans.claim(seconds=60)
    _clock(monkeypatch, 7_200)
    plans.look()
    assert plans.standing("p") == {"ready": ["a.2.md"]}


def test_what_is_given_back_is_no_attempt_and_what_failed_too_often_waits_for_a_person(plans: Plans) -> None:
    plans.add("p", codebase("a", max_attempts=2))
    for outcome in ("released", "failed", "released"):
        claims.finish(plans.claim(), outcome, f"it was {outcome}")
        plans.look()
    assert plans.standing("p") == {"ready": ["a.3.md"]}
    claims.finish(plans.claim(), "failed", "no luck")
    plans.look()
    assert plans.standing("p") == {"failed": ["a.4.md"]}
    assert plans.nothing().message.endswith("A person must look at those that failed.")
    os.rename(plans.root.plans / "p/failed/a.4.md", plans.root.plans / "p/waiting/a.4.md")  # who gives it another try
    plans.look()
    assert "no luck" in (plans.root.plans / "p/ready/a.4.md").read_text()
    claims.finish(plans.claim(), "failed", "again")
    plans.look()
    assert plans.standing("p") == {"failed": ["a.5.md"]}


def test_what_failed_and_is_tried_again_is_not_left_to_a_person(plans: Plans) -> None:
    """Nor does what needs it wait for one. Said before the daemon's look, and not after the last attempt."""
    plans.add("p", codebase("a", max_attempts=2), codebase("b", needs=["a"]))
    claims.finish(plans.claim(), "failed", "no luck")
    nothing = plans.nothing()
    assert (nothing.failed, nothing.again, nothing.waiting, nothing.stuck, nothing.is_over) == (1, 1, 1, 0, False)
    assert nothing.message == "no task is ready (1 waiting, 1 to be tried again). Ask again in a while."
    plans.look()
    claims.finish(plans.claim(), "failed", "no luck either")
    plans.look()
    nothing = plans.nothing()
    assert (nothing.again, nothing.stuck, nothing.is_over) == (0, 1, True)
    assert "a person must look at that" in nothing.message


def test_a_task_that_takes_its_workers_along_waits_for_a_person_too(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.add("p", codebase("a", max_attempts=2))
    for number in (1, 2):
        plans.claim(seconds=60)
        _clock(monkeypatch, 61 * number)
        plans.look()
    assert plans.standing("p") == {"failed": ["a.2.md"]}


def test_a_plan_on_its_way_is_waited_for(plans: Plans) -> None:
    plans.drop("p.plan.yaml", "tasks: [{id: a, title: A, lane: reading}]")
    nothing = plans.nothing()
    assert (nothing.coming, nothing.is_over) == (1, False)
    assert nothing.message == "no task is ready (1 plan on its way). Ask again in a while."
    plans.look()
    assert plans.claim().id == "p/a@1"


def test_what_is_ready_for_others_is_not_called_done(plans: Plans) -> None:
    plans.add("p", codebase("a"))
    assert (
        plans.nothing(lanes=["reading"]).message == "no task is ready (1 ready, but for others). There is none for you."
    )


def test_a_task_that_is_misspelt_is_found_by_its_nearest_name(plans: Plans) -> None:
    plans.add("add-voice", reading("schema"))
    with pytest.raises(find.NoTask, match=r"no task 'add-voice/shema'; did you mean 'schema'\?"):
        find.find_task(plans.root, "add-voice/shema")
    with pytest.raises(find.NoTask, match=r"there is no plan 'add-voise'; did you mean 'add-voice'\? The plans are"):
        find.find_task(plans.root, "add-voise/schema")
    plans.claim()
    with pytest.raises(claims.Ended, match="has had 1 claim, not 2"):
        claims.claim_of(plans.root, "add-voice/schema@2")
