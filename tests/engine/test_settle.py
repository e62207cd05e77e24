"""When a file is complete, and what lies in pending/: no clock and no file's time decides, only our own looks."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.disk import mounts, untrusted
from recursion_gate.doctor import doctor
from recursion_gate.engine import events, observe_cards, observe_drops, pending, settle, turn, user_state
from recursion_gate.engine.settle import Looks
from recursion_gate.service.daemon import Service
from recursion_gate.service.once import once
from recursion_gate.service.watcher import Watch

from ..support.daemon import run_here
from ..support.world import World, wait_for

_WHEN = 1_790_000_000


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


# -- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leases", [True, False], ids=["with leases", "without leases"])
@pytest.mark.parametrize("ahead", [3, 3600], ids=["the file server's is 3 s behind", "it jumps an hour"])
def test_a_clock_that_differs_or_jumps_gets_no_half_sentence_staged(
    world: World, monkeypatch: pytest.MonkeyPatch, leases: bool, ahead: float
) -> None:
    if not leases:
        monkeypatch.setattr(untrusted, "_open_elsewhere", lambda fd: None)
    real = time.time
    path = world.place.inbox / "notes.txt"
    path.write_text("I learned to wait")
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    assert world.reconciler.reconcile("alex").due is not None
    assert world.gate() == []
    with open(path, "a") as more:
        more.write(" for the tide.")
    wait_for(lambda: world.reconcile() and world.gate())
    assert [c["raw_text"] for c in world.gate()] == ["I learned to wait for the tide."]


def test_a_clock_that_is_set_back_holds_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    world.drop("notes.txt", "Fine.")
    world.reconcile()
    assert [c["raw_text"] for c in world.gate()] == ["Fine."]


def test_a_clock_that_jumps_does_not_end_the_grace_time(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(root, Settings(grace_seconds=60))
    world.move(world.stage("a"), "approved")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    world.reconcile()
    assert world.receipts() == []
    world.move(world.card("a", "approved"), "pending")
    world.reconcile()
    assert (world.gate_ids(), world.receipts()) == (["a"], [])


@pytest.mark.parametrize("keeps", [True, False], ids=["by one daemon", "by once, again and again"])
def test_an_edited_card_is_carried_out_when_the_grace_time_is_over(root: Root, keeps: bool) -> None:
    """It rests twice, until it is known that nobody writes it and for the grace time: neither ends the other."""
    world = World(root, Settings(grace_seconds=0.4))
    card = world.stage("a", "Looked at teh moon.")
    card.write_text(card.read_text().replace("teh", "the"))
    world.move(card, "approved")

    def carried_out() -> bool:
        if keeps:
            world.reconciler.reconcile("alex")
        else:
            once(root, world.settings)
        return bool(world.receipts())

    wait_for(carried_out)
    assert world.receipts()[0]["raw_text"] == "Looked at the moon."


def test_a_file_written_anew_within_a_tick_of_a_coarse_clock_has_not_rested(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same length, in place, with the same times as before: only its bytes tell."""
    world = World(root, Settings(settle_seconds=100))
    clock = _Clock()
    for module in (events, observe_cards, observe_drops, pending, settle, turn, user_state):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(untrusted, "_open_elsewhere", lambda fd: None)
    path = world.place.inbox / "notes.txt"
    for text in ("It is half past", "It is half gone"):
        path.write_text(text)
        os.utime(path, (_WHEN, _WHEN))
        world.reconciler.reconcile("alex")
        clock.now += 101
        if text.endswith("gone"):
            assert world.gate() == []
    world.reconciler.reconcile("alex")
    assert [c["raw_text"] for c in world.gate()] == ["It is half gone"]


class _Clock:
    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


# -- what lies in pending/ --------------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "many"])
def queue(request: pytest.FixtureRequest, root: Root, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two cards, a and b; with many, cards are looked at again at the periodic look only."""
    if request.param == "many":
        monkeypatch.setattr(pending, "_FEW_CARDS", 0)
    world = World(root, Settings(look_seconds=0.1))
    world.stage("a", "The first.")
    world.stage("b", "The second.")
    return world


def _comes_back(world: World, *ids: str) -> None:
    def there() -> bool:
        world.reconcile()
        return all(world.cards(i) for i in ids)

    wait_for(there)


def test_a_deleted_card_comes_back_where_times_are_coarse(queue: World) -> None:
    for _ in range(2):  # the folder's time is the same before and after
        os.utime(queue.place.pending, (_WHEN, _WHEN))
        queue.reconcile()
    queue.card("b").unlink()
    os.utime(queue.place.pending, (_WHEN, _WHEN))
    _comes_back(queue, "a", "b")


@pytest.mark.parametrize("how", ["mv", "cp"])
def test_a_card_that_another_one_was_put_over_comes_back(queue: World, how: str) -> None:
    for _ in range(2):
        os.utime(queue.place.pending, (_WHEN, _WHEN))
        queue.reconcile()
    a, b = queue.card("a"), queue.card("b")
    if how == "mv":
        a.rename(b)
    else:
        shutil.copyfile(a, b)
    _comes_back(queue, "a", "b")
    queue.approve("b")
    assert [r["raw_text"] for r in queue.receipts()] == ["The second."]


def test_of_very_many_cards_a_part_is_looked_at_each_time_and_all_in_the_end(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "_FEW_CARDS", 0)
    monkeypatch.setattr(pending, "_CHECKED_LIMIT", 3)
    world = World(root, Settings(look_seconds=0.05))
    ids = [f"c{number}" for number in range(10)]
    for i in ids:
        world.stage(i, f"Thing {i}.")
    first, *others = [world.card(i) for i in ids]
    for other in others:
        shutil.copyfile(first, other)
    _comes_back(world, *ids)


# -- names of files that are being written ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".filepart", ".download", ".opdownload", ".!ut", ".kate-swp", ".whatever", ""])
def test_a_file_of_an_unknown_ending_may_still_be_renamed(world: World, ending: str) -> None:
    path = world.place.inbox / f"upload{ending}"
    path.write_text('{"id": "a", "text": "Uploaded."}')
    due = world.reconcile().due
    assert due is not None
    assert 50 < due <= 60
    path.rename(world.place.inbox / "upload.json")
    world.reconcile()
    assert (world.gate_ids(), world.names("problems")) == (["a"], [])


def test_a_file_of_an_unknown_ending_is_refused_when_it_has_rested(root: Root) -> None:
    world = World(root, Settings(unknown_ending_seconds=0.4))
    world.drop("picture.png", b"\x89PNG")
    assert world.reconciler.reconcile("alex").due is not None
    assert world.names("problems") == []
    world.reconcile()
    assert world.names("problems") == ["picture.png", "picture.png.why.txt"]


CUT = [
    ("cut.json", '{"id": "a", "text": "Half of', ' it."}'),
    ("cut.jsonl", '{"id": "a", "text": "Half of', ' it."}\n'),
    ("cut.md", "---\nid: a\nskill_tag: WO", "RK\n---\nHalf of it.\n"),
    ("cut.md", "---\nid: a\n---\n", "Half of it.\n"),
]


@pytest.mark.parametrize(("name", "first", "rest"), CUT)
def test_a_drop_that_is_cut_short_is_given_patience_also_where_nobody_has_it_open(
    root: Root, name: str, first: str, rest: str
) -> None:
    world = World(root, Settings(settle_seconds=0.0, patience_seconds=30.0))
    path = world.place.inbox / name
    path.write_text(first)
    due = world.reconcile().due
    assert due is not None
    assert 20 < due <= 30
    assert world.names("problems") == []
    with open(path, "a") as more:
        more.write(rest)
    world.reconcile()
    assert world.gate_ids() == ["a"]


def test_once_leaves_what_must_rest_says_so_and_the_next_one_counts_on(root: Root) -> None:
    settings = Settings(settle_seconds=0.0, unknown_ending_seconds=0.5)
    world = World(root)
    path = world.drop("picture.png", b"\x89PNG")
    assert once(root, settings).resting == {"alex": [str(path)]}
    assert world.names() == ["picture.png"]
    wait_for(lambda: once(root, settings).resting == {})
    assert world.names("problems") == ["picture.png", "picture.png.why.txt"]


def test_once_carries_out_a_decision_whose_grace_time_is_over(root: Root) -> None:
    world = World(root)
    world.move(world.stage("a"), "approved")
    settings = Settings(settle_seconds=0.0, grace_seconds=0.5)
    assert list(once(root, settings).resting) == ["alex"]
    assert world.receipts() == []
    wait_for(lambda: once(root, settings) and world.receipts())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"boot": "another", "users": {}}', '{"boot": 1, "users": 3}'])
def test_a_broken_list_of_looks_only_makes_files_rest_anew(root: Root, text: str) -> None:
    root.daemon.mkdir()
    root.looks.write_text(text)
    World(root).drop("a.txt", "Fine.")
    once(root, Settings())
    assert len(World(root).gate()) == 1


def test_however_many_files_wait_each_has_rested_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "_LIMIT", 3)
    clock = _Clock()
    monkeypatch.setattr(settle, "time", clock)
    seen, waiting = Looks(), {f"{number}.txt" for number in range(20)}
    for _ in range(10):
        for path in sorted(waiting):
            if seen.quiet(path, "same") >= 1:
                seen.forget(path)
                waiting.remove(path)
        clock.now += 1
        if not waiting:
            break
    assert not waiting


def test_the_doctor_names_what_an_editor_has_left_beside_the_cards(world: World) -> None:
    card = world.stage("a")
    shutil.copy(card, f"{card}~")
    world.reconcile()
    assert world.names("pending") == [card.name, f"{card.name}~"]
    (finding,) = [f for f in doctor(world.root) if f.code == "left-alone"]
    assert finding.path == f"inbox/alex/pending/{card.name}~"


# -- file systems that tell only half ---------------------------------------------------------------------------------


def _mounted(monkeypatch: pytest.MonkeyPatch, folder: Path, at: Path, kind: str) -> None:
    text = f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / {at} rw - {kind} server:/srv rw\n"
    (folder / "mountinfo").write_text(text)
    monkeypatch.setattr(mounts, "MOUNTS", folder / "mountinfo")


KINDS = ["nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "9p", "virtiofs", "drvfs", "vboxsf"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["", "inbox", "inbox/alex", "inbox/alex/approved"])
def test_a_file_system_without_events_from_elsewhere_is_known_by_its_type(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    _mounted(monkeypatch, tmp_path, root.path / where, kind)
    assert f"{where or 'inbox'} ({kind})" in mounts.silent(root)
    (finding,) = [f for f in doctor(root) if f.code == "no-file-events"]
    assert kind in finding.problem


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "fuseblk", "overlay", "tmpfs"])
def test_a_local_file_system_is_not_polled(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _mounted(monkeypatch, tmp_path, root.path, kind)
    assert mounts.silent(root) == ""


def test_where_events_tell_only_half_it_also_polls_and_says_so(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mounted(monkeypatch, tmp_path, root.inbox, "nfs4")
    monkeypatch.setattr(Watch, "note", lambda *args, **more: None)  # as for what another machine does
    world = World(root)

    def elsewhere() -> None:
        world.drop("a.json", {"id": "a", "text": "From another machine."})
        wait_for(lambda: world.gate_ids() == ["a"])
        status = root.status.read_text()
        assert "events+polling" in status
        assert "inbox (nfs4)" in status

    run_here(Service(root, Settings(look_seconds=3600, poll_seconds=0.05)), elsewhere)
