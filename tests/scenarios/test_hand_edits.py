"""A person edits the Record by hand whenever they like, with any editor, and loses nothing by it (promise 7)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.disk.atomic import Calls

from ..support.world import World

KNOWLEDGE = "self-knowledge.md"


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _merged(world: World) -> int:
    return sum("Learned c1." in line for line in world.lines(KNOWLEDGE))


def test_a_record_file_that_is_being_saved_in_place_is_waited_for(world: World) -> None:
    world.stage("c1", "Learned c1.")
    path = world.place.home / KNOWLEDGE
    before = path.read_bytes()
    with path.open("wb") as editor:
        editor.write(before[: len(before) // 2])
        editor.flush()
        world.move(world.card("c1"), "approved")
        outcome = world.reconciler.reconcile("alex")
        assert outcome.due is not None
        assert outcome.due < 0.5
        assert (world.gate_ids(), world.receipts()) == (["c1"], [])
        assert world.reconciler.held()["alex"]["c1"] == "waits until nobody writes users/alex/self-knowledge.md"
        world.drop("c2.json", {"id": "c2", "text": "Nothing else waits."})
        world.reconciler.reconcile("alex")
        assert world.gate_ids() == ["c1", "c2"]
        editor.write(before[len(before) // 2 :] + b"mine\n")
    world.reconcile()
    assert _merged(world) == 1
    lines = world.lines(KNOWLEDGE)
    lines.remove(next(line for line in lines if "Learned c1." in line))
    assert lines == (before + b"mine\n").decode().splitlines()


def test_with_the_receipt_there_and_the_file_being_saved_the_merge_is_finished_later(world: World) -> None:
    world.stage("c1", "Learned c1.")
    world.move(world.card("c1"), "approved")
    path = world.place.home / KNOWLEDGE
    before = path.read_bytes()

    class SavedAfterTheReceipt(Calls):
        opened: int | None = None

        def fsync(self, fd: int) -> None:
            super().fsync(fd)
            if os.readlink(f"/proc/self/fd/{fd}").endswith("merge-receipts.jsonl") and self.opened is None:
                self.opened = os.open(path, os.O_WRONLY | os.O_TRUNC)

    with pytest.MonkeyPatch.context() as patch:
        calls = SavedAfterTheReceipt()
        patch.setattr(atomic, "calls", calls)
        assert world.reconciler.reconcile("alex").failed
        assert "another program is writing this file" in world.reconciler.problems["alex"]
        assert world.reconciler.problems["alex"].startswith("users/alex/self-knowledge.md: ")
        assert len(world.receipts()) == 1
        assert calls.opened is not None
        os.write(calls.opened, before + b"mine\n")
        os.close(calls.opened)
    world.reconcile()
    assert (world.reconciler.problems, world.gate_ids(), _merged(world)) == ({}, [], 1)
    assert "mine" in world.lines(KNOWLEDGE)


def _rename(path: Path) -> None:
    """As `sed -i` and most editors save."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes() + b"mine\n")
    other.rename(path)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"mine\n")


def _in_place(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data + b"mine\n")


@pytest.mark.parametrize("save", [_rename, _append, _in_place])
@pytest.mark.parametrize("when", ["before it is looked at", "at the very moment"])
def test_a_save_while_a_merge_is_under_way_is_kept(world: World, save: Callable[[Path], None], when: str) -> None:
    world.stage("c1", "Learned c1.")
    world.move(world.card("c1"), "approved")
    path = world.place.home / KNOWLEDGE
    before = path.read_bytes()
    saved: list[bool] = []

    class Meanwhile(Calls):
        def fsync(self, fd: int) -> None:
            super().fsync(fd)
            about = os.readlink(f"/proc/self/fd/{fd}")
            if when != "at the very moment" and about.endswith("users/alex/.recursion-gate.tmp") and not saved:
                save(path)
                saved.append(True)

        def exchange(self, old: str, new: str) -> None:
            if when == "at the very moment" and new == str(path) and not saved:
                save(path)
                saved.append(True)
            super().exchange(old, new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "calls", Meanwhile())
        world.reconcile()
    assert saved
    assert (world.reconciler.problems, world.gate_ids(), _merged(world)) == ({}, [], 1)
    lines = world.lines(KNOWLEDGE)
    lines.remove(next(line for line in lines if "Learned c1." in line))
    assert lines == (before + b"mine\n").decode().splitlines()
    assert sorted(p.name for p in world.place.home.iterdir() if not p.name.startswith(("self", "recursion"))) == []


def test_where_two_files_cannot_change_places_one_is_renamed_over_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    class Plain(Calls):
        def exchange(self, old: str, new: str) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(atomic, "calls", Plain())
    world.stage("c1", "Learned c1.")
    world.approve("c1")
    assert (world.reconciler.problems, world.gate_ids(), _merged(world)) == ({}, [], 1)
