"""`verify` on the gate and the cards."""

from __future__ import annotations

import json
import os
import shutil

from ..support.audited import KNOWLEDGE, codes, faults, look
from ..support.world import World


def test_an_older_gate_that_was_put_back_is_found(world: World) -> None:
    older = world.place.gate.read_bytes()
    world.approve("waits-1")
    world.stage("new")
    world.reject("new")
    world.place.gate.write_bytes(older)
    proof = look(world)
    assert faults(proof) == ["gate-decided"]
    assert "receipt 9" in proof.findings[0].problem
    world.restart()
    world.reconcile()
    assert look(world).findings == []


def test_a_gate_that_does_not_parse_is_found_and_the_rest_is_still_proven(world: World) -> None:
    world.place.gate.write_text('[{"id": "x"')
    proof = look(world)
    assert faults(proof) == ["gate-unreadable"]
    assert (proof.receipts, proof.pending) == (8, None)


def test_an_id_twice_at_the_gate_is_found(world: World) -> None:
    gate = world.gate()
    world.place.gate.write_text(json.dumps([*gate, gate[0]]))
    assert faults(look(world)) == ["gate-id-twice"]


def test_cards_that_are_gone_or_too_many_are_notes(world: World) -> None:
    world.card("waits-1").unlink()
    (world.place.pending / "notes.md").write_text("My notes.\n")
    proof = look(world)
    assert proof.holds
    assert codes(proof.findings) == ["card-extra", "card-missing"]
    assert {f.severity for f in proof.findings} == {"note"}


def test_a_card_that_is_decided_but_not_yet_carried_out_is_not_missing(world: World) -> None:
    world.move(world.card("waits-1"), "approved")
    assert look(world).findings == []


def test_a_persons_own_file_among_the_decided_cards_is_not_worth_a_word(world: World) -> None:
    month = next(world.place.receipts.glob("2*-*"))
    (month / "README.md").write_text("Read these again in spring.\n")
    card = next(month.glob("*cranes*"))
    shutil.copy(card, month / "a copy.md")
    card.unlink()
    assert look(world).findings == []


def test_what_is_not_a_plain_file_is_said_and_not_opened(world: World) -> None:
    for path in (world.place.gate, world.place.home / KNOWLEDGE):
        kept = path.rename(path.with_suffix(".kept"))
        os.mkfifo(path)
        assert not look(world).holds
        path.unlink()
        kept.rename(path)
    assert look(world).findings == []
