"""A user who is worth an archive, and the archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from recursion_gate.archive.pack import pack
from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot

from ..support.world import World, tree


@pytest.fixture
def world(root: Root) -> World:
    """Alex: one approved, one rejected, two waiting, a note of their own."""
    world = World(root)
    world.stage("c0", "Learned how tides work.")
    world.stage("c1", "Nothing much.")
    world.stage("c2", "Built a kite.", skill_tag="WORK", meta={"where": "garden"})
    world.stage("c3", "“Wrote” a letter — to grandma.", skill_tag="WRITE")
    world.approve("c0")
    world.reject("c1")
    (world.place.home / "notes").mkdir()
    (world.place.home / "notes" / "What: next?.md").write_text("More kites.\n")
    return world


def packed(world: World, path: Path) -> Path:
    data, _ = pack(snapshot.snapshot(world.root, "alex"), path.name)
    path.write_bytes(data)
    return path


def of_user(root: Root) -> dict[str, bytes]:
    return {p: d for p, d in tree(root.path).items() if p.startswith(("users/alex/", "receipts/alex/"))}
