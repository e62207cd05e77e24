"""A plan that is handed over: one drop, whoever asks again."""

from __future__ import annotations

import os
import threading

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.plans.adding import add, put_back, taken

from ..support.plans import Plans, reading

PLAN = b"goal: One\ntasks: [{id: a, title: A, lane: reading}]\n"
WRONG = b"tasks: [{id: a, title: A, lane: reading, needs: [b]}]"


def test_the_same_bytes_again_are_the_same_plan_whether_the_daemon_has_it_or_not(plans: Plans) -> None:
    first = add(plans.root, PLAN, "p")
    assert first.path == plans.root.plans / "p.plan.yaml"
    assert add(plans.root, PLAN, "p") == first
    assert os.listdir(plans.root.plans) == ["p.plan.yaml"]
    plans.look()
    assert add(plans.root, PLAN, "p").path == plans.root.plans / "p/plan.yaml"
    plans.look()
    assert (plans.standing("p"), plans.refused()) == ({"ready": ["a.md"]}, {})


def test_another_plan_of_a_name_that_waits_is_refused_and_leaves_nothing(plans: Plans) -> None:
    add(plans.root, PLAN, "p")
    with pytest.raises(Refusal, match="waits for the daemon") as refused:
        add(plans.root, PLAN.replace(b"One", b"Two"), "p")
    assert "when the daemon has taken it" in refused.value.remedy
    assert os.listdir(plans.root.plans) == ["p.plan.yaml"]
    assert (plans.root.plans / "p.plan.yaml").read_bytes() == PLAN


def test_what_is_too_large_is_refused(plans: Plans) -> None:
    with pytest.raises(Refusal, match="more than 2,000,000 bytes"):
        add(plans.root, PLAN + b"#" * 2_000_000, "p")
    assert not plans.root.plans.exists()


def test_a_corrected_plan_is_put_back_and_its_refusal_is_gone(plans: Plans) -> None:
    plans.drop("p.plan.yaml", WRONG)
    plans.look()
    put_back(plans.root, "p.plan.yaml", PLAN)
    assert plans.refused() == {}
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"]}


def test_a_plan_that_is_still_wrong_stays_where_it_is(plans: Plans) -> None:
    plans.drop("p.plan.yaml", WRONG)
    plans.look()
    with pytest.raises(Refusal, match="needs 'c'"):
        put_back(plans.root, "p.plan.yaml", WRONG.replace(b"[b]", b"[c]"))
    assert "needs 'b'" in plans.refused()["p.plan.yaml"]
    assert list(plans.root.plans.glob("*.plan.yaml")) == []


def test_the_second_of_a_name_is_put_back_under_its_own_name(plans: Plans) -> None:
    for _ in range(2):
        plans.drop("p.plan.yaml", WRONG)
        plans.look()
    assert sorted(plans.refused()) == ["2-p.plan.yaml", "p.plan.yaml"]
    assert put_back(plans.root, "2-p.plan.yaml", PLAN).plan.plan == "p"
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"]}
    assert sorted(plans.refused()) == ["p.plan.yaml"]


def test_who_waits_for_the_daemon_is_told_where_the_plan_lies_then(plans: Plans) -> None:
    added = add(plans.root, PLAN, "p")
    assert taken(plans.root, added, 0) == added
    daemon = threading.Timer(0.05, plans.look)
    daemon.start()
    assert taken(plans.root, added, 60).path == plans.root.plans / "p/plan.yaml"
    daemon.join()
    assert plans.standing("p") == {"ready": ["a.md"]}


def test_who_waits_for_the_daemon_is_told_that_somebody_was_first(plans: Plans) -> None:
    added = add(plans.root, PLAN, "p")
    os.rename(added.path, plans.root.plans / ".kept")
    plans.add("p", reading("b"))
    os.rename(plans.root.plans / ".kept", added.path)
    plans.look()
    with pytest.raises(Refusal, match=r"has refused p\.plan\.yaml"):
        taken(plans.root, added, 60)
