"""A file renamed over another at the instant between a look and what follows from it (contract: promise 1)."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root, aside_name, is_aside, is_ignored, original_name
from recursion_gate.disk import aside, atomic, syscalls, untrusted
from recursion_gate.disk.atomic import Calls
from recursion_gate.disk.untrusted import is_still, mark_at

from ..support.world import World
from ..torture import renames
from ..torture.disk import Killed


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _drop(text: str) -> bytes:
    return json.dumps({"raw_text": text}).encode()


class Meanwhile(Calls):
    """Does something once, just before the file at `path` is removed or moved; may die `after` so many calls more."""

    def __init__(self, path: Path, do: Callable[[], object], die_after: int | None = None) -> None:
        self.path, self.do, self.left = str(path), do, die_after
        self.done = False

    def _first(self, path: str) -> None:
        if path == self.path and not self.done:
            self.done = True
            self.do()
        elif self.done and self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def rename(self, old: str, new: str) -> None:
        self._first(old)
        super().rename(old, new)

    def rename_new(self, old: str, new: str) -> None:
        self._first(old)
        super().rename_new(old, new)

    def unlink(self, path: str) -> None:
        self._first(path)
        super().unlink(path)


def _over(path: Path, data: bytes) -> None:
    other = path.with_name(".other")
    other.write_bytes(data)
    other.rename(path)


def test_a_drop_renamed_over_another_between_look_and_removal_is_staged_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("latest.json", _drop("The first."))
    monkeypatch.setattr(atomic, "calls", Meanwhile(path, lambda: _over(path, _drop("The second."))))
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["The first.", "The second."]
    assert world.names() == []


@pytest.mark.parametrize("calls", range(6))
def test_a_stop_at_that_very_moment_loses_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    path = world.drop("latest.json", _drop("The first."))
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "calls", Meanwhile(path, lambda: _over(path, _drop("The second.")), calls))
        try:
            world.reconcile()
        except Killed:
            world.restart()
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["The first.", "The second."]
    assert world.names() == []


def test_what_a_stop_left_aside_is_read_under_its_own_name_though_that_is_taken(world: World) -> None:
    world.drop("latest.json", _drop("The first."))
    world.reconcile()
    (first,) = world.gate_ids()
    again = world.drop("x.json", _drop("The second."))
    again.rename(world.place.inbox / aside_name("latest.json"))
    world.drop("latest.json", _drop("The third."))
    world.restart()
    world.reconcile()
    assert [c["source"] for c in world.gate()] == ["latest.json"] * 3
    assert world.gate_ids()[0] == first
    assert world.names() == []


def test_a_good_drop_renamed_over_a_bad_one_is_staged_and_the_bad_ones_reason_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("latest.json", b'{"raw_text": "", "nonsense": 1}')
    monkeypatch.setattr(atomic, "calls", Meanwhile(path, lambda: _over(path, _drop("Good."))))
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Good."]
    assert (world.names(), world.names("problems")) == ([], [])


def test_a_good_drop_put_in_the_place_of_what_is_no_file_is_staged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.place.inbox / "latest.json"
    world.place.inbox.mkdir(exist_ok=True)
    path.symlink_to("/nowhere")
    real = untrusted.look

    def look_and_replace(at: Path | str, *args: int, **more: bool) -> object:
        try:
            return real(at, *args, **more)
        except Exception:
            _over(path, _drop("Good."))
            raise

    with monkeypatch.context() as patch:
        patch.setattr(untrusted, "look", look_and_replace)
        world.reconciler.reconcile(world.user)
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Good."]
    assert (world.names(), world.names("problems")) == ([], [])


def test_an_edit_saved_over_a_card_as_it_is_cleared_from_approved_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = world.move(world.stage("c1", "Learned of the moon."), "approved")
    edited = card.read_bytes().replace(b"the moon", b"the sun")
    monkeypatch.setattr(atomic, "calls", Meanwhile(card, lambda: _over(card, edited)))
    world.reconcile()
    assert [r["raw_text"] for r in world.receipts()] == ["Learned of the moon."]
    assert world.names("approved") == []
    (kept,) = [n for n in world.names("problems") if not n.endswith(".why.txt")]
    assert b"the sun" in (world.place.problems / kept).read_bytes()


def test_a_card_that_a_stop_left_aside_counts_where_it_lies(world: World) -> None:
    for name, taken in (("c1", False), ("c2", True)):
        card = world.move(world.stage(name, f"Learned {name}."), "approved")
        card.rename(card.with_name(aside_name(card.name)))
        if taken:
            card.write_text("Something else.")
    world.restart()
    world.reconcile()
    assert sorted(r["candidate_id"] for r in world.receipts()) == ["c1", "c2"]
    assert world.names("approved") == []


def test_an_error_after_the_exchange_leaves_a_save_where_it_belongs(tmp_path: Path) -> None:
    path = tmp_path / "self.md"
    path.write_text("read")
    seen = mark_at(path)

    def still(at: str) -> bool:
        if at == str(path):
            if mark_at(at) != seen:
                return False
            _over(path, b"saved at that very moment")
            return True
        raise OSError(errno.EMFILE, "Too many open files", at)

    with pytest.raises(OSError, match="Too many"):
        atomic.replace(path, b"ours", still=still)
    assert path.read_text() == "saved at that very moment"
    assert os.listdir(tmp_path) == ["self.md"]


@pytest.mark.parametrize("missing", [errno.EINVAL, errno.ENOSYS])
def test_without_renameat2_nothing_is_renamed_over_another_file_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    def none(old: str, new: str, flag: int) -> None:
        raise OSError(missing, os.strerror(missing), old)

    monkeypatch.setattr(syscalls, "_renameat2", none)
    path, other = tmp_path / "x.json", tmp_path / aside_name("x.json")
    path.write_text("x")
    other.write_text("another")
    mark = mark_at(path)
    assert mark
    assert aside.put_back(other) == str(other)
    assert aside.take_away(path, is_still(mark))
    assert os.listdir(tmp_path) == [other.name]
    assert aside.put_back(other) == str(path)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", ["x.json", "a.0.b", "new\nline.md", ".hidden", aside_name("x.json", 7)])
def test_the_name_of_a_file_taken_aside_tells_its_own(name: str) -> None:
    assert original_name(aside_name(name, 12)) == name
    assert is_aside(aside_name(name))
    assert is_ignored(aside_name(name))


def test_versions_renamed_over_each_other_under_a_daemon_that_is_killed_are_all_there(tmp_path: Path) -> None:
    result = renames.run(tmp_path, 1_000, each=500)
    assert result.problems == []
    assert result.renames == 1_000
    assert result.staged > 50
    assert result.kills > 1
