"""What is refused goes to plans/problems/ with a word in the log."""

from __future__ import annotations

import pytest

from ..support.plans import Plans


def test_a_refused_plan_is_one_line_of_the_log_whatever_its_name(
    plans: Plans, caplog: pytest.LogCaptureFixture
) -> None:
    plans.drop('a\nevent=plan-unfolded "b".plan.yaml', "tasks: [{id: a, title: A, lane: reading, needs: [b]}]")
    plans.look()
    lines = [line for record in caplog.records for line in record.getMessage().splitlines()]
    assert lines == ["event=plan-refused file=\"a?event=plan-unfolded 'b'.plan.yaml\""]
