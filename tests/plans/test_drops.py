"""A refused plan is corrected and put back."""

from __future__ import annotations

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.plans import drops

from ..support.plans import Plans

_RIGHT = b"tasks: [{id: a, title: A, lane: reading}]"
_WRONG = b"tasks: [{id: a, title: A, lane: reading, needs: [b]}]"


def test_a_corrected_plan_is_put_back_and_its_refusal_is_gone(plans: Plans) -> None:
    plans.drop("p.plan.yaml", _WRONG)
    plans.look()
    drops.put_back(plans.root, "p.plan.yaml", _RIGHT)
    assert plans.refused() == {}
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"]}


def test_a_plan_that_is_still_wrong_stays_where_it_is(plans: Plans) -> None:
    plans.drop("p.plan.yaml", _WRONG)
    plans.look()
    with pytest.raises(Refusal, match="needs 'c'"):
        drops.put_back(plans.root, "p.plan.yaml", _WRONG.replace(b"[b]", b"[c]"))
    assert "needs 'b'" in plans.refused()["p.plan.yaml"]
    assert list(plans.root.plans.glob("*.plan.yaml")) == []


def test_the_second_of_a_name_is_put_back_under_its_own_name(plans: Plans) -> None:
    for _ in range(2):
        plans.drop("p.plan.yaml", _WRONG)
        plans.look()
    assert sorted(plans.refused()) == ["2-p.plan.yaml", "p.plan.yaml"]
    assert drops.put_back(plans.root, "2-p.plan.yaml", _RIGHT).plan == "p"
    plans.look()
    assert plans.standing("p") == {"ready": ["a.md"]}
    assert sorted(plans.refused()) == ["p.plan.yaml"]


def test_a_refused_plan_is_one_line_of_the_log_whatever_its_name(
    plans: Plans, caplog: pytest.LogCaptureFixture
) -> None:
    plans.drop('a\nevent=plan-unfolded "b".plan.yaml', _WRONG)
    plans.look()
    lines = [line for record in caplog.records for line in record.getMessage().splitlines()]
    assert lines == ["event=plan-refused file=\"a?event=plan-unfolded 'b'.plan.yaml\""]
