"""Decisions that are taken back: the Record is as if they had not been taken, and the candidate waits again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from recursion_gate.audit.verify import verify
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings
from recursion_gate.formats import cards

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def filed(world: World, candidate_id: str) -> Path:
    """The card as it was decided, where people find it."""
    found = [p for p in world.place.receipts.glob("*/*.md") if cards.id_of(p.read_bytes()) == candidate_id]
    assert found, f"no filed card of {candidate_id}"
    return found[-1]


def undo(world: World, candidate_id: str) -> None:
    shutil.copy(filed(world, candidate_id), world.place.undo)
    world.reconcile()


def act(world: World, candidate_id: str) -> str:
    staged = [r["candidate"] for r in world.receipts() if r["candidate_id"] == candidate_id and "candidate" in r]
    return act_id(Candidate.model_validate(staged[0]))


def actions(world: World) -> list[tuple[str, str]]:
    return [(r["candidate_id"], r["action"]) for r in world.receipts()]


def approve(world: World, candidate_id: str, text: str = "Looked at the moon.", **fields: Any) -> None:
    world.stage(candidate_id, text, **fields)
    world.approve(candidate_id)
    assert actions(world)[-1] == (candidate_id, "approved"), world.card(candidate_id).read_text()


def holds(world: World) -> bool:
    [proof] = verify(world.root, ["alex"])
    assert not [f for f in proof.findings if f.severity == "fault"], proof.findings
    return True


def test_an_approval_that_is_taken_back_leaves_the_record_as_it_was(world: World) -> None:
    approve(world, "a", "I learned one thing.")
    before = world.record()
    approve(world, "b", "I learned another thing.")
    undo(world, "b")
    assert world.record() == before
    assert world.gate_ids() == ["b"]
    assert world.card("b")
    assert not world.names("undo")
    assert actions(world) == [("a", "approved"), ("b", "approved"), ("b", "undone")]
    assert holds(world)


def test_of_two_that_one_turn_carries_out_the_second_goes_back_where_it_stood(world: World) -> None:
    """The line before it is the first one's new line, not the one that this replaced."""
    for name in ("owls", "moon", "stars"):
        approve(world, name, f"I learned about {name}.")
    world.stage("hunt", "I learned that owls hunt.", supersedes=act(world, "owls"))
    world.stage("joke", "It was a joke.", retracts=act(world, "moon"))
    for name in ("hunt", "joke"):
        world.move(world.card(name), "approved")
    world.reconcile()
    assert actions(world)[-2:] == [("hunt", "approved"), ("joke", "approved")]
    undo(world, "joke")
    lines = [line.split(" — ")[0] for line in world.lines("self-knowledge.md") if "• I learned" in line]
    assert lines == ["- • I learned that owls hunt.", "- • I learned about moon.", "- • I learned about stars."]
    assert holds(world)


def test_what_came_later_and_hand_edits_stay(world: World) -> None:
    approve(world, "a", "I learned one thing.")
    approve(world, "b", "I learned another thing.")
    file = world.place.home / "self-knowledge.md"
    file.write_text(file.read_text().replace("# ", "# My ", 1) + "\nby hand\n")
    approve(world, "c", "I learned a third thing.")
    expected = {
        n: b"".join(x for x in t.splitlines(True) if act(world, "b").encode() not in x)
        for n, t in world.record().items()
    }
    undo(world, "b")
    assert world.record() == expected
    assert holds(world)


def test_a_rejection_that_is_taken_back_waits_again_and_can_be_approved(world: World) -> None:
    world.stage("a")
    world.reject("a")
    undo(world, "a")
    assert world.gate_ids() == ["a"]
    world.approve("a")
    undo(world, "a")
    world.approve("a")
    assert [a for _, a in actions(world)] == ["rejected", "undone", "approved", "undone", "approved"]
    assert world.lines("self-evidence.md").count(f"- {act(world, 'a')} — Looked at the moon. — 2026-11-26 — THINK") <= 1
    assert holds(world)
    world.restart()
    world.reconcile()
    assert world.gate_ids() == []


def test_the_drop_of_a_decision_that_was_taken_back_is_known(world: World) -> None:
    approve(world, "a")
    undo(world, "a")
    world.drop("again.json", {"id": "a", "raw_text": "Looked at the moon."})
    world.reconcile()
    assert world.gate_ids() == ["a"]
    assert not world.names("problems")


def test_an_approval_that_a_later_entry_rests_on_stays(world: World) -> None:
    approve(world, "a")
    approve(world, "b", "I learned this from it.", link_to_evidence_id="a")
    undo(world, "a")
    assert [a for _, a in actions(world)] == ["approved", "approved"]
    [why] = [n for n in world.names("problems") if n.endswith(".why.txt")]
    said = (world.place.problems / why).read_text()
    assert "b links to it" in said
    assert f"recursion-gate undo b; or, if the entry is wrong: recursion-gate retract {act(world, 'a')}" in said
    undo(world, "b")
    undo(world, "a")
    assert world.gate_ids() == ["b", "a"]
    assert holds(world)


def test_two_that_rest_on_each_other_are_taken_back_in_one_move(world: World) -> None:
    before = world.record()
    approve(world, "a")
    approve(world, "b", "I learned this from it.", link_to_evidence_id="a")
    for i in "ab":
        shutil.copy(filed(world, i), world.place.undo)
    world.reconcile()
    assert world.record() == before
    assert [a for _, a in actions(world)] == ["approved", "approved", "undone", "undone"]


@pytest.mark.parametrize("name", ["pending", "approved", "rejected"])
def test_a_decided_card_that_reappears_elsewhere_undoes_nothing(world: World, name: str) -> None:
    approve(world, "a")
    shutil.copy(filed(world, "a"), world.place.state(name))
    world.reconcile()
    assert [a for _, a in actions(world)] == ["approved"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.txt", "hello", "this is not a card"),
        ("x.bin", b"\xff\x00", "this is not a card"),
        ("x.md", '---\nid: "nobody"\n---\n\ntext\n', "there is no decision on 'nobody'"),
        ("x.md", '---\nid: "w"\n---\n\ntext\n', "still waits"),
        ("x.md", '---\nid: "w"\nforget:\n---\n', "names no entry to forget"),
        ("x.md", "---\nforget: [w]\n---\n", "names no entry to forget"),
    ],
)
def test_anything_else_in_undo_is_answered(world: World, name: str, data: str | bytes, says: str) -> None:
    world.stage("w")
    (world.place.undo / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    world.reconcile()
    assert says in world.why(name)
    assert not world.names("undo")


# -- corrections and retractions --------------------------------------------------------------------------------------


def test_a_correction_takes_the_place_of_the_old_lines(world: World) -> None:
    approve(world, "a", "I learned that owls sleep at night.", created_at="2026-11-20")
    approve(world, "z", "I learned something else.", created_at="2026-11-21")
    a, before = act(world, "a"), world.record()
    card = world.stage("b", "I learned that owls hunt at night.", supersedes=a, created_at="2026-11-22").read_text()
    assert f"taken out:\n\n    - • I learned that owls sleep at night. — {a}" in card
    world.approve("b")
    b = act(world, "b")
    evidence = world.lines("self-evidence.md")
    assert f"- {a} — ~~I learned that owls sleep at night.~~ (superseded by {b}) — 2026-11-20 — THINK" in evidence
    assert f"- {b} — I learned that owls hunt at night. — 2026-11-22 — THINK" in evidence
    was = before["self-knowledge.md"].decode()
    assert world.record()["self-knowledge.md"].decode() == was.replace("sleep", "hunt").replace(a, b)
    assert holds(world)
    undo(world, "b")
    assert world.record() == before
    assert holds(world)


def test_a_correction_may_go_to_another_section(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    approve(world, "z", "I learned something else.")
    before = world.record()
    approve(world, "b", "I love owls.", supersedes=act(world, "a"), skill_tag="WRITE")
    assert "owls sleep" not in world.record()["self-knowledge.md"].decode()
    assert f"- • I love owls. — {act(world, 'b')}" in world.lines("self-personality.md")
    assert holds(world)
    undo(world, "b")
    assert world.record() == before
    assert holds(world)


def test_a_retraction_takes_the_lines_out(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.", created_at="2026-11-20")
    approve(world, "z", "I learned something else.")
    a, before = act(world, "a"), world.record()
    approve(world, "r", "That was a joke.", retracts=a, created_at="2026-11-22")
    assert f"- {a} — ~~I learned that owls sleep.~~ (retracted 2026-11-22) — 2026-11-20 — THINK" in world.lines(
        "self-evidence.md"
    )
    assert not [
        x for n, t in world.record().items() if n != "self-evidence.md" for x in t.decode().splitlines() if a in x
    ]
    assert "joke" not in "".join(t.decode() for t in world.record().values())
    assert holds(world)
    undo(world, "r")
    assert world.record() == before
    assert holds(world)


def test_of_two_proposals_about_one_entry_the_second_returns_with_a_note(world: World) -> None:
    approve(world, "a")
    a = act(world, "a")
    world.stage("b", "Looked at the sun.", supersedes=a)
    world.stage("r", "It was a joke.", retracts=a)
    world.approve("b")
    world.approve("r")
    assert world.gate_ids() == ["r"]
    assert "no longer stands" in world.card("r").read_text()
    assert holds(world)


@pytest.mark.parametrize("how", ["supersedes", "retracts"])
@pytest.mark.parametrize("edited", [False, True])
def test_a_card_whose_entry_was_retracted_says_so_below_its_marker_until_it_stands_again(
    world: World, how: str, edited: bool
) -> None:
    approve(world, "a")
    card = world.stage("b", "Looked at the sun.", **{how: act(world, "a")})
    if edited:
        card.write_bytes(card.read_bytes().replace(b"Looked at the sun.", b"Looked at the red sun."))
        world.reconcile()
    shown = card.read_bytes()
    approve(world, "r", "It was a joke.", retracts=act(world, "a"))
    said = card.read_text().partition("\n<!-- recursion-gate:")[2]
    assert "does not stand now: approving this only brings it back" in said
    if edited:
        assert "red sun" in card.read_text()
    world.reconcile()
    assert card.read_text().partition("\n<!-- recursion-gate:")[2] == said, "the same when it is looked at again"
    undo(world, "r")
    assert card.read_bytes() == shown
    approve(world, "r2", "It was a joke.", retracts=act(world, "a"))
    world.approve("b")
    assert world.gate_ids() == ["b", "r"]
    assert "no longer stands" in (cards.note_in(world.card("b").read_bytes()) or "")
    whys = [path.read_text() for path in world.place.problems.glob("*.why.txt")]
    assert len(whys) == edited, whys
    assert "below the line" not in str(whys), "nobody has typed anything there"
    world.reject("b")
    assert actions(world)[-1] == ("b", "rejected")


def test_a_correction_that_waits_shows_no_lines_that_went_with_another_one(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    a = act(world, "a")
    card = world.stage("c", "I learned that owls hunt.", supersedes=a)
    assert b"owls sleep" in card.read_bytes()
    approve(world, "b", "I learned that owls fly.", supersedes=a)
    assert b"owls sleep" not in world.card("c").read_bytes()


def test_what_to_do_with_a_drop_whose_entry_no_longer_stands(world: World) -> None:
    approve(world, "a")
    a = act(world, "a")
    approve(world, "b", "Looked at the sun.", supersedes=a)
    for name, target in (("supersedes", a), ("retracts", a)):
        world.drop(f"{name}.json", {"raw_text": "text", name: target})
    world.reconcile()
    for name in ("supersedes", "retracts"):
        assert f"Write {name}: {act(world, 'b')}, which stands in its place" in world.why(f"{name}.json")
    approve(world, "r", "It was a joke.", retracts=act(world, "b"))
    world.drop("again.json", {"raw_text": "text", "retracts": act(world, "b")})
    world.reconcile()
    assert "nothing is left to retract" in world.why("again.json")


def test_both_in_one_move(world: World) -> None:
    approve(world, "a")
    a = act(world, "a")
    for i in "bc":
        world.stage(i, f"Looked at {i}.", supersedes=a)
    world.approve("b", "c")
    assert len(world.gate_ids()) == 1
    assert holds(world)


def test_a_chain_of_corrections_and_a_retraction_of_its_middle(world: World) -> None:
    approve(world, "a", "one")
    approve(world, "b", "two", supersedes=act(world, "a"))
    approve(world, "c", "three", supersedes=act(world, "b"))
    lines = world.lines("self-knowledge.md")
    assert not [x for x in lines if "one" in x or "two" in x]
    world.drop("r.json", {"id": "r", "raw_text": "no", "retracts": act(world, "b")})
    world.reconcile()
    assert "no longer stands: it was superseded by " + act(world, "c") in world.why("r.json")
    approve(world, "r2", "no", retracts=act(world, "c"))
    assert not [x for x in world.lines("self-knowledge.md") if "— ACT-" in x]
    undo(world, "a")
    assert actions(world)[-1] == ("r2", "approved")
    for i in ("r2", "c", "b", "a"):
        undo(world, i)
    assert world.gate_ids() == ["r2", "c", "b", "a"]
    assert holds(world)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"supersedes": "ACT-2026-01-01-none"}, "no entry ACT-2026-01-01-none was approved here"),
        ({"retracts": "ACT-2026-01-01-none"}, "no entry ACT-2026-01-01-none was approved here"),
        ({"supersedes": "ACT-1", "retracts": "ACT-1"}, "both given"),
        ({"supersedes": "w"}, "no entry w was approved here"),
    ],
)
def test_what_is_about_no_entry_is_refused(world: World, fields: dict[str, str], says: str) -> None:
    world.stage("w")
    world.drop("x.json", {"id": "x", "raw_text": "text", **fields})
    world.reconcile()
    assert says in world.why("x.json")


def test_a_line_that_was_edited_by_hand_is_dealt_with_and_said(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    a = act(world, "a")
    file = world.place.home / "self-knowledge.md"
    file.write_text(file.read_text().replace("owls sleep", "barn owls sleep"))
    skill = world.place.home / "self-skill-think.md"
    skill.write_text("".join(x for x in skill.read_text().splitlines(True) if a not in x))
    approve(world, "b", "I learned that owls hunt.", supersedes=a)
    assert "barn" not in file.read_text()
    old = world.receipts()[-1]["old"]["removed"]
    assert old["self-knowledge.md"] == [f"- • I learned that barn owls sleep. — {a}"]
    assert "self-skill-think.md" not in old


def edit_record(world: World, file: str, old: str, new: str) -> None:
    path = world.place.home / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def remove_line(world: World, file: str, words: str) -> None:
    path = world.place.home / file
    lines = path.read_text().splitlines(True)
    path.write_text("".join(line for line in lines if words not in line))
    assert path.read_text().count("\n") < len(lines)


def test_a_card_shows_the_lines_that_go_as_they_stand_now(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    a = act(world, "a")
    card = world.stage("b", "I learned that owls hunt.", supersedes=a)
    card.write_text(card.read_text().replace("owls hunt.", "owls hunt at night.", 1))  # what a person typed stays
    edit_record(world, "self-knowledge.md", "owls sleep", "barn owls sleep")
    edit_record(world, "self-evidence.md", "owls sleep", "owls snore")
    remove_line(world, "self-skill-think.md", a)
    world.reconcile()
    text = world.card("b").read_text()
    goes = f"    - • I learned that barn owls sleep. — {a}\n"
    struck = f"    - {a} — ~~I learned that owls snore.~~ (superseded by "
    assert "owls hunt at night." in text
    assert re.search(
        rf'"Topics / Understanding", taken out, as it was edited by hand \[\w+\]:\n\n{re.escape(goes)}', text
    )
    assert re.search(rf'"Activity Log", struck out, as it was edited by hand \[\w+\]:\n\n{re.escape(struck)}', text)
    assert f'self-skill-think.md, "Activity", no longer there:\n\n    - • I learned that owls sleep. — {a}\n' in text
    world.approve("b")
    assert actions(world)[-1] == ("b", "approved")
    old = world.receipts()[-1]["old"]["removed"]
    assert old["self-knowledge.md"] == [goes.strip()]
    assert sorted(old) == ["self-evidence.md", "self-knowledge.md"]
    assert world.names("problems") == []
    assert holds(world)


@pytest.mark.parametrize("fields", [{"supersedes": "ACT"}, {"retracts": "ACT"}])
def test_where_the_record_was_edited_since_the_card_returns_and_shows_it(world: World, fields: dict[str, str]) -> None:
    approve(world, "a", "I learned that owls sleep.")
    card = world.stage("b", "It was a joke.", **dict.fromkeys(fields, act(world, "a")))
    edit_record(world, "self-knowledge.md", "owls sleep", "barn owls sleep")
    world.move(card, "approved")
    world.reconcile()
    assert actions(world) == [("a", "approved")]
    assert "barn owls sleep" in world.record()["self-knowledge.md"].decode()
    assert "edited in the Record" in (cards.note_in(world.card("b").read_bytes()) or "")
    assert "- • I learned that barn owls sleep." in world.card("b").read_text()
    assert world.names("problems") == []
    world.approve("b")
    assert actions(world)[-1] == ("b", "approved")
    assert "barn owls" not in world.record()["self-knowledge.md"].decode()


def test_however_often_the_record_is_edited_only_what_a_person_typed_counts_as_typed(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    a = act(world, "a")
    world.stage("b", "I learned that owls hunt.", supersedes=a)
    words = "owls sleep"
    for new in ("barn owls sleep", "tawny owls doze", "owls sleep"):
        edit_record(world, "self-knowledge.md", words, new)
        words = new
        world.restart()
        world.reconcile()
        assert f"    - • I learned that {new}. — {a}\n" in world.card("b").read_text()
    remove_line(world, "self-knowledge.md", a)
    world.restart()
    world.reconcile()
    assert "no longer there" in world.card("b").read_text()
    edit_record(world, "self-skill-think.md", "owls sleep", "snow owls sleep")
    world.reconcile()
    card = world.card("b")
    card.write_text(card.read_text().replace("snow owls sleep", "no owl sleeps"))
    world.move(card, "approved")
    world.reconcile()
    assert actions(world) == [("a", "approved")]
    assert "no owl sleeps" in (world.place.problems / card.name).read_text()
    assert "below the line" in (cards.note_in(world.card("b").read_bytes()) or "")


def test_a_line_of_another_entry_that_links_to_it_is_not_taken_for_its_own(world: World) -> None:
    approve(world, "a", "I learned that owls sleep.")
    a = act(world, "a")
    approve(world, "c", "I know where they sleep.", link_to_evidence_id=a)
    remove_line(world, "self-knowledge.md", "that owls sleep")
    text = world.stage("b", "It was a joke.", retracts=a).read_text()
    assert "where they sleep" not in text
    assert '"Topics / Understanding", no longer there:' in text
    world.approve("b")
    assert "where they sleep" in world.record()["self-knowledge.md"].decode()


# -- forgetting -------------------------------------------------------------------------------------------------------

SECRET = "My brother Ferdinand is afraid of the cellar."


def ask_to_forget(world: World, named: str) -> None:
    (world.place.undo / "forget.md").write_text(f'---\nforget: "{named}"\n---\n')
    world.reconcile()


def pieces_left(world: World, *texts: str) -> list[str]:
    found = []
    for path in world.root.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for text in texts:
                found += [
                    f"{path}: {text[i : i + 12]}" for i in range(len(text) - 11) if text[i : i + 12].encode() in data
                ]
    return found


def test_what_is_forgotten_stands_nowhere(world: World) -> None:
    approve(world, "z", "I learned something else.")
    approve(world, "a", SECRET, excerpt="He told me so in the dark, yesterday.", meta={"deep": "in the dark wood"})
    a = act(world, "a")
    approve(world, "b", "I know him.", supersedes=a)
    approve(world, "l", "Nothing at all.", link_to_evidence_id="z")
    undo(world, "b")
    world.approve("b")
    world.drop("typo.json", {"raw_text": SECRET, "skil": 1})
    ask_to_forget(world, a)
    assert pieces_left(world, SECRET, "He told me so in the dark, yesterday.", "in the dark wood") == []
    last = world.receipts()[-1]
    assert (last["action"], last["candidate_id"], last["evidence_id"]) == ("forgotten", "a", a)
    assert holds(world)
    assert world.names("undo") == []
    assert "I know him." in world.record()["self-knowledge.md"].decode()


def test_another_entry_that_says_the_same_keeps_its_own_lines(world: World) -> None:
    approve(world, "a", SECRET)
    card = world.stage("b", "My brother Ferdinand is afraid of the attic.")
    before = card.read_bytes()
    ask_to_forget(world, "a")
    assert world.card("b").read_bytes() == before
    assert b"(forgotten)" not in before


@pytest.mark.parametrize("how", ["waits", "rejected", "retracted"])
def test_whatever_became_of_it(world: World, how: str) -> None:
    world.stage("a", SECRET)
    named = "a"
    if how == "rejected":
        world.reject("a")
    if how == "retracted":
        world.approve("a")
        named = act(world, "a")
        approve(world, "r", "It is not true that Ferdinand is afraid.", retracts=named)
    ask_to_forget(world, named)
    assert pieces_left(world, SECRET, "It is not true that Ferdinand is afraid.") == []
    assert world.gate_ids() == []
    assert holds(world)
    world.drop("again.json", {"id": "a", "raw_text": "other"})
    world.reconcile()
    assert "was forgotten on" in world.why("again.json")
    world.restart()
    world.reconcile()
    assert holds(world)


def test_verify_counts_the_lines_that_stand(world: World) -> None:
    approve(world, "a", "I learned one thing.")
    approve(world, "b", "I learned another thing.", supersedes=act(world, "a"))
    approve(world, "c", "I learned a third thing.")
    undo(world, "c")
    [proof] = verify(world.root, ["alex"])
    assert proof.lines == sum(t.decode().count("ACT-") for t in world.record().values()) - 1  # one names the other
    assert (proof.approved, proof.undone) == (3, 1)


def test_a_card_that_rests_on_one_that_is_copied_after_it_is_not_refused_meanwhile(world: World) -> None:
    approve(world, "a")
    approve(world, "b", "I learned this from it.", link_to_evidence_id="a")
    shutil.copy(filed(world, "a"), world.place.undo)
    assert world.reconciler.reconcile("alex").due
    assert world.names("undo")
    shutil.copy(filed(world, "b"), world.place.undo)
    world.reconcile()
    assert world.gate_ids() == ["b", "a"]
    assert not world.names("problems")


@pytest.mark.parametrize("folder", ["approved", "rejected"])
def test_a_correction_whose_entry_stands_again_since_its_card_was_made_is_not_said_to_be_typed_on(
    world: World, folder: str
) -> None:
    approve(world, "a", "Owls hunt at night.")
    world.stage("c", "Owls hunt at dusk.", supersedes=act(world, "a"))
    approve(world, "r", "No owls.", retracts=act(world, "a"))
    world.reconcile()
    card = world.card("c").read_bytes()
    assert b"taken out" not in card, "its entry does not stand"
    undo(world, "r")
    assert b"taken out" in world.card("c").read_bytes(), "made anew, since its entry stands again"
    world.card("c").unlink()
    (world.place.state(folder) / "moved just before.md").write_bytes(card)
    world.reconcile()
    assert world.names("problems") == []
    if folder == "rejected":
        assert actions(world)[-1] == ("c", "rejected")
    else:
        assert "came after this card was made" in (cards.note_in(world.card("c").read_bytes()) or "")
        world.approve("c")
        assert actions(world)[-1] == ("c", "approved")


@pytest.mark.parametrize("folder", ["approved", "rejected"])
@pytest.mark.parametrize("field", ["supersedes", "retracts"])
def test_a_proposal_whose_entry_was_forgotten_is_not_said_to_be_typed_on(world: World, folder: str, field: str) -> None:
    approve(world, "a", "Owls hunt at night.")
    world.stage("c", "Owls hunt at dusk.", **{field: act(world, "a")})
    card = world.card("c").read_bytes()
    (world.place.undo / "ask.md").write_text('---\nforget: "a"\n---\n')
    world.reconcile()
    assert actions(world)[-1] == ("a", "forgotten")
    assert b"hunt at night" not in world.card("c").read_bytes()
    assert cards.FORGOTTEN.encode() not in world.card("c").read_bytes(), "made anew"
    world.card("c").unlink()
    erased = [cards.FORGOTTEN.encode() if b"hunt at night" in line else line for line in card.split(b"\n")]
    (world.place.state(folder) / "moved just before.md").write_bytes(b"\n".join(erased))
    world.reconcile()
    assert world.names("problems") == []
    if folder == "rejected":
        assert actions(world)[-1] == ("c", "rejected")
    else:
        assert "there is no entry" in (cards.note_in(world.card("c").read_bytes()) or "")


def test_a_card_that_rests_on_one_that_waits_for_the_record_is_not_refused_meanwhile(root: Root) -> None:
    world = World(root, Settings(settle_seconds=0))
    approve(world, "a")
    approve(world, "b", "I learned this from it.", link_to_evidence_id="a")
    for i in "ab":
        shutil.copy(filed(world, i), world.place.undo)
    with open(world.place.home / "self-skill-think.md", "ab"):  # somebody is saving it
        for _ in range(3):
            assert world.reconciler.reconcile("alex").due
        assert (len(world.names("undo")), world.names("problems")) == (2, [])
    world.reconcile()
    assert world.gate_ids() == ["b", "a"]
    assert not world.names("problems")


@pytest.mark.parametrize("field", ["supersedes", "retracts"])
def test_evidence_that_was_edited_by_hand_after_it_was_struck_out_is_given_back_once(world: World, field: str) -> None:
    approve(world, "a", "Frogs jump.")
    before = world.record()
    approve(world, "c", "Frogs leap.", **{field: act(world, "a")})
    file = world.place.home / "self-evidence.md"
    file.write_text(file.read_text().replace("~~Frogs jump.~~", "~~Frogs jump high.~~"))
    assert b"jump high" in world.record()["self-evidence.md"]
    assert holds(world), "as after an edit of any other line"
    undo(world, "c")
    assert world.record() == before
    assert holds(world)
