"""What is forgotten stands nowhere under the root, whatever lay about, was under way, or went wrong meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import Root
from recursion_gate.disk import atomic
from recursion_gate.formats import cards

from ..support.audited import faults, look
from ..support.dying import Dying, Killed
from ..support.roots import add_user, make_root, mounted
from ..support.world import World

SECRET = "My brother Ferdinand is afraid of the dark cellar."
EXCERPT = "He told me so yesterday evening, crying."


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def act(world: World, candidate_id: str) -> str:
    staged = [r["candidate"] for r in world.receipts() if r["candidate_id"] == candidate_id and "candidate" in r]
    return act_id(Candidate.model_validate(staged[0]))


def approve(world: World, candidate_id: str, text: str, **fields: Any) -> None:
    world.stage(candidate_id, text, **fields)
    world.approve(candidate_id)


def ask(world: World, what: str, named: str, name: str = "ask.md") -> Path:
    path = world.place.undo / name
    path.write_text(f'---\n{what}: "{named}"\n---\n')
    return path


def forget(world: World, named: str) -> None:
    ask(world, "forget", named)
    world.reconcile()


def left(world: World, *texts: str) -> list[str]:
    """Where a piece of twelve characters of these texts stands, in whatever file."""
    found = []
    for path in world.root.path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            for text in texts:
                found += [
                    f"{path}: {text[i : i + 12]}" for i in range(len(text) - 11) if text[i : i + 12].encode() in data
                ]
    return found


def test_a_copy_of_its_card_that_lies_in_undo_meanwhile_goes_too(world: World) -> None:
    approve(world, "a", SECRET, excerpt=EXCERPT)
    [filed] = world.place.receipts.glob("*/*.md")
    for name in ("ask.md", "copy.md", "another copy (2).md"):
        shutil.copy(filed, world.place.undo / name)
    forget(world, "a")
    world.reconcile()
    assert left(world, SECRET, EXCERPT) == []


@pytest.mark.parametrize("state", ["approved", "rejected", "pending"])
def test_its_card_moved_or_edited_at_that_moment(world: World, state: str) -> None:
    card = world.stage("a", SECRET, excerpt=EXCERPT)
    card.write_text(card.read_text().replace("Ferdinand", "Ferdi"))
    shutil.copy(card, world.place.state(state) / "copy of it.md")
    card.rename(world.place.state(state) / card.name)
    forget(world, "a")
    world.reconcile()
    assert left(world, SECRET, EXCERPT) == []
    assert world.gate_ids() == []
    assert faults(look(world)) == []


@pytest.mark.parametrize("state", ["approved", "rejected", "pending"])
@pytest.mark.parametrize("whole", [True, False], ids=["its card", "a few lines with its id"])
def test_its_card_that_a_backup_brings_back_is_answered_and_stops_nobody(world: World, state: str, whole: bool) -> None:
    world.settings = replace(world.settings, patience_seconds=0.0, settle_seconds=0.0)
    world.restart()
    card = world.stage("a", SECRET, excerpt=EXCERPT).read_bytes() if whole else b"---\nid: a\n---\n\nOwls.\n"
    if not whole:
        world.stage("a", SECRET)
    world.approve("a")
    forget(world, "a")
    (world.place.state(state) / "back again.md").write_bytes(card)
    world.stage("b")
    assert not world.reconciler.problems
    assert world.gate_ids() == ["b"]
    assert world.names(state) == ([world.card("b").name] if state == "pending" else [])
    assert "forgotten on" in world.why("back again.md")
    assert "undo" not in world.why("back again.md"), "nothing brings it back"


def test_the_report_that_a_daemon_has_left_names_no_card_of_it(world: World) -> None:
    named = [("alex", "inbox/alex/approved/think_my-brother-ferdinand_x.md"), ("alex", "a"), ("eve", "inbox/eve/x.md")]
    last = [{"at": "2026-11-26T08:00:00Z", "what": "refused", "user": user, "id": which} for user, which in named]
    world.root.status.parent.mkdir(exist_ok=True)
    world.root.status.write_text(json.dumps({"pid": 1, "last": last}))
    approve(world, "a", SECRET)
    forget(world, "a")
    ids = [did["id"] for did in json.loads(world.root.status.read_bytes())["last"]]
    assert ids == ["inbox/alex/approved/", "a", "inbox/eve/x.md"]


@pytest.mark.parametrize("report", ["", "[]", '{"last": 5}', '{"last": [5, {"user": "alex"}]}', "\xff"])
def test_a_report_that_cannot_be_read_keeps_nothing_from_being_forgotten(world: World, report: str) -> None:
    world.root.status.parent.mkdir(exist_ok=True)
    world.root.status.write_bytes(report.encode("latin-1"))
    approve(world, "a", SECRET)
    forget(world, "a")
    assert left(world, SECRET) == []
    assert not world.reconciler.problems


def test_its_lines_that_a_person_has_copied_or_edited_in_several_places(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "b", "I know it.", link_to_evidence_id="a")
    before = world.record()
    for name in ("self-knowledge.md", "self-skill-write.md", "self.md"):
        file = world.place.home / name
        line = f"- • {SECRET} — {act(world, 'a')}"
        file.write_text(f"{file.read_text()}\n## Mine\n\n{line}\n  {line.replace('dark', 'very dark')}\n* Mine.\n")
    forget(world, "a")
    assert left(world, SECRET) == []
    for name, text in world.record().items():
        assert b"I know it." not in before[name] or b"I know it." in text, "another entry's line, with the same ACT id"
        assert name not in ("self-knowledge.md", "self-skill-write.md", "self.md") or b"* Mine." in text
    assert faults(look(world)) == []


def test_of_one_that_links_to_another_whose_line_was_taken_out_by_hand_the_others_line_stays(world: World) -> None:
    approve(world, "a", "Owls hunt at night.")
    approve(world, "b", SECRET, link_to_evidence_id="a")
    for name, data in world.record().items():
        kept = [line for line in data.splitlines(True) if b"Ferdinand" not in line]
        (world.place.home / name).write_bytes(b"".join(kept))
    before = world.record()
    forget(world, "b")
    assert world.record() == before


@pytest.mark.parametrize("name", [".a.md.swp", "a.md~", "#a.md#", ".~lock.a.md"])
def test_an_editors_copy_of_its_card(world: World, name: str) -> None:
    card = world.stage("a", SECRET, excerpt=EXCERPT)
    (world.place.pending / name).write_bytes(card.read_bytes())
    forget(world, "a")
    assert left(world, SECRET, EXCERPT) == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_drop_with_its_id_that_lies_in_the_inbox(world: World, whole: bool) -> None:
    approve(world, "a", SECRET, excerpt=EXCERPT)
    text = f'{{"id": "a", "raw_text": "{SECRET}", "excerpt": "{EXCERPT}"' + "}" * whole
    world.drop("again.json", text)
    world.drop("again.md", f"---\nid: a\n---\n\n{SECRET}\n")
    forget(world, "a")
    world.settings = replace(world.settings, patience_seconds=0.0, settle_seconds=0.0)
    world.restart()
    world.reconcile()
    assert left(world, SECRET, EXCERPT) == []


@pytest.mark.parametrize("name", ["again.json", "again.md", "broken.json", "not-a-field.json", "several.jsonl"])
def test_a_drop_of_a_forgotten_id_is_refused_and_its_text_is_not_kept(world: World, name: str) -> None:
    approve(world, "a", SECRET, excerpt=EXCERPT)
    forget(world, "a")
    other = '{"id": "other", "raw_text": "Fed the goldfish."}'
    world.settings = replace(world.settings, patience_seconds=0.0, settle_seconds=0.0)
    world.restart()
    texts = {
        "again.json": f'{{"id": "a", "raw_text": "{SECRET}", "excerpt": "{EXCERPT}"}}',
        "again.md": f"---\nid: a\n---\n\n{SECRET}\n",
        "broken.json": f'{{"id": "a", "raw_text": "{SECRET}"',
        "not-a-field.json": f'{{"id": "a", "raw_txt": "{SECRET}"}}',
        "several.jsonl": f'{{"id": "a", "raw_text": "{SECRET}"}}\n{other}\n',
    }
    world.drop(name, texts[name])
    world.reconcile()
    assert left(world, SECRET, EXCERPT) == []
    assert "the id 'a' was forgotten on" in world.why(name)
    kept = (world.place.problems / name).read_text()
    assert cards.id_of(kept.encode()) == "a" or '{"id": "a"}' in kept
    assert ("Fed the goldfish." in kept) == (name == "several.jsonl")
    assert (world.gate_ids(), world.names()) == ([], [])
    world.drop(name, texts[name])  # its tool tries again
    world.reconcile()
    assert world.names("problems") == [name, f"{name}.why.txt"]
    assert faults(look(world)) == []


def test_what_a_forgotten_trigger_has_suggested_comes_again(world: World) -> None:
    quiz = {"id": "q", "raw_text": SECRET, "activity_type": "quiz", "topic": SECRET}
    world.drop("q.json", quiz)
    world.reconcile()
    for named in ("q-line", "q"):
        forget(world, named)
    world.drop("q.json", quiz)
    world.reconcile()
    assert left(world, SECRET) == []
    assert world.gate_ids() == []


@pytest.mark.parametrize("state", ["approved", "rejected", "pending", "undo"])
def test_a_copy_of_its_card_that_a_sync_program_brings_back(world: World, state: str) -> None:
    card = world.stage("a", SECRET, excerpt=EXCERPT)
    copy = card.read_bytes()
    world.approve("a")
    forget(world, "a")
    (world.place.state(state) / "a.md").write_bytes(copy)
    world.reconcile()
    assert world.reconciler.problems == {}
    assert left(world, SECRET, EXCERPT) == []
    assert "forgotten" in world.why("a.md")
    assert (world.place.problems / "a.md").read_text() == "---\nid: a\n---\n"
    assert world.names(state) == []
    assert faults(look(world)) == []


def test_killed_at_any_call_a_drop_of_a_forgotten_id_is_refused_once(tmp_path: Path) -> None:
    base = World(make_root(tmp_path / "base", "alex"))
    approve(base, "a", SECRET)
    forget(base, "a")
    base.reconciler.close()
    number, killed = 0, True
    while killed:
        number, killed = number + 1, False
        shutil.rmtree(tmp_path / "root", ignore_errors=True)
        shutil.copytree(base.root.path, tmp_path / "root")
        world = World(Root(tmp_path / "root"))
        world.drop("again.json", {"id": "a", "raw_text": SECRET})
        atomic.calls = Dying(number)
        try:
            world.reconcile()
        except Killed:
            killed = True
        finally:
            atomic.calls = atomic.Calls()
        world.restart()
        world.reconcile()
        assert world.names("problems") == ["again.json", "again.json.why.txt"], f"killed at call {number}"
        assert left(world, SECRET) == [], f"killed at call {number}"
        assert world.names() == []
        world.reconciler.close()
    assert number > 15


@pytest.mark.parametrize("decided", [True, False])
def test_its_lines_as_a_person_has_edited_them_on_the_card_of_a_correction(world: World, decided: bool) -> None:
    approve(world, "a", SECRET)
    knowledge, new = world.place.home / "self-knowledge.md", "Hates every room without a window."
    knowledge.write_text(knowledge.read_text().replace(SECRET, new))
    skill = world.place.home / "self-skill-think.md"
    skill.write_text(skill.read_text().replace(SECRET, new))
    assert new in knowledge.read_text() + skill.read_text()
    card = world.stage("b", "I know him now.", supersedes=act(world, "a"))
    assert new in card.read_text()
    if decided:
        world.approve("b")
    forget(world, "a")
    assert left(world, SECRET, new) == []
    assert (world.gate_ids(), faults(look(world))) == ([] if decided else ["b"], [])
    if not decided:
        assert cards.FORGOTTEN not in world.card("b").read_text(), "made anew"


def test_one_that_links_to_it_and_waits(world: World) -> None:
    world.stage("a", SECRET)
    world.stage("b", "I know it.", link_to_evidence_id="a")
    world.move(world.card("b"), "approved")
    forget(world, "a")
    assert left(world, SECRET) == []
    assert world.gate_ids() == ["b"]
    assert world.card("b")
    assert not world.reconciler.problems


def test_one_that_links_to_it_stays_and_can_be_forgotten_or_taken_back(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "b", "I know it.", link_to_evidence_id="a")
    forget(world, "a")
    assert left(world, SECRET) == []
    assert "I know it." in world.record()["self-knowledge.md"].decode() + world.record()["self-skill-think.md"].decode()
    assert faults(look(world)) == []
    ask(world, "id", "b")
    world.reconcile()
    assert world.gate_ids() == ["b"]
    assert not world.reconciler.problems
    assert faults(look(world)) == []


def test_a_retraction_whose_entry_is_forgotten_cannot_be_taken_back(world: World) -> None:
    approve(world, "a", SECRET)
    approve(world, "r", "It was a joke about Ferdinand.", retracts=act(world, "a"))
    forget(world, "a")
    ask(world, "id", "r", "undo r.md")
    world.reconcile()
    assert "was forgotten" in world.why("undo r.md")
    assert not world.reconciler.problems
    world.restart()
    world.stage("c")
    assert world.gate_ids() == ["c"]


def test_a_proposal_about_it_that_waits(world: World) -> None:
    approve(world, "a", SECRET)
    world.stage("b", "I know more now.", supersedes=act(world, "a"))
    world.stage("r", "No longer so.", retracts=act(world, "a"))
    world.move(world.card("b"), "approved")
    world.move(world.card("r"), "approved")
    ask(world, "forget", "a")
    world.reconcile()
    world.reconcile()
    assert not world.reconciler.problems
    forget(world, "a")
    assert left(world, SECRET) == []
    assert faults(look(world)) == []


@pytest.mark.parametrize("named", ["nobody", "ACT-2026-01-01-nobody0000000000", "../x", "a\\n", ""])
def test_an_unknown_id_is_answered(world: World, named: str) -> None:
    approve(world, "a", SECRET)
    forget(world, named)
    assert world.names("undo") == []
    assert [r["action"] for r in world.receipts()] == ["approved"]
    assert "ask.md.why.txt" in world.names("problems")


def test_another_users_entry_is_unknown(root: Root) -> None:
    add_user(root, "bo")
    world, other = World(root), World(root, user="bo")
    approve(other, "b", SECRET)
    world.reconcile()
    [filed] = other.place.receipts.glob("*/*.md")
    shutil.copy(filed, world.place.undo / "theirs.md")
    forget(world, "b")
    assert "there is no decision on 'b'" in world.why("theirs.md")
    assert "there is no decision on 'b'" in world.why("ask.md")
    assert other.record()["self-evidence.md"].decode().count(SECRET) == 1
    assert [r["action"] for r in other.receipts()] == ["approved"]


def test_killed_at_any_call_and_the_request_removed_it_is_finished_all_the_same(tmp_path: Path) -> None:
    """From the receipt on: the decision is taken."""
    base = World(make_root(tmp_path / "base", "alex"))
    approve(base, "z", "I learned something else.")
    approve(base, "a", SECRET, excerpt=EXCERPT)
    approve(base, "b", "I know him.", supersedes=act(base, "a"))
    base.reconciler.close()
    finished = number = 0
    while True:
        number += 1
        shutil.rmtree(tmp_path / "root", ignore_errors=True)
        shutil.copytree(base.root.path, tmp_path / "root")
        world = World(Root(tmp_path / "root"))
        path = ask(world, "forget", "a")
        atomic.calls = Dying(number)
        try:
            world.reconcile()
            break
        except Killed:
            pass
        finally:
            atomic.calls = atomic.Calls()
        path.unlink(missing_ok=True)
        world.restart()
        world.reconcile()
        if b'"action":"forgotten"' in world.place.ledger.read_bytes():
            finished += 1
            assert left(world, SECRET, EXCERPT) == [], f"killed at call {number}"
        assert faults(look(world)) == [], f"killed at call {number}"
        world.reconciler.close()
    assert finished > 20


def test_a_full_disk_loses_nothing_and_is_said_and_it_is_finished_when_there_is_room(tmp_path: Path) -> None:
    """The copy of the receipts needs room."""
    with mounted(tmp_path / "disk", "3m") as disk:
        world = World(make_root(disk / "root", "alex"))
        approve(world, "a", SECRET, excerpt=EXCERPT)
        for number in range(12):
            approve(world, f"b{number}", f"I learned {number}.", meta={"filler": "x" * 60_000})
        whole = world.place.ledger.read_bytes()
        assert len(whole) > 600_000
        ballast = disk / "ballast"
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast.write_bytes(b"\0" * (room - 200_000))
        forget(world, "a")
        assert "no space" in world.reconciler.problems["alex"]
        assert world.place.ledger.read_bytes().startswith(whole)
        ballast.unlink()
        world.restart()
        world.reconcile()
        assert not world.reconciler.problems
        assert left(world, SECRET, EXCERPT) == []
        assert faults(look(world)) == []
        world.reconciler.close()


def test_a_record_file_that_is_open_in_an_editor_is_waited_for(world: World) -> None:
    approve(world, "a", SECRET)
    with (world.place.home / "self-evidence.md").open("a") as file:
        ask(world, "forget", "a")
        assert world.reconciler.reconcile("alex").due
        assert [r["action"] for r in world.receipts()] == ["approved"]
        file.write("\nby hand\n")
    world.reconcile()
    assert left(world, SECRET) == []
    assert "by hand" in world.lines("self-evidence.md")


def test_the_index_holds_no_text(world: World) -> None:
    world.root.daemon.mkdir()
    world.restart()
    approve(world, "a", SECRET)
    forget(world, "a")
    assert world.root.index.exists()
    with sqlite3.connect(world.root.index) as db:
        assert SECRET not in "\n".join(db.iterdump())
    assert left(world, SECRET) == []


Garbage = Callable[[Path, int], object]
GARBAGE: dict[str, Garbage] = {
    "text": lambda folder, n: (folder / f"x{n}.txt").write_text("hello"),
    "long names": lambda folder, n: (folder / f"{n:06}{'x' * 246}.md").write_bytes(b"\xff\x00"),
    "folders": lambda folder, n: (folder / f"folder{n}").mkdir(),
    "links": lambda folder, n: (folder / f"link{n}.md").symlink_to("/etc/hostname"),
    "pipes": lambda folder, n: os.mkfifo(folder / f"pipe{n}.md"),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_in_undo_is_cleared_and_the_one_card_among_it_is_carried_out(world: World, kind: str) -> None:
    approve(world, "a", "Looked at the moon.")
    before = len(world.receipts())
    [filed] = world.place.receipts.glob("*/*.md")
    shutil.copy(filed, world.place.undo / "a card.md")
    for number in range(300):
        GARBAGE[kind](world.place.undo, number)
    world.reconcile()
    assert world.gate_ids() == ["a"]
    assert len(world.receipts()) == before + 1
    assert not os.listdir(world.place.undo)
    assert not world.reconciler.problems
    assert faults(look(world)) == []


def test_a_card_that_is_still_being_written_into_undo_is_waited_for(world: World) -> None:
    approve(world, "a", "Looked at the moon.")
    [filed] = world.place.receipts.glob("*/*.md")
    data = filed.read_bytes()
    with (world.place.undo / "slow.md").open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        world.reconciler.reconcile("alex")
        assert [r["action"] for r in world.receipts()] == ["approved"]
        assert world.names("undo") == ["slow.md"]
        file.write(data[len(data) // 2 :])
    world.reconcile()
    assert world.gate_ids() == ["a"]


def test_copies_of_one_card_under_many_names_take_it_back_once(world: World) -> None:
    approve(world, "a", "Looked at the moon.")
    [filed] = world.place.receipts.glob("*/*.md")
    for number in range(20):
        shutil.copy(filed, world.place.undo / f"copy {number}.md")
    world.reconcile()
    assert [r["action"] for r in world.receipts()] == ["approved", "undone"]
    assert world.names("undo") == []
    assert cards.id_of(world.card("a").read_bytes()) == "a"
