"""A user is removed, and may be added again (contract, "Commands")."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recursion_gate.admin.remove import remove_user
from recursion_gate.admin.setup import BadUser, add_user
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic

from ..support.daemon import Daemon, call
from ..support.world import World, tree, wait_for


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def put_back(root: Root, target: Path, user: str = "alex") -> None:
    for part in ("users", "inbox", "receipts"):
        os.rename(target / part, root.path / part / user)


def one_decided(world: World) -> None:
    world.stage("a", "Looked at the moon.")
    world.approve("a")


def test_a_removed_user_is_in_one_dated_folder_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECURSION_GATE_NOW", "2026-11-26T03:00:00Z")
    one_decided(world)
    before = tree(world.root.path)
    target = remove_user(world.root, "alex")
    assert target == world.root.removed / "alex-2026-11-26"
    assert world.root.users() == []
    assert world.root.removed.stat().st_mode & 0o777 == 0o700
    put_back(world.root, target)
    target.rmdir()
    world.root.removed.rmdir()
    assert tree(world.root.path) == before
    world.restart()
    world.stage("b")
    world.approve("b")
    assert [r["candidate_id"] for r in world.receipts()] == ["a", "b"]


def test_a_user_for_whom_something_waits_is_not_removed_unless_forced(world: World) -> None:
    world.stage("a")
    with pytest.raises(BadUser, match=r"1 entry at the gate.*--force"):
        remove_user(world.root, "alex")
    world.approve("a")
    world.drop("late.json", {"raw_text": "Late."})
    with pytest.raises(BadUser, match="1 file in the inbox"):
        remove_user(world.root, "alex")
    assert (remove_user(world.root, "alex", force=True) / "inbox" / "late.json").exists()


def test_who_is_no_user_is_not_removed(world: World) -> None:
    for name in ("nobody", "_template", "..", "alex/../alex"):
        with pytest.raises(BadUser, match="is no user"):
            remove_user(world.root, name)
    assert world.root.users() == ["alex"]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_removal_that_was_stopped_is_completed_by_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    one_decided(world)
    remove_user(world.root, "alex")
    add_user(world.root, "alex")
    moves = []
    move = atomic.move

    def stopping(*args: Path) -> None:
        moves.append(args)
        if len(moves) == stop:
            raise KeyboardInterrupt
        move(*args)

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "move", stopping)
        with pytest.raises(KeyboardInterrupt):
            remove_user(world.root, "alex")
    target = remove_user(world.root, "alex")
    assert sorted(p.name for p in target.iterdir()) == ["inbox", "receipts", "users"]
    assert len(list(world.root.removed.iterdir())) == 2
    assert world.root.users() == []
    assert not world.place.inbox.exists()
    assert not world.place.receipts.exists()


def test_a_user_added_again_works_at_once_while_the_daemon_runs(world: World) -> None:
    world.reconciler.close()
    with Daemon(world.root) as daemon:
        for again in range(3):
            world.drop("a.json", {"id": "a", "raw_text": f"Round {again}."})
            wait_for(lambda: world.cards("a"))
            world.move(world.card("a"), "approved")
            wait_for(world.receipts)
            wait_for(lambda: not world.gate())
            wait_for(lambda: not world.names("approved"))
            assert [r["raw_text"] for r in world.receipts()] == [f"Round {again}."]
            done = call(world.root, "user", "remove", "alex", input="y\n")
            assert done.returncode == 0, done.stderr
            assert call(world.root, "user", "add", "alex").returncode == 0
        assert "event=parked" not in daemon.log()
    assert call(world.root, "verify").returncode == 0


def test_receipts_that_are_gone_still_park_the_user(world: World) -> None:
    one_decided(world)
    remove_user(world.root, "alex")
    add_user(world.root, "alex")
    world.reconcile()
    world.stage("b")
    world.approve("b")
    os.rename(world.place.receipts, world.root.path / "elsewhere")
    world.drop("c.json", {"raw_text": "One more."})
    world.reconcile()
    assert "the receipts are gone" in world.reconciler.problems["alex"]


def test_the_receipts_of_who_had_the_name_before_are_not_taken_for_the_new_users(world: World) -> None:
    one_decided(world)
    old = remove_user(world.root, "alex")
    add_user(world.root, "alex")
    world.reconcile()
    world.stage("a", "Another alex looked at the moon.")
    world.approve("a")
    assert [r["raw_text"] for r in world.receipts()] == ["Another alex looked at the moon."]
    assert not verify(world.root, ["alex"])[0].findings
    assert (old / "receipts" / "merge-receipts.jsonl").exists()


def test_the_command_asks_first(root: Root) -> None:
    assert call(root, "user", "remove", "alex", input="n\n").returncode == 1
    assert root.users() == ["alex"]
    assert call(root, "user", "remove", "alex", "--yes").returncode == 0
    assert root.users() == []
