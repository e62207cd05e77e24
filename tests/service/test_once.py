"""`once`: everything that waits is done, then it stops."""

from __future__ import annotations

from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.service.once import once

from ..support.roots import add_user
from ..support.world import World


def test_once_does_all_that_waits_for_all_users(root: Root) -> None:
    add_user(root, "sam")
    worlds = [World(root), World(root, user="sam")]
    for world in worlds:
        world.drop("a.txt", "Just written.")
    reconciler = once(root, Settings())
    assert [len(world.gate()) for world in worlds] == [1, 1]
    assert reconciler.problems == {}
    assert reconciler.unsettled == {}
