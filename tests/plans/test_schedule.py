"""What becomes ready when: the state machine against its model, and the rules one by one."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from recursion_gate.plans.folder import Standing, TaskName
from recursion_gate.plans.model import Plan
from recursion_gate.plans.schedule import Move, Observed, Remake, SetAside, decide

from ..support.plan_machine import PlanMachine
from ..support.plans import codebase, reading


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_plans_workers_and_daemon_do_what_the_model_says() -> None:
    run_state_machine_as_test(PlanMachine, settings=settings(max_examples=40, stateful_step_count=25))


def _seen(*standings: tuple[str, str], tasks: tuple[str, ...] = ("a", "b")) -> Observed:
    found: dict[str, list[Standing]] = {}
    for state, file in standings:
        name = TaskName.of(file)
        assert name is not None
        found.setdefault(name.task, []).append(Standing(state, name, f"/p/{state}/{file}"))  # type: ignore[arg-type]
    return Observed(Plan(plan="p", tasks=[codebase(t, "/x/") for t in tasks]), found)


def test_of_two_tasks_with_the_same_files_the_first_in_the_plan_gets_ready() -> None:
    conflicts = {"p/a": {"p/b"}, "p/b": {"p/a"}}
    (move,) = decide([_seen(("waiting", "a.md"), ("waiting", "b.md"))], conflicts)
    assert isinstance(move, Move)
    assert (move.state, move.to) == ("ready", TaskName("a"))


def test_where_scopes_are_unknown_no_task_with_a_scope_gets_ready() -> None:
    seen = _seen(("waiting", "a.md"), ("waiting", "b.md"))
    assert decide([seen], None) == []
    plan = Plan(plan="q", tasks=[reading("r")])
    other = Observed(plan, {"r": [Standing("waiting", TaskName("r"), "/q/waiting/r.md")]})
    assert [move.to.task for move in decide([seen, other], None) if isinstance(move, Move)] == ["r"]


def test_of_several_files_of_a_task_the_one_of_the_last_generation_stands_for_it() -> None:
    actions = decide([_seen(("ready", "a.2.md"), ("claimed", "a.1.ada.md"), ("done", "b.md"))], {})
    assert [type(action) for action in actions] == [SetAside]
    assert isinstance(actions[0], SetAside)
    assert actions[0].standing.state == "claimed"


def test_a_task_without_a_file_is_made_again_and_one_that_was_moved_meanwhile_is_left_alone() -> None:
    assert decide([_seen(("done", "b.md"))], {}) == [Remake("p", TaskName("a"))]
    seen = _seen(("done", "b.md"))
    unsure = Observed(seen.plan, seen.standings, unsure=frozenset({"a"}))
    assert decide([unsure], {}) == []
