"""Whose turn it is: nobody is forgotten, nobody is kept waiting by another, and a failed disk is left in peace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.engine.keeper import Keeper, Outcome
from recursion_gate.service import run_queue as module
from recursion_gate.service.run_queue import Turns


@dataclass
class Clock:
    """Stands in for the module `time`."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Scripted:
    """A keeper whose outcomes are given."""

    outcomes: Iterator[Outcome]
    kept: list[str] = field(default_factory=list)

    def keep(self, user: str) -> Outcome:
        self.kept.append(user)
        return next(self.outcomes, Outcome())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def turns(*outcomes: Outcome) -> tuple[Turns, Scripted]:
    keeper = Scripted(iter(outcomes))
    return Turns(cast(Keeper, keeper)), keeper


def test_one_turn_is_for_all_reasons(clock: Clock) -> None:
    these, keeper = turns()
    these.add("alex")
    these.add("alex", called=True)
    these.take()
    assert not these
    assert keeper.kept == ["alex"]


def test_a_user_on_whom_the_disk_failed_rests_and_is_looked_at_again(clock: Clock) -> None:
    these, _ = turns(Outcome(due=5, failed=True))
    these.add("alex")
    these.add("alex", called=True)
    these.take()
    these.add("alex", called=True)
    assert not these
    clock.now = 5
    these.wake()
    these.take()
    these.add("alex", called=True)
    assert len(these) == 1


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
        these, keeper = turns(*given)
        resting: dict[str, float] = {}
        for what, *of in story:
            if what == "take" and these:
                left = len(given) - len(keeper.kept)
                these.take()
                user = keeper.kept[-1]
                assert clock.now >= resting.pop(user, 0.0), "not left in peace"
                if left > 0 and given[len(keeper.kept) - 1].failed:
                    resting[user] = clock.now + 3
            elif what == "wake":
                clock.now += 1
                these.wake()
            elif of:
                these.add(of[0], called=what == "call")
        clock.now += 10
        these.wake()
        keeper.outcomes = iter(())  # from here on all is well
        for user in ("a", "b", "c"):
            these.add(user)
        seen = len(keeper.kept)
        for _ in range(10):
            if these:
                these.take()
        assert not these
        assert set(keeper.kept[seen:]) == {"a", "b", "c"}
