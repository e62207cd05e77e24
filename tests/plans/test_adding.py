"""A plan that is handed over: one drop, whoever asks again."""

from __future__ import annotations

import os

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.plans.adding import add

from ..support.plans import Plans

PLAN = b"goal: One\ntasks: [{id: a, title: A, lane: reading}]\n"


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
