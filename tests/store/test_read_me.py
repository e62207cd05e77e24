"""The page that explains an inbox to the person who opens it."""

from __future__ import annotations

import stat

from recursion_gate.core.paths import Place, Root
from recursion_gate.store import read_me

from ..support.world import World


def test_an_inbox_explains_itself_from_the_first_turn_on(root: Root, place: Place) -> None:
    World(root).reconcile()
    text = place.read_me.read_text()
    for state in ("pending", "approved", "rejected", "problems"):
        assert f'"{state}"' in text
    assert f"users/{place.user}/" in text
    assert stat.S_IMODE(place.read_me.stat().st_mode) == 0o644


def test_a_page_that_a_person_has_written_stays(place: Place) -> None:
    place.read_me.write_text("Mine.\n")
    read_me.put(place)
    assert place.read_me.read_text() == "Mine.\n"


def test_the_page_is_no_drop(root: Root, place: Place) -> None:
    world = World(root)
    world.reconcile()
    world.restart()
    world.reconcile()
    assert place.read_me.exists()
    assert (world.gate(), world.names("problems")) == ([], [])
