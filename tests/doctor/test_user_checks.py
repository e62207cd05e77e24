"""`doctor` on one user's gate, receipts and Record."""

from __future__ import annotations

import json

import pytest
from recursion_gate.core.paths import Root

from ..support.audited import KNOWLEDGE, found
from ..support.world import World


def test_a_gate_that_does_not_parse_or_names_an_id_twice_is_a_fault(world: World) -> None:
    gate = world.gate()
    world.place.gate.write_text(json.dumps([*gate, gate[1]]))
    assert "waits-2" in found(world.root, "gate-id-twice").problem
    world.place.gate.write_text("[")
    assert found(world.root, "gate-unreadable").severity == "fault"


def test_a_full_gate_is_named(world: World) -> None:
    world.root.settings.write_text("max_pending = 2\n")
    assert "max_pending" in found(world.root, "gate-full").remedy


def test_a_candidate_and_a_decision_from_the_future_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage("late", created_at="2999-01-01T00:00:00Z")
    assert "late" in found(world.root, "future-created").problem
    monkeypatch.setenv("RECURSION_GATE_NOW", "2998-01-01T00:00:00+00:00")
    world.reject("late")
    assert "2998" in found(world.root, "clock-went-back").problem


def test_receipts_that_are_none_and_a_missing_baseline_are_faults(world: World) -> None:
    world.place.baseline.unlink()
    assert found(world.root, "baseline-missing").severity == "fault"
    world.place.ledger.write_bytes(world.place.ledger.read_bytes() + b"{}\n")
    assert found(world.root, "receipt-unreadable").severity == "fault"
    world.place.ledger.unlink()
    world.place.ledger.symlink_to(world.place.gate)
    assert "not a link" in found(world.root, "unreadable").remedy


@pytest.mark.parametrize(
    ("data", "code", "severity"),
    [
        (None, "record-missing", "note"),
        (b"# Knowledge\n", "heading-missing", "note"),
        (b"# Knowledge\n\xff\n", "record-unreadable", "fault"),
        (b"# Knowledge\n\0\n", "record-unreadable", "fault"),
    ],
)
def test_a_record_file_that_the_daemon_cannot_merge_into_is_named(
    healthy: Root, data: bytes | None, code: str, severity: str
) -> None:
    path = healthy.place("alex").home / KNOWLEDGE
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    finding = found(healthy, code)
    assert (finding.severity, finding.path) == (severity, "users/alex/self-knowledge.md")


def test_a_record_file_that_is_a_link_is_a_fault(healthy: Root) -> None:
    path = healthy.place("alex").home / KNOWLEDGE
    path.unlink()
    path.symlink_to("self.md")
    assert "symbolic link" in found(healthy, "record-unreadable").problem
