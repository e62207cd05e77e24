"""Whose turn it is: nobody is forgotten, nobody is kept waiting by another, and a failed disk is left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.engine.reconcile import Outcome, Reconciler
from recursion_gate.service import run_queue as module
from recursion_gate.service.run_queue import RunQueue


@dataclass
class Clock:
    """Stands in for the module `time`."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Scripted:
    """A reconciler whose outcomes are given."""

    outcomes: Iterator[Outcome]
    given_turns: list[str] = field(default_factory=list)

    def reconcile(self, user: str) -> Outcome:
        self.given_turns.append(user)
        return next(self.outcomes, Outcome())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def queue_of(*outcomes: Outcome) -> tuple[RunQueue, Scripted]:
    reconciler = Scripted(iter(outcomes))
    return RunQueue(cast(Reconciler, reconciler)), reconciler


def test_one_turn_is_for_all_reasons(clock: Clock) -> None:
    run_queue, reconciler = queue_of()
    run_queue.add("alex")
    run_queue.add("alex", called=True)
    run_queue.run_next()
    assert not run_queue
    assert reconciler.given_turns == ["alex"]


def test_a_user_with_more_to_do_comes_behind_those_whom_a_look_has_queued_with_it(clock: Clock) -> None:
    run_queue, reconciler = queue_of(Outcome(more=True), Outcome(more=True))
    run_queue.add("flood")
    run_queue.run_next()
    for user in ("flood", "other"):  # the look between two turns, in whatever order
        run_queue.add(user)
    run_queue.run_next()
    assert reconciler.given_turns == ["flood", "other"]


def test_a_user_on_whom_the_disk_failed_rests_and_is_looked_at_again(clock: Clock) -> None:
    run_queue, _ = queue_of(Outcome(due=5, failed=True))
    run_queue.add("alex")
    run_queue.add("alex", called=True)
    run_queue.run_next()
    run_queue.add("alex", called=True)
    assert not run_queue
    clock.now = 5
    run_queue.wake()
    run_queue.run_next()
    run_queue.add("alex", called=True)
    assert len(run_queue) == 1


outcomes = st.sampled_from(
    [Outcome(), Outcome(more=True), Outcome(due=1), Outcome(due=2, more=True), Outcome(due=3, failed=True)]
)
users = st.sampled_from(["a", "b", "c"])
steps = st.lists(
    st.one_of(st.tuples(st.sampled_from(["add", "call"]), users), st.tuples(st.sampled_from(["take", "wake"])))
)


@given(steps, st.lists(outcomes))
def test_whatever_happens_nobody_is_forgotten(story: list[tuple[Any, ...]], given: list[Outcome]) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", clock)
        run_queue, reconciler = queue_of(*given)
        resting: dict[str, float] = {}
        for what, *of in story:
            if what == "take" and run_queue:
                left = len(given) - len(reconciler.given_turns)
                run_queue.run_next()
                user = reconciler.given_turns[-1]
                assert clock.now >= resting.pop(user, 0.0), "not left in peace"
                if left > 0 and given[len(reconciler.given_turns) - 1].failed:
                    resting[user] = clock.now + 3
            elif what == "wake":
                clock.now += 1
                run_queue.wake()
            elif of:
                run_queue.add(of[0], called=what == "call")
        clock.now += 10
        run_queue.wake()
        reconciler.outcomes = iter(())  # from here on all is well
        for user in ("a", "b", "c"):
            run_queue.add(user)
        seen = len(reconciler.given_turns)
        for _ in range(10):
            if run_queue:
                run_queue.run_next()
        assert not run_queue
        assert set(reconciler.given_turns[seen:]) == {"a", "b", "c"}
