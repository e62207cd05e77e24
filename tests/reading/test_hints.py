"""Hints before deciding: nearly the same as something, or a possible conflict with it."""

from __future__ import annotations

import json

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot
from recursion_gate.reading.hints import hints

from ..cli.test_cli import run
from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def found(world: World, candidate_id: str) -> list[tuple[str, str, str | None]]:
    taken = snapshot.snapshot(world.root, "alex")
    of = [c for c in taken.gate if c.id == candidate_id]
    one: list[tuple[str, str, str | None]] = [(h.kind, h.at, h.id) for h in hints(taken, of).get(candidate_id, [])]
    if len(taken.gate) == 1:
        assert [(h.kind, h.at, h.id) for h in hints(taken).get(candidate_id, [])] == one
    return one


def test_what_was_rejected_is_named_with_the_reason(world: World) -> None:
    card = world.stage("a", "Built a kite from bamboo and paper.")
    card.write_text(card.read_text().replace("id: a\n", "id: a\nreason: that was her brother\n"))
    world.reject("a")
    world.stage("b", "Built a kite from paper and bamboo.")
    assert found(world, "b") == [("near-duplicate", "rejected", "a")]
    said = run(world.root, "show", "b").output
    assert '! nearly the same: "Built a kite from bamboo and paper." was rejected on' in said
    assert "that was her brother" in said


def test_what_the_record_has_and_what_waits_is_named(world: World) -> None:
    world.stage("a", "Loves drawing dragons at night.")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    world.stage("b", "Loves to draw dragons at night.")
    assert found(world, "b") == [("near-duplicate", "record", act)]
    world.stage("c", "Hates drawing dragons at night.")
    assert ("possible conflict", "record", act) in found(world, "c")
    world.stage("d", "Planted tomatoes in the garden.")
    world.stage("e", "Planted tomatoes in a garden.")
    assert found(world, "e") == [("near-duplicate", "gate", "d")]


def test_a_correction_has_no_hint_about_the_entry_that_it_corrects(world: World) -> None:
    for name, text in (("a", "Loves drawing dragons at night."), ("b", "Loved to draw dragons by night.")):
        world.stage(name, text)
        world.approve(name)
    a, b = (receipt["evidence_id"] for receipt in world.receipts())
    world.stage("c", "Loves to draw dragons at night.", supersedes=a)
    assert {named for _, _, named in found(world, "c")} == {b}


def test_what_is_unlike_all_else_has_no_hint(world: World) -> None:
    world.stage("a", "Built a kite from bamboo.")
    world.reject("a")
    world.stage("b", "Read about whales.")
    assert found(world, "b") == []
    assert json.loads(run(world.root, "show", "b", "--json").stdout)["hints"] == []


def test_a_rejection_is_found_beside_a_near_duplicate_that_waits(world: World) -> None:
    world.stage("a", "Built a kite from bamboo and paper.")
    world.reject("a")
    world.stage("b", "Built a kite from bamboo and paper!")
    world.stage("c", "Built a kite from bamboo and paper?")
    taken = snapshot.snapshot(world.root, "alex")
    assert {h.at for h in hints(taken)["c"]} == {"gate", "rejected"}
