"""The decisions of many users as one list, in the order of time."""

from __future__ import annotations

import pytest
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import Root
from recursion_gate.store.history import decisions

from ..support.roots import add_user
from ..support.world import World


@pytest.fixture
def decided(root: Root, monkeypatch: pytest.MonkeyPatch) -> Root:
    """Six decisions, alex's and sam's by turns, a minute apart."""
    add_user(root, "sam")
    worlds = [World(root), World(root, user="sam")]
    for number in range(6):
        monkeypatch.setenv("RECURSION_GATE_NOW", f"2026-11-24T10:0{number}:00+00:00")
        world = worlds[number % 2]
        world.stage(f"{'even' if number % 2 else 'odd'}-{number}")
        (world.approve if number < 4 else world.reject)(f"{'even' if number % 2 else 'odd'}-{number}")
    return root


def told(root: Root, **more: object) -> list[str]:
    return [f"{user} {r.candidate_id}" for user, r in decisions(root, ["alex", "sam"], **more)]  # type: ignore[arg-type]


ALL = ["alex odd-0", "sam even-1", "alex odd-2", "sam even-3", "alex odd-4", "sam even-5"]


def test_decisions_of_all_users_come_in_the_order_of_time(decided: Root) -> None:
    assert told(decided) == ALL
    assert told(decided, last=3) == ALL[3:]
    assert told(decided, last=100) == ALL


def test_only_those_that_are_asked_for(decided: Root) -> None:
    assert told(decided, prefix="odd-") == ALL[::2]
    assert told(decided, prefix="odd-", last=1) == ["alex odd-4"]
    assert told(decided, takes=lambda receipt: receipt.action == "rejected") == ALL[4:]
    assert told(decided, takes=lambda receipt: receipt.action == "approved", last=1) == [ALL[3]]


@pytest.mark.parametrize("last", [None, 10])
def test_receipts_that_cannot_be_read_hide_no_other_users(decided: Root, last: int | None) -> None:
    ledger = decided.place("sam").ledger
    ledger.write_bytes(ledger.read_bytes().replace(b'"seq":2', b'"seq":"x"'))
    left_out: list[str] = []
    shown = told(decided, last=last, left_out=lambda user, err: left_out.append(user))
    assert [line for line in shown if line.startswith("alex")] == ALL[::2]
    assert left_out == ["sam"]
    with pytest.raises(Parked):
        told(decided, last=last)
