"""One writer a root, at every write (contract: promise 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import portalocker
import pytest
from recursion_gate.core.errors import AlreadyRunning
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.disk.atomic import Calls
from recursion_gate.disk.lock import Held, hold, holder

from ..support.daemon import Daemon
from ..support.world import World


class At(Calls):
    """Does something once, at a call that is made on a path that ends so."""

    def __init__(self, call: str, ending: str, do: Callable[[], object]) -> None:
        self.call, self.ending, self.do = call, ending, do
        self.done = False

    def _at(self, call: str, path: str) -> None:
        if (call, self.done) == (self.call, False) and path.endswith(self.ending):
            self.done = True
            self.do()

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        self._at("fsync", os.readlink(f"/proc/self/fd/{fd}"))


@pytest.mark.parametrize(
    ("ending", "receipts", "merged", "waits"),
    [
        ("receipts/alex/.recursion-gate.tmp", 0, False, True),  # before the receipts' append
        ("merge-receipts.jsonl", 1, False, True),  # before the exchange of a Record file
        ("users/alex", 1, True, True),  # before the gate's write
    ],
)
def test_a_holder_that_has_lost_its_place_ends_before_the_next_write(
    root: Root, monkeypatch: pytest.MonkeyPatch, ending: str, receipts: int, merged: bool, waits: bool
) -> None:
    world = World(root)
    world.move(world.stage("c1", "Learned of the moon."), "approved")
    second: list[Held] = []

    def another_takes_it() -> None:
        root.lock.unlink()
        second.append(Held(root))

    with hold(root) as held:
        world.reconciler.check = held.check
        world.restart()
        world.reconciler.check = held.check
        monkeypatch.setattr(atomic, "calls", At("fsync", ending, another_takes_it))
        with pytest.raises(AlreadyRunning):
            world.reconcile()
    second[0].release()
    assert len(world.receipts()) == receipts
    assert any("Learned of the moon." in line for line in world.lines("self-knowledge.md")) == merged
    assert (world.gate_ids() == ["c1"]) == waits
    assert not list(world.place.home.glob(".recursion-gate*"))
    monkeypatch.undo()
    world.restart()
    world.reconcile()
    assert [line.count("Learned of the moon.") for line in world.lines("self-knowledge.md")].count(1) == 1
    assert (len(world.receipts()), world.gate_ids()) == (1, [])


def test_with_the_lock_deleted_in_mid_turn_the_turn_begins_anew(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(root)
    world.move(world.stage("c1", "Learned of the moon."), "approved")
    with hold(root) as held:
        world.restart()
        world.reconciler.check = held.check
        monkeypatch.setattr(atomic, "calls", At("fsync", "merge-receipts.jsonl", root.lock.unlink))
        world.reconciler.reconcile(world.user)
        assert "taken away in mid-work" in world.reconciler.problems[world.user]
        world.reconciler.reconcile(world.user)
        world.reconcile()
        assert root.lock.exists()
    assert (world.reconciler.problems, len(world.receipts()), world.gate_ids()) == ({}, 1, [])


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_lock_that_is_a_link_is_refused_and_what_it_leads_to_left_alone(
    root: Root, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("Mine.")
    root.daemon.mkdir(exist_ok=True)
    link(precious, root.lock)
    with pytest.raises(OSError, match="lock"):
        Held(root)
    assert precious.read_text() == "Mine."


def test_two_who_reach_one_root_by_different_ways_do_not_both_write(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portalocker, "lock", lambda *args: None)  # as for two file systems that show the same folders
    first = Held(root)
    second = Held(root)
    with pytest.raises(AlreadyRunning):
        first.check()
    second.check()
    first.release()
    second.check()
    second.release()


def test_a_start_by_another_way_sees_that_the_holder_lives(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    with Daemon(root) as daemon:
        assert daemon.process is not None
        monkeypatch.setattr(portalocker, "lock", lambda *args: None)
        with pytest.raises(AlreadyRunning, match=f"process {daemon.process.pid} "):
            Held(root)
        daemon.kill()
        Held(root).release()
    assert holder(root) == os.getpid()


def test_a_lock_that_somebody_has_emptied_is_still_ours(root: Root) -> None:
    with hold(root) as held:
        root.lock.write_text("")
        held.check()
        assert holder(root) == os.getpid()
