"""One turn costs no more than the other users can wait: its time, its memory and its log have limits (promise 8)."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import atomic
from recursion_gate.engine import apply, observe_cards, observe_drops, turn
from recursion_gate.engine.actions import Action, Decision, Discard, ReturnWithNote
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.engine.user_state import UserState
from recursion_gate.service.daemon import Service
from recursion_gate.service.systemd import Heartbeat

from ..support.roots import installed
from ..support.world import World, wait_for


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return installed(tmp_path / "root", "alex", "bob")


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of a turn has no time at all, and so does the least that it does in any case."""
    monkeypatch.setattr(UserState, "late", lambda self, until: True)


def chain(world: World, count: int) -> list[str]:
    """So many candidates, each linked to the one before; their ids."""
    ids = [f"c{number}" for number in range(count)]
    lines = [
        {"id": name, "raw_text": f"Step {name}.", **({"link_to_evidence_id": ids[n - 1]} if n else {})}
        for n, name in enumerate(ids)
    ]
    world.drop("chain.jsonl", "\n".join(map(json.dumps, lines)))
    world.reconcile()
    return ids


def move_all(world: World, state: str = "approved", seed: int = 1) -> None:
    names = world.names("pending")
    random.Random(seed).shuffle(names)
    for name in names:
        world.move(world.place.pending / name, state)


def test_linked_decisions_are_put_in_order_in_one_walk(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = World(root), [0]
    link_of = vars(Decision)["link"].fget

    def counting(decision: Decision) -> str:
        asked[0] += 1
        return str(link_of(decision))

    monkeypatch.setattr(Decision, "link", property(counting))
    ids = chain(world, 90)
    for name in reversed(ids):  # the last of the chain was decided first
        world.move(world.card(name), "approved")
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ids
    assert asked[0] <= 4 * len(ids)


@pytest.mark.parametrize("most", [1, 7])
def test_where_a_turn_ends_changes_neither_the_order_nor_the_bytes(
    root: Root, tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECURSION_GATE_NOW", "2026-11-24T16:30:00Z")
    # Many moves may bear the same time.
    order = property(lambda decision: (0, decision.staged.raw_text[::-1]))
    monkeypatch.setattr(Decision, "order", order)
    results = []
    for user, limit in (("alex", 1_000), ("bob", most)):
        world = World(root, Settings(max_per_turn=limit), user)
        chain(world, 30)
        world.drop("alone.jsonl", "\n".join(json.dumps({"id": f"a{n}", "raw_text": f"Alone {n}."}) for n in range(10)))
        world.reconcile()
        move_all(world)
        world.reconcile()
        results.append(([r["candidate_id"] for r in world.receipts()], world.record()))
    (ids, record), (limited_ids, limited_record) = results
    assert limited_ids == ids
    assert {k: v for k, v in limited_record.items() if k != "self.md"} == {
        k: v for k, v in record.items() if k != "self.md"
    }


def test_a_turn_without_time_still_gets_on_and_comes_to_the_same(root: Root, no_time: None) -> None:
    world = World(root)
    ids = chain(world, 40)
    for number in range(5):
        world.drop(f"bad{number}.json", "{}")
        world.drop(f"good{number}.json", {"id": f"g{number}", "raw_text": "Fine."})
    world.reconcile()
    assert set(world.gate_ids()) == {*ids, *(f"g{number}" for number in range(5))}
    assert len(world.names("problems")) == 10
    move_all(world)
    (world.place.approved / "never-staged.txt").write_text("A text.")
    world.reconcile()
    done = [r["candidate_id"] for r in world.receipts()]
    assert [name for name in done if name in ids] == ids
    assert len(done) == 45
    assert world.names("approved") == []
    assert len(world.gate()) == 1


def test_nothing_is_merged_on_half_a_look(root: Root, no_time: None) -> None:
    world = World(root)
    world.stage("one")
    world.stage("two")
    card = world.card("one")
    (world.place.rejected / card.name).write_bytes(card.read_bytes())
    world.move(card, "approved")
    world.move(world.card("two"), "approved")
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["two"]
    assert "at once" in world.card("one").read_text()


def test_a_look_that_takes_more_than_its_part_of_a_turn_is_a_flood(root: Root, no_time: None) -> None:
    """Else the events of thousands of moves hold up the event of another user's drop."""
    world = World(root)
    for number in range(4):
        world.stage(f"n{number}")
    for number in range(4):
        world.move(world.card(f"n{number}"), "approved")
    found: list[int] = []
    world.reconciler.found = found.append
    outcome = world.reconciler.reconcile("alex")
    assert outcome.more
    assert not world.receipts()
    assert max(found) >= 32


def test_a_card_that_is_edited_between_two_turns_is_merged_as_edited(root: Root, no_time: None) -> None:
    world = World(root)
    for number in range(4):
        world.stage(f"n{number}", f"Text {number}.")
    cards = [world.move(world.card(f"n{number}"), "approved") for number in range(4)]
    while len(world.reconciler._states["alex"].read_cards) < 3:  # it is read, and not yet decided
        world.reconciler.reconcile("alex")
    assert not world.receipts()
    seen = sorted(world.reconciler._states["alex"].read_cards)[0]
    [edited] = [card for card in cards if os.fspath(card) == seen]
    edited.write_bytes(edited.read_bytes().replace(b"Text ", b"Changed ", 1))
    world.reconcile()
    assert sorted(r["raw_text"].split()[0] for r in world.receipts()) == ["Changed", "Text", "Text", "Text"]


def test_cards_that_must_rest_are_waited_for_not_looked_at_all_the_while(root: Root, no_time: None) -> None:
    world, turns = World(root), 0
    for number in range(4):
        world.stage(f"n{number}", f"Text {number}.")
    for number in range(4):
        card = world.card(f"n{number}")
        card.write_text(card.read_text().replace("Text ", "Changed ", 1))
        world.move(card, "approved")
    while len(world.receipts()) < 4:
        outcome = world.reconciler.reconcile("alex")
        turns += 1
        assert turns < 40
        if not outcome.more:
            time.sleep(outcome.due or 0)


def test_contrary_and_circular_decisions_go_back_a_few_in_a_turn(
    root: Root, no_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send_back = apply._ONE_BY_ONE[ReturnWithNote]

    def counting(*args: Any) -> None:
        sent[-1] += 1
        send_back(*args)

    monkeypatch.setitem(apply._ONE_BY_ONE, ReturnWithNote, counting)
    world = World(root)
    for number in range(6):
        world.stage(f"x{number}", link_to_evidence_id=f"x{(number + 1) % 6}")
        world.stage(f"y{number}")
    for number in range(6):
        card = world.card(f"y{number}")
        (world.place.rejected / card.name).write_bytes(card.read_bytes())
        world.move(card, "approved")
        world.move(world.card(f"x{number}"), "approved")

    def all_done() -> bool:
        sent.append(0)
        world.reconciler.reconcile("alex")
        return len(world.names("pending")) + len(world.reconciler.held().get("alex", {})) == 12

    wait_for(all_done)
    assert max(sent) <= 2
    assert not world.receipts()
    assert all("at once" in world.card(f"y{number}").read_text() for number in range(6))
    # One card of a circle is enough to open it: those that did not go back wait for the one that did.
    back = [number for number in range(6) if world.cards(f"x{number}")]
    assert back
    assert len(back) + len(world.reconciler.held()["alex"]) == 6


def test_drops_that_are_refused_for_a_full_gate_are_refused_a_few_in_a_turn(root: Root, no_time: None) -> None:
    world = World(root, Settings(max_gate_bytes=500))
    world.stage("first", "x" * 500)
    for number in range(20):
        world.drop(f"n{number}.json", {"raw_text": "One more."})
    refused = []
    while world.reconciler.reconcile("alex").more:
        refused.append(len(world.names("problems")) // 2)
    assert all(b - a <= 2 for a, b in pairwise(refused))
    assert "max_gate_bytes" in world.why("n7.json")
    assert world.gate_ids() == ["first"]


def test_what_a_turn_reads_and_makes_has_a_limit(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe_drops, "_BYTES_LIMIT", 2_000)
    monkeypatch.setattr(turn, "_BYTES_LIMIT", 3_000)
    monkeypatch.setattr(UserState, "late", lambda self, until: False)
    world = World(root, Settings(max_per_turn=10))
    for number in range(12):
        world.drop(f"n{number}.json", {"id": f"n{number}", "raw_text": "x" * 900})
    lines = "\n".join(json.dumps({"raw_text": f"Line {number}."}) for number in range(10))
    for number in range(3):
        world.drop(f"many{number}.jsonl", lines)
    sizes = [0]

    def all_staged() -> bool:
        world.reconciler.reconcile("alex")
        sizes.append(len(world.gate()))
        return sizes[-1] == 42

    wait_for(all_staged)
    assert max(b - a for a, b in pairwise(sizes)) <= 12
    world.reconcile()
    move_all(world)
    done = [0]
    while len(done) < 2 or done[-1] < 42:
        world.reconciler.reconcile("alex")
        done.append(len(world.receipts()))
    assert max(b - a for a, b in pairwise(done)) <= 5


def _logged(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [line for r in caplog.records for line in r.getMessage().split("\n") if line.startswith(f"event={event} ")]


def _a_look_later(world: World) -> None:
    """Another turn, when `look_seconds` are over for what is counted."""
    world.reconciler._states[world.user].events.said_until = 0.0
    world.reconcile()


def test_thousands_of_folders_that_cannot_be_moved_hold_up_nobody_and_fill_no_log(
    root: Root, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "recursion_gate")
    access, replace, tried = os.access, atomic.replace, []

    def as_who_is_not_root(path: str, mode: int, **more: Any) -> bool:
        return bool(os.stat(path).st_mode & 0o200) and access(path, mode, **more)

    def noting(path: Any, *args: Any, **more: Any) -> Any:
        tried.append(path)
        return replace(path, *args, **more)

    monkeypatch.setattr(os, "access", as_who_is_not_root)
    monkeypatch.setattr(atomic, "replace", noting)
    world = World(root, Settings(unknown_ending_seconds=0, settle_seconds=0))
    for number in range(12_000):
        (world.place.inbox / f"f{number}").mkdir(mode=0)
    world.drop("fine.json", {"id": "fine", "raw_text": "Fine."})
    wait_for(lambda: not world.reconciler.reconcile("alex").more)
    assert world.gate_ids() == ["fine"]
    assert len(tried) == 1, "only the gate was written: no reason for what cannot be moved"
    assert len(_logged(caplog, "cannot-move")) == 5
    _a_look_later(world)
    assert _logged(caplog, "cannot-move")[5:] == ["event=cannot-move user=alex id=inbox/alex more=11995"]
    _a_look_later(world)
    assert len(_logged(caplog, "cannot-move")) == 6, "what is known is not told again"
    world.place.inbox.joinpath("f7").chmod(0o755)
    world.restart()
    world.reconcile()
    assert world.names("problems") == ["f7.why.txt"]


def test_thousands_of_decisions_that_wait_fill_no_log(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "recursion_gate")
    world = World(root)
    ids = chain(world, 60)
    for name in ids[1:]:
        world.move(world.card(name), "approved")
    world.reconcile()
    assert len(world.reconciler.held()["alex"]) == 59
    assert len(_logged(caplog, "waits")) == 5
    _a_look_later(world)
    assert _logged(caplog, "waits")[5:] == ["event=waits user=alex id=inbox/alex more=54"]


def test_a_stop_that_is_asked_for_is_heard_within_a_turn(root: Root) -> None:
    reconciler = Reconciler(root, Settings())
    world = World(root)
    for number in range(300):
        world.drop(f"n{number}.json", {"id": f"n{number}", "raw_text": "One of many."})
    asked = [0]

    def stopping() -> bool:
        asked[0] += 1
        return asked[0] > 5

    reconciler.stopping = stopping
    assert reconciler.reconcile("alex").more
    assert 0 < len(world.gate()) < 20


def test_the_service_manager_is_fed_within_a_turn(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(root, Settings(), poll=True)
    fed = [0]

    def beat(self: Heartbeat) -> None:
        fed[0] += 1

    monkeypatch.setattr(Heartbeat, "beat", beat)
    world = World(root)
    for number in range(30):
        world.drop(f"n{number}.json", {"raw_text": "One of many."})
    reconcile, within = Reconciler.reconcile, []

    def noting(self: Reconciler, user: str) -> Any:
        before = fed[0]
        outcome = reconcile(self, user)
        within.append(fed[0] - before)
        if user == "alex" and not outcome.more:
            service.stop()
        return outcome

    monkeypatch.setattr(Reconciler, "reconcile", noting)
    service.run()
    assert max(within) >= 29


@pytest.mark.parametrize("limit", ["number", "time to read", "time to apply"])
def test_a_torn_card_that_a_turn_does_not_come_to_is_replaced_by_the_next_one(
    root: Root, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """A machine under load may stop the daemon anywhere for longer than a part of a turn may take."""
    world = World(root, Settings(max_per_turn=1 if limit == "number" else 100, patience_seconds=0, settle_seconds=0))
    names = sorted(world.stage(name, f"Looked at the moon, {name}.").name for name in ("aa", "bb", "cc"))
    for name in names:
        card = world.place.pending / name
        card.write_bytes(bytes(len(card.read_bytes())))
    world.restart()
    read, carry_out = observe_cards.pending_strays, apply.apply

    def only_one(state: UserState, actions: Sequence[Action], *args: Any, **more: Any) -> list[Action]:
        these = actions[:1] if any(isinstance(action, Discard) for action in actions) else actions
        return [*carry_out(state, these, *args, **more), *actions[len(these) :]]

    if limit == "time to read":
        monkeypatch.setattr(
            observe_cards, "pending_strays", lambda state, paths, held, until: read(state, paths, held, 0)
        )
    elif limit == "time to apply":
        monkeypatch.setattr(turn, "apply", only_one)
    world.reconcile()
    assert world.names("pending") == names
    assert world.names("problems") == []
    assert all(world.card(name).read_bytes().endswith(b"\n") for name in ("aa", "bb", "cc"))


def test_a_torn_card_that_a_stop_left_taken_aside_beside_its_whole_one_is_removed(root: Root) -> None:
    world = World(root, Settings(patience_seconds=0, settle_seconds=0))
    card = world.stage("a", "Looked at the moon.")
    whole = card.read_bytes()
    (card.parent / f".recursion-gate.0.{card.name}").write_bytes(bytes(len(whole)))
    world.restart()
    world.reconcile()
    assert (world.names("pending"), card.read_bytes()) == ([card.name], whole)
    assert world.names("problems") == []
