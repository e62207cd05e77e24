"""history: the story of an entry as the receipts tell it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.reading import snapshot
from recursion_gate.reading.history import HistoryAnswer, Unknown, history

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def story(world: World, given: str) -> HistoryAnswer:
    return history(snapshot.snapshot(world.root, "alex"), given)


def test_an_entry_tells_who_proposed_it_how_it_was_edited_and_when_it_was_decided(world: World) -> None:
    card = world.stage("c0", "Built a kite.", source="analyst", rationale="Said twice.", confidence=0.5)
    text = card.read_text().replace("\nBuilt a kite.\n", "\nBuilt two kites.\n")
    card.write_text(text.replace("id: c0", "id: c0\nreason: true"))
    world.approve("c0")
    act = world.receipts()[0]["evidence_id"]
    told = story(world, act)
    assert told == story(world, "c0").model_copy(update={"as_of": told.as_of})
    assert told.proposed is not None
    assert (told.candidate_id, told.evidence_id, told.proposed.source) == ("c0", act, "analyst")
    assert told.proposed.context == {"rationale": "Said twice.", "confidence": 0.5}
    assert [(e.field, e.was, e.now) for e in told.decisions[0].edited] == [
        ("raw_text", "Built a kite.", "Built two kites.")
    ]
    assert told.decided is not None
    assert (told.decided.action, told.decided.reason, told.decided.via) == ("approved", "true", "folder")
    assert {line.file for line in told.lines} >= {"self-evidence.md", "self-skill-think.md"}
    assert all(line.stands for line in told.lines)


def test_a_line_that_a_person_took_out_is_said_to_stand_no_more(world: World) -> None:
    world.stage("c0")
    world.approve("c0")
    file = world.place.home / "self-evidence.md"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "ACT-" not in line))
    [gone] = [line for line in story(world, "c0").lines if line.file == "self-evidence.md"]
    assert (gone.stands, gone.number) == (False, None)


def test_a_line_that_a_person_edited_is_told_as_it_stands(world: World) -> None:
    world.stage("c0", "I learned of owls.")
    world.approve("c0")
    file = world.place.home / "self-knowledge.md"
    file.write_text(file.read_text().replace("of owls", "of barn owls"))
    [line] = [line for line in story(world, "c0").lines if line.file == "self-knowledge.md"]
    assert line.stands
    assert file.read_text().splitlines()[(line.number or 0) - 1] == line.line
    assert "barn owls" in line.line


def test_entries_that_rest_on_it_are_named(world: World) -> None:
    world.stage("c0")
    world.approve("c0")
    world.stage("c1", "Learned why it flies.", link_to_evidence_id="c0")
    world.approve("c1")
    act = world.receipts()[0]["evidence_id"]
    assert [later.candidate_id for later in story(world, act).linked] == ["c1"]
    assert story(world, "c1").decided is not None


def test_what_waits_and_what_was_rejected_have_a_story_too(world: World) -> None:
    world.stage("c0")
    assert story(world, "c0").decided is None
    world.reject("c0")
    told = story(world, "c0")
    assert told.decided is not None
    assert (told.decided.action, told.evidence_id, told.lines) == ("rejected", None, [])


def test_an_id_that_nobody_has_is_said_with_exit_code_1(world: World) -> None:
    with pytest.raises(Unknown):
        story(world, "ACT-2026-01-01-nobody")
    done = CliRunner().invoke(main, ["--root", str(world.root.path), "history", "nobody"])
    assert done.exit_code == 1
    assert "'nobody' is no entry and no candidate of alex" in done.output


def test_the_command_prints_the_story_as_text_and_as_json(world: World) -> None:
    world.stage("c0", "Built a kite.", source="analyst", url="https://example.org/1")
    world.approve("c0")
    call = ["--root", str(world.root.path), "history", "c0"]
    text = CliRunner().invoke(main, call).output
    parts = (
        "proposed by analyst as c0",
        "> url: https://example.org/1",
        "approved (folder, receipt 1)",
        "self-evidence.md:",
    )
    for part in parts:
        assert part in text
    data = json.loads(CliRunner().invoke(main, [*call, "--json"]).stdout)
    assert data["decided"]["action"] == "approved"
    assert data["proposed"]["context"] == {"url": "https://example.org/1"}


def printed(world: World, given: str) -> str:
    return CliRunner().invoke(main, ["--root", str(world.root.path), "history", given]).output


def test_every_decision_is_told_also_those_that_were_taken_back(world: World) -> None:
    card = world.stage("c0", "Built a kite.")
    card.write_text(card.read_text().replace("id: c0", "id: c0\nreason: not yet"))
    world.reject("c0")
    world.undo("c0")
    told = story(world, "c0")
    assert (told.state, told.decided, [d.action for d in told.decisions]) == ("waiting", None, ["rejected", "undone"])
    assert "It waits at the gate again." in printed(world, "c0")
    world.approve("c0")
    world.undo("c0")
    world.approve("c0")
    told = story(world, "c0")
    assert [(d.action, d.undoes) for d in told.decisions][1:] == [
        ("undone", 1), ("approved", None), ("undone", 3), ("approved", None)
    ]  # fmt: skip
    assert told.decisions[0].reason == "not yet"
    assert told.decided == told.decisions[-1]
    assert "taken back (folder, receipt 4, of receipt 3)" in printed(world, "c0")


def test_a_chain_of_corrections_is_told_from_both_ends(world: World) -> None:
    acts: list[str] = []
    for n, text in enumerate(("one", "two", "three")):
        fields = {"supersedes": acts[-1]} if acts else {}
        world.stage(f"c{n}", f"I learned {text}.", **fields)
        world.approve(f"c{n}")
        acts.append(world.receipts()[-1]["evidence_id"])
    first, last = story(world, acts[0]), story(world, acts[2])
    assert (first.state, [g.candidate_id for g in first.gone]) == ("superseded", ["c1", "c2"])
    assert last.supersedes is not None
    assert (last.state, last.gone, last.supersedes.text) == ("approved", [], "I learned two.")
    [struck] = [line for line in first.lines if line.stands]
    assert f"~~I learned one.~~ (superseded by {acts[1]}) — " in struck.line
    assert f"superseded by {acts[1]} (receipt 2): I learned two." in printed(world, acts[0])
    world.stage("r", "It was nothing.", retracts=acts[2])
    world.approve("r")
    told = story(world, "r")
    assert told.retracts is not None
    assert (told.state, told.retracts.evidence_id, told.evidence_id) == ("approved", acts[2], None)
    assert story(world, acts[2]).state == "retracted"
    world.undo("r")
    assert story(world, acts[2]).state == "approved"


def test_of_a_forgotten_entry_is_told_that_there_was_one_and_when_it_was_forgotten(world: World) -> None:
    world.stage("a", "I learned a secret.", source="whisperer")
    world.approve("a")
    act = world.receipts()[0]["evidence_id"]
    world.stage("b", "I learned more.", supersedes=act)
    world.approve("b")
    (world.place.undo / "forget.md").write_text('---\nforget: "a"\n---\n')
    world.reconcile()
    told = story(world, act)
    assert (told.state, told.proposed, told.lines, told.candidate_id) == ("forgotten", None, [], "a")
    assert [d.action for d in told.decisions] == ["approved", "forgotten"]
    assert told.decisions[-1].at == world.receipts()[-1]["forgotten_at"]
    for said in (printed(world, act), printed(world, "b"), json.dumps(told.as_json())):
        assert "secret" not in said
        assert "whisperer" not in said
    assert "forgotten (folder, receipt 3)" in printed(world, act)
    assert f"it supersedes {act} (receipt 1): (forgotten)" in printed(world, "b")


def test_a_seed_entry_is_said_to_have_no_receipt(world: World) -> None:
    file = world.place.home / "self-evidence.md"
    file.write_text(file.read_text().rstrip("\n") + "\n- ACT-2026-01-01-seed — by hand — 2026-01-01 — WORK\n")
    with pytest.raises(Unknown, match="no receipt tells"):
        story(world, "ACT-2026-01-01-seed")
