"""`verify` after a stop: what was cut short is a note until the daemon has finished it."""

from __future__ import annotations

import shutil

import pytest
from recursion_gate.disk import atomic

from ..support.audited import Stop, StopsAt, codes, faults, look
from ..support.world import World


@pytest.mark.parametrize(
    "name", ["self-evidence.md", "self-knowledge.md", "self-skill-think.md", "recursion-gate.json"]
)
def test_a_merge_that_was_cut_short_is_a_note_until_the_daemon_has_finished_it(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(atomic, "calls", StopsAt(name))
    with pytest.raises(Stop):
        world.approve("waits-1", "waits-2")
    monkeypatch.undo()
    (finding,) = look(world).findings
    assert (finding.severity, finding.code) == ("note", "unfinished")
    assert "receipts 9 and 10" in finding.problem
    world.restart()
    world.reconcile()
    assert look(world).findings == []


def _undone_append(world: World) -> tuple[bytes, bytes]:
    """The receipts before an append of two, and those appended; all else stands as it stood before."""
    gate, ledger = world.place.gate.read_bytes(), world.place.ledger.read_bytes()
    before = world.record()
    world.approve("waits-1", "waits-2")
    appended = world.place.ledger.read_bytes()[len(ledger) :]
    for name, data in before.items():
        (world.place.home / name).write_bytes(data)
    world.place.gate.write_bytes(gate)
    shutil.rmtree(world.place.month(world.receipts()[-1]["merged_at"]))
    return ledger, appended


@pytest.mark.parametrize("rest", [0, 1, 2])
def test_an_append_that_was_cut_short_is_a_note_until_the_daemon_has_mended_it(world: World, rest: int) -> None:
    """Cut anywhere, of two receipts in one append."""
    ledger, appended = _undone_append(world)
    for size in range(1 + rest, len(appended), 97):
        world.place.ledger.write_bytes(ledger + appended[:size])
        proof = look(world)
        assert proof.holds, (size, proof.findings)
        assert set(codes(proof.findings)) <= {"append-cut-short", "unfinished", "card-missing"}
        assert appended[:size].endswith(b"\n") or "append-cut-short" in codes(proof.findings)


def test_what_a_changed_last_byte_leaves_is_no_append_that_was_cut_short(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "calls", StopsAt("self-evidence.md"))
    with pytest.raises(Stop):
        world.approve("waits-1")
    data = world.place.ledger.read_bytes()
    for last in (b" ", b"x", b"\r"):
        world.place.ledger.write_bytes(data[:-1] + last)
        assert faults(look(world)) == ["receipt-unreadable"]


def test_a_hole_that_a_power_cut_left_in_an_append_is_a_note_until_the_daemon_has_mended_it(world: World) -> None:
    ledger, appended = _undone_append(world)
    hole = bytes(512)
    for at in (0, 100, len(appended) - 512):
        world.place.ledger.write_bytes(ledger + appended[:at] + hole + appended[at + 512 :])
        proof = look(world)
        assert proof.holds
        assert "append-cut-short" in codes(proof.findings)
    world.restart()
    world.reconcile()
    assert look(world).findings == []
    world.place.ledger.write_bytes(hole + ledger[512:])  # the same among receipts that were long on the disk
    assert "receipt-unreadable" in faults(look(world))
