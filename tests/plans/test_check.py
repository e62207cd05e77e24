"""A plan with a fault is refused whole, with all its faults."""

from __future__ import annotations

import pytest
from recursion_gate.plans.check import circle, findings, growth, order
from recursion_gate.plans.model import GateCondition, Plan, Task
from recursion_gate.plans.scopes import scope

from ..support.plans import codebase, reading


def _wrong(*tasks: Task, **more: object) -> str:
    return "; ".join(findings(Plan(plan="p", tasks=list(tasks)), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ([reading("a"), reading("a")], "two tasks have the id 'a'"),
        (
            [reading("a", ["schemas"]), reading("schema")],
            "which is no task here; did you mean 'schema'",
        ),
        ([reading("a", ["b"]), reading("b", ["a"])], "in a circle: a -> b -> a"),
        ([reading("a", ["a"])], "in a circle: a -> a"),
        ([Task(id="a", title="A")], "task 'a' has no scope"),
        ([codebase("a", "!/x/")], "task 'a' has no scope"),
        ([codebase("a", "../x")], "'../x' leads out of the tree"),
        ([codebase("a", ".git/")], "git's own folder"),
        ([Task(id="a", title="A", lane="reading", scope=["/x"])], "is a reading task, which changes no files"),
        ([codebase("a", "/x/"), codebase("b", "/x/y")], "'/x/' and '/x/y' both match x/y"),
        ([reading("a", waits_for=[GateCondition(user="bob")])], "there is no user 'bob'"),
    ],
)
def test_each_fault_is_named(tasks: list[Task], says: str) -> None:
    assert says in _wrong(*tasks, users=["alex"])


def test_scopes_may_overlap_where_one_task_needs_the_other_also_over_several_steps() -> None:
    a, b = codebase("a", "/x/"), reading("b", ["a"])
    assert _wrong(a, b, codebase("c", "/x/y", needs=["b"])) == ""
    assert "may change the same file" in _wrong(a, b, codebase("c", "/x/y"))


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    many = [codebase(f"t{n}", "/x/") for n in range(10)]
    found = findings(Plan(plan="p", tasks=many))
    assert len(found) == 21
    assert "more" in found[-1]


def test_a_long_chain_is_no_circle_and_costs_no_recursion() -> None:
    tasks = [reading("t0"), *(reading(f"t{n}", [f"t{n - 1}"]) for n in range(1, 2_000))]
    assert circle(tasks) == []
    assert circle([*tasks[1:], reading("t0", ["t1999"])])[:2] == ["t1", "t0"]
    assert order(list(reversed(tasks)))["t1999"] == 1_999


def test_the_order_is_the_plans_with_needs_first() -> None:
    tasks = [reading("c", ["a"]), reading("b"), reading("a")]
    assert sorted(order(tasks), key=order(tasks).__getitem__) == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("task", "state", "says"),
    [
        (codebase("a", "/a/", title="Else"), "claimed", "only its scope can be changed"),
        (codebase("a", "/b/"), "claimed", "can only be widened"),
        (codebase("a", "/a/", "!/a/x"), "ready", "can only be widened"),
        (codebase("a", "/a/", "/held/"), "claimed", "while 'q/h' is ready or claimed"),
        (codebase("a", "/a/", "/free/"), "done", "is done"),
        (codebase("a", "/a/", "/free/"), "claimed", ""),
        (codebase("a", "/other/"), "waiting", ""),
        (codebase("new", "/new/"), "waiting", ""),
    ],
)
def test_a_plan_grows_and_a_running_scope_only_widens(task: Task, state: str, says: str) -> None:
    before = Plan(plan="p", tasks=[codebase("a", "/a/")])
    more = Plan(plan="p", grows=True, tasks=[task])
    found = growth(before, more, {"a": state}, {"q/h": scope(["/held/"]), "p/a": scope(["/a/"])})
    assert bool(found) == bool(says)
    assert says in "; ".join(found)
