"""What became of proposals: also of those in the inbox, and without reading all receipts for what never was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recursion_gate.clients import fates as module
from recursion_gate.clients.fates import fate, fates
from recursion_gate.clients.keys import Keys
from recursion_gate.clients.propose import propose
from recursion_gate.core.settings import Settings
from recursion_gate.store import jsonl

from ..support.roots import make_root
from ..support.world import World


def test_what_still_lies_in_the_inbox_is_listed_and_another_sources_is_not(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    mine = propose(root, "alex", "tutor", b'{"text": "Lies there."}', Settings(), Keys()).candidates[0].id
    propose(root, "alex", "tutor two", b'{"text": "Of another."}', Settings(), Keys())
    assert [(each.id, each.state, each.text) for each in fates(world.place, "tutor", 10)] == [
        (mine, "dropped", "Lies there.")
    ]
    world.reconcile()
    assert [(each.id, each.state) for each in fates(world.place, "tutor", 10)] == [(mine, "waiting")]


def test_what_never_was_is_told_by_the_index_and_not_by_reading_all_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_root(tmp_path, "alex")
    root.daemon.mkdir()
    world = World(root)
    for number in range(30):
        world.stage(f"n-{number}", f"Learned the number {number}.", source="tutor")
    world.approve(*(f"n-{number}" for number in range(30)))
    world.reconciler.close()
    monkeypatch.setattr(module, "_FEW", 0)
    read: list[bytes] = []
    really = jsonl.backwards

    def backwards(path: Path, size: int) -> Iterator[tuple[int, bytes]]:
        for at, line in really(path, size):
            read.append(line)
            yield at, line

    monkeypatch.setattr(jsonl, "backwards", backwards)
    assert fate(world.place, "n-0", "tutor").state == "approved"
    assert len(read) >= 30
    read.clear()
    assert fate(world.place, "never-was", "tutor").state == "unknown"
    assert read == []
    root.index.unlink()  # no index: then it is read
    assert fate(world.place, "never-was", "tutor").state == "unknown"
    assert len(read) >= 30
