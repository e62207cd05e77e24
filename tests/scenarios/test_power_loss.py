"""The power may go at any instant: what was not synced may then be there, or not, or in part, or as NULs (contract:
promise 5). `tests.torture.disk` says exactly what is taken to be possible; docs/reliability.md says why what is synced
is enough. The same with more stories and more states is a command: `python -m tests.torture.power_loss`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from recursion_gate.admin import setup
from recursion_gate.clients import decide, stage
from recursion_gate.core.paths import RECORD_FILES, Root, is_ignored
from recursion_gate.core.settings import load_settings
from recursion_gate.disk import atomic
from recursion_gate.engine import filing
from recursion_gate.engine.reconcile import Reconciler
from recursion_gate.reading.snapshot import snapshot

from ..torture.disk import Boundary, Disk, Op, Tree
from ..torture.harness import chapters, differences, memory, power_cuts, settle, start_again, stopped_clock
from ..torture.stories import STORIES, ground

_SHORT = ["one", "rejected", "refused", "contradiction", "two-texts", "broken-card", "undo-rejection"]
_AFTERWARDS = ["undo", "correct", "retract", "forget-approved", "forget-corrected", "forget-again"]


@pytest.fixture
def folder() -> Iterator[Path]:
    with stopped_clock(), memory() as made:
        yield made


@pytest.mark.parametrize("name", _SHORT)
def test_every_tree_that_a_power_cut_may_leave_leads_to_the_same_bytes(name: str, folder: Path) -> None:
    for chapter in chapters(STORIES[name], folder / "story"):
        count = power_cuts(chapter, folder / "cut", most=10_000)
        assert not count.broken, "\n".join(count.broken)
        assert not count.sampled
        assert count.states > 5


@pytest.mark.parametrize("name", ["three", "copies", "never-staged", "no-evidence", "same-line", "many", *_AFTERWARDS])
def test_so_do_those_of_longer_stories(name: str, folder: Path) -> None:
    for chapter in chapters(STORIES[name], folder / "story"):
        count = power_cuts(chapter, folder / "cut", most=10 if name != "many" else 2)
        assert not count.broken, "\n".join(count.broken)


@pytest.mark.parametrize("name", ["one", "rejected", "copies"])
def test_nor_is_one_sync_of_the_disk_for_many_cards_less(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "_MANY", 1)
    for chapter in chapters(STORIES[name], folder / "story"):
        count = power_cuts(chapter, folder / "cut", most=40)
        assert not count.broken, "\n".join(count.broken)


@pytest.mark.parametrize("name", ["one", "refused", "contradiction", "undo-rejection"])
def test_what_a_killed_daemon_had_not_synced_is_synced_before_anything_is_built_on_it(name: str, folder: Path) -> None:
    """First a kill, then a start, then a power cut."""
    for chapter in chapters(STORIES[name], folder / "story"):
        count = power_cuts(chapter, folder / "cut", most=40, after_kill=lambda call: True)
        assert not count.broken, "\n".join(count.broken)


@pytest.mark.parametrize("name", ["one", "rejected"])
def test_a_move_that_the_power_cut_undoes_was_made_or_was_not(name: str, folder: Path) -> None:
    """Nobody syncs what a person does in a file manager. The daemon may have seen the move, and the disk not: then the
    card is back in pending/. The entry is decided as a whole, with its receipt, or waits as if nothing had been."""
    chapter = chapters(STORIES[name], folder / "story")[1]
    (moved,) = [p for p in chapter.before.files if p.startswith(("inbox/alex/approved/", "inbox/alex/rejected/"))]
    pending = f"inbox/alex/pending/{Path(moved).name}"
    waits = Tree(
        tuple((pending if p == moved else p, d, None if p == moved else m) for p, d, m in chapter.before.items)
    )
    boundary = Boundary()
    settle(start_again(chapter.before, folder / "played"), boundary)
    disk = Disk(folder / "played", waits)
    disk.apply(Op("rename", str(folder / "played" / pending), other=str(folder / "played" / moved)))
    ends: set[str] = set()
    tried: set[bytes] = set()
    for op in boundary.ops:
        if op.name == "syncfs":  # that is at the start; a daemon that has been running for a while does not do it
            continue
        disk.apply(op)
        for tree in disk.after_power_cut(10_000, random.Random(0)):
            if tree.digest not in tried:
                tried.add(tree.digest)
                place = start_again(tree, folder / "cut")
                settle(place)
                ends.add("decided" if not differences(chapter.after, place) else "waits")
                if differences(chapter.after, place):
                    begun = ("receipts/alex/baseline.json is", "receipts/alex/merge-receipts.jsonl is too many: b''")
                    assert not [d for d in differences(waits.files, place) if not d.startswith(begun)]
    assert ends == {"decided", "waits"}
    assert len(tried) > 50


@pytest.mark.parametrize("running", [False, True])
def test_a_user_whose_folders_nobody_has_synced_loses_nothing_either(
    running: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were made by hand, or by a command that was killed, before the daemon was started or while it runs."""
    chapter = chapters(STORIES["one"], folder / "story")[0]
    place = start_again(chapter.before, folder / "played")
    boundary = Boundary()
    reconciler = Reconciler(Root(place.root), load_settings(Root(place.root)))
    if running:
        setup.add_user(reconciler.root, "sam")
        hidden = place.home.rename(folder / "hidden")
        (reconciler.root.place("sam").inbox / "mine.md").write_text("I was here before.")
        assert not reconciler.reconcile("sam").failed
        hidden.rename(place.home)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "calls", boundary)
        assert not reconciler.reconcile("alex").failed
    reconciler.close()
    home = place.display_path(place.home)
    disk = Disk(place.root, Tree(tuple(item for item in chapter.before.items if not item[0].startswith(home))))
    disk.apply(Op("mkdir", str(place.home)))
    for number, (path, data, _) in enumerate(chapter.before.items):
        if path.startswith(f"{home}/") and data is not None:
            disk.apply(Op("open", str(place.root / path), -1 - number))
            disk.apply(Op("write", str(place.root / path), -1 - number, data))
    trees = 0
    for op in boundary.ops:
        disk.apply(op)
        for tree in disk.after_power_cut(200, random.Random(0)):
            trees += 1
            drops = [p for p in tree.files if p.endswith("/a.json")]
            gate = tree.files.get(place.display_path(place.gate))
            assert drops or (gate and b"moon" in gate), f"lost after {op.name} {op.path}"
    assert trees > 20


def _noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Boundary, Disk]:
    boundary = Boundary()
    monkeypatch.setattr(atomic, "calls", boundary)
    return boundary, Disk(folder, Tree.read(folder))


def _cuts(boundary: Boundary, disk: Disk) -> Iterator[tuple[bool, dict[str, bytes | None]]]:
    """Each tree that a power cut may leave, and whether all was done by then."""
    chance = random.Random(0)
    for number in range(len(boundary.ops) + 1):
        if number:
            disk.apply(boundary.ops[number - 1])
        for tree in disk.after_power_cut(500, chance):
            yield number == len(boundary.ops), tree.files


def test_a_drop_that_was_staged_is_on_disk_when_the_command_returns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ground(folder / "root")
    boundary, disk = _noted(place.root, monkeypatch)
    path = stage.stage("I learned why the moon changes.", user="alex", root=place.root)
    whole, shown = path.read_bytes(), place.display_path(path)
    for done, tree in _cuts(boundary, disk):
        there = [p for p, data in tree.items() if data is not None and "inbox/" in p and not is_ignored(Path(p).name)]
        assert all(tree[p] == whole for p in there), "a torn drop has a name at which the daemon looks"
        assert there == [shown] or not done


def test_a_decision_that_was_typed_is_on_disk_when_the_command_returns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = chapters(STORIES["one"], folder / "story")[1]
    place = start_again(chapter.before, folder / "root")
    (card,) = place.approved.iterdir()
    card.rename(place.pending / card.name)
    item = decide.find(Root(place.root), ["alex"], "moon")
    boundary, disk = _noted(place.root, monkeypatch)
    decide.decide(item, "approved")
    decided = (place.approved / card.name).read_bytes()
    for done, tree in _cuts(boundary, disk):
        cards = {p: data for p, data in tree.items() if data is not None and p.endswith(".md") and "inbox/" in p}
        assert cards, "the card is gone from both folders"
        approved = cards.get(place.display_path(place.approved / card.name))
        assert approved == decided or (approved is None and not done)


def test_a_new_user_is_there_as_a_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(folder / "root")
    setup.make_root(root)
    boundary, disk = _noted(root.path, monkeypatch)
    setup.add_user(root, "sam")
    whole = {f"users/sam/{name}": (root.place("sam").home / name).read_bytes() for name in RECORD_FILES}
    for done, tree in _cuts(boundary, disk):
        there = {path: data for path, data in tree.items() if path.startswith("users/sam/")}
        assert there == whole or ("users/sam" not in tree and not done)


def test_a_new_root_has_a_whole_template_or_none_of_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "root").mkdir()
    root = Root(folder / "root")
    boundary, disk = _noted(root.path, monkeypatch)
    setup.make_root(root)
    whole = {f"users/_template/{name}": (root.template / name).read_bytes() for name in RECORD_FILES}
    for done, tree in _cuts(boundary, disk):
        there = {p: data for p, data in tree.items() if p in whole}
        assert all(data == whole[p] for p, data in there.items())
        assert len(there) == len(whole) or not done


@pytest.mark.parametrize(("name", "most"), [("one", 500), ("three", 20), ("many", 5)])
def test_nobody_reads_what_is_on_disk_only_in_part(name: str, most: int, folder: Path) -> None:
    """After a power cut, and before the daemon has started again, a reader still finds receipts and Record agree."""
    chapter = chapters(STORIES[name], folder / "story")[1]
    wanted = {c.id for c in snapshot(start_again(chapter.before, folder / "played").root, "alex").gate}
    boundary = Boundary()
    settle(start_again(chapter.before, folder / "played"), boundary)
    disk = Disk(folder / "played", chapter.before)
    seen = set()
    for op in boundary.ops:
        disk.apply(op)
        for tree in disk.after_power_cut(most, random.Random(0)):
            if tree.digest in seen:
                continue
            seen.add(tree.digest)
            place = start_again(tree, folder / "cut")
            taken = snapshot(place.root, "alex")
            receipts = list(taken.receipts())
            assert len(receipts) == taken.seq
            assert sorted([c.id for c in taken.gate] + [r.candidate_id for r in receipts]) == sorted(wanted)
            approved = [r for r in receipts if r.action == "approved"]
            assert [e.id for e in taken.record.evidence] == [r.evidence_id for r in approved if len(r.lines) == 3]
    assert len(seen) > 20
