"""reconcile(user): one way for all work; a user that cannot be worked on stops nobody else (promises 5, 8, 9)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import aside
from recursion_gate.engine import reconcile
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.engine.settle import Settling

from ..support.roots import add_user, make_root
from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


@pytest.mark.parametrize("data", [b'[{"id": "x"', b"\0\0\0\0", b"{}", b'[{"id": "../x"}]', b"null"])
def test_a_gate_that_does_not_parse_is_never_overwritten_and_parks_its_user_only(world: World, data: bytes) -> None:
    add_user(world.root, "sam")
    sam = World(world.root, user="sam")
    world.place.gate.write_bytes(data)
    world.drop("a.json", {"id": "a", "text": "Waits."})
    sam.drop("b.json", {"id": "b", "text": "Goes on."})
    world.reconcile()
    sam.reconciler = world.reconciler
    sam.reconcile()
    assert world.place.gate.read_bytes() == data
    assert world.names() == ["a.json"]
    assert "users/alex/recursion-gate.json" in world.reconciler.problems["alex"]
    assert sam.gate_ids() == ["b"]
    world.place.gate.unlink()
    world.reconcile()
    assert world.gate_ids() == ["a"]
    assert world.reconciler.problems == {}


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b"])
def test_a_record_file_that_is_no_text_is_never_overwritten(world: World, data: bytes) -> None:
    path = world.place.home / "self-knowledge.md"
    path.write_bytes(data)
    world.stage("a", "I learned it.")
    world.approve("a")
    assert path.read_bytes() == data
    assert world.receipts() == []
    assert "self-knowledge.md" in world.reconciler.problems["alex"]
    path.write_bytes(b"## Topics / Understanding\n")
    world.reconcile()
    assert len(world.receipts()) == 1


def test_receipts_that_do_not_parse_park_the_user(world: World) -> None:
    world.stage("a")
    world.approve("a")
    world.stage("b")
    broken = world.place.ledger.read_bytes() + b'{"seq": 2}\n'
    world.place.ledger.write_bytes(broken)
    world.move(world.card("b"), "approved")
    world.reconcile()
    assert world.place.ledger.read_bytes() == broken
    assert "merge-receipts.jsonl" in world.reconciler.problems["alex"]


def test_an_inbox_of_nobody_is_left_alone_and_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = world.root.inbox / "robin"
    inbox.mkdir()
    (inbox / "a.json").write_text('{"text": "For Robin."}')
    due = world.reconciler.reconcile("robin").due
    assert due is not None, "it may be being added just now"
    assert not world.reconciler.unknown
    monkeypatch.setattr(reconcile, "_NEW", 0.0)
    world.reconciler.reconcile("robin")
    assert world.reconciler.unknown == {"robin"}
    assert [p.name for p in inbox.iterdir()] == ["a.json"]
    add_user_home(world.root, "robin")
    robin = World(world.root, user="robin")
    robin.reconciler = world.reconciler
    robin.reconcile()
    assert world.reconciler.unknown == set()
    assert [c["raw_text"] for c in robin.gate()] == ["For Robin."]


def add_user_home(root: Root, user: str) -> None:
    root.place(user).home.mkdir()


def test_folders_that_were_taken_away_are_made_again(world: World) -> None:
    import shutil

    world.stage("a")
    shutil.rmtree(world.place.inbox)
    world.reconcile()
    world.reconcile()
    assert world.card("a")
    assert world.place.approved.is_dir()


def test_an_older_gate_that_is_put_back_decides_nothing_anew(world: World) -> None:
    world.stage("a")
    older = world.place.gate.read_bytes()
    world.approve("a")
    after = world.record()
    world.place.gate.write_bytes(older)
    world.reconcile()
    assert world.gate() == []
    assert world.record() == after
    assert len(world.receipts()) == 1


def test_a_lost_gate_is_made_again_from_the_cards(world: World) -> None:
    world.stage("a", "The first.")
    world.stage("b", "The second.", skill_tag="WORK")
    before = world.gate()
    world.place.gate.unlink()
    world.reconcile()
    assert sorted(c["id"] for c in world.gate()) == ["a", "b"]
    kept = ("id", "raw_text", "skill_tag", "suggested_ix_section", "mind_category", "created_at")
    assert sorted([c[k] for k in kept] for c in world.gate()) == sorted([c[k] for k in kept] for c in before)
    assert world.names("problems") == []


def test_a_lost_index_costs_nothing(world: World) -> None:
    world.root.daemon.mkdir()
    world.stage("a")
    world.approve("a")
    world.reconciler.close()
    for path in world.root.daemon.iterdir():
        path.write_bytes(b"garbage")
    world.restart()
    world.drop("again.json", {"id": "a", "raw_text": "Looked at the moon."})
    world.reconcile()
    assert world.gate() == []


def test_keeping_again_changes_no_byte(world: World) -> None:
    from ..support.world import tree

    world.stage("a")
    world.stage("b")
    world.approve("a")
    before = tree(world.root.path)
    for _ in range(3):
        world.restart()
        world.reconcile()
    assert tree(world.root.path) == before


def test_a_users_flood_leaves_the_next_user_its_turn(root: Root) -> None:
    add_user(root, "sam")
    reconciler = Reconciler(root, Settings(max_per_turn=5))
    alex, sam = World(root), World(root, user="sam")
    for number in range(40):
        alex.drop(f"{number}.json", {"text": f"Number {number}."})
    sam.drop("one.json", {"id": "one", "text": "Just one."})
    assert reconciler.reconcile("alex").more
    reconciler.reconcile("sam")
    assert len(alex.gate()) == 5
    assert sam.gate_ids() == ["one"]


def test_a_card_left_over_that_may_still_be_written_is_waited_for_not_spun_on(world: World) -> None:
    import shutil

    card = world.stage("a", "Wrote the story.")
    copy = shutil.copy(card, card.with_name("copy.md"))
    world.move(card, "approved")
    with open(copy, "a") as file:  # a person is about to add to the copy
        file.write("More.")
        file.flush()
        turns = [world.reconciler.reconcile("alex") for _ in range(5)]
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]
    assert not turns[-1].more
    world.reconcile()
    assert world.names("pending") == []


# -- what is announced before it is done ------------------------------------------------------------------------------


def test_what_only_waits_is_not_announced_at_each_look(root: Root) -> None:
    """Else it would pass for a flood, for as long as it waits."""
    world = World(root)
    world.drop("target.json", {"id": "target", "text": "What the others link to."})
    for number in range(5):
        world.drop(f"{number}.json", {"id": f"c{number}", "text": f"Number {number}.", "link_to_evidence_id": "target"})
    world.reconcile()
    for number in range(5):
        world.move(world.card(f"c{number}"), "approved")
    found: list[int] = []
    world.reconciler.found = found.append
    world.reconcile()
    assert sum(found) == 5
    found.clear()
    world.reconcile()
    assert sum(found) == 0
    world.move(world.card("target"), "approved")
    world.reconcile()
    assert len(world.receipts()) == 6


def test_a_file_name_cannot_write_lines_of_its_own_into_the_log(
    root: Root, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(root)
    (world.place.inbox / "a\nevent=approved user=alex id=x.json").write_text("{")

    def full(old: object, *more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(old))

    monkeypatch.setattr(aside, "take_away", full)
    os.utime(world.place.inbox / "a\nevent=approved user=alex id=x.json", (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(Settling, "check", lambda *args, **more: None)
        world.reconcile()
    assert world.reconciler.problems
    for told in [*world.reconciler.problems.values(), *(r.getMessage() for r in caplog.records)]:
        assert "\n" not in told


def test_the_states_of_users_who_are_left_alone_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recursion_gate.engine.reconcile._STATES_LIMIT", 3)
    users = [f"user{n}" for n in range(8)]
    root = make_root(tmp_path / "many", *users)
    reconciler = Reconciler(root, Settings())
    worlds = [World(root, user=user) for user in users]
    for n, world in enumerate(worlds):
        world.drop("a.json", {"id": f"a{n}", "text": "x"})
        while reconciler.reconcile(world.user).more:
            pass
        assert len(reconciler._states) <= 3
    for n, world in enumerate(worlds):  # what was on them is read again
        world.move(world.card(f"a{n}"), "approved")
        while reconciler.reconcile(world.user).more:
            pass
        assert [receipt["candidate_id"] for receipt in world.receipts()] == [f"a{n}"]
        assert len(reconciler._states) <= 3
    reconciler.close()
