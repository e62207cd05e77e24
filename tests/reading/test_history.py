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
    assert (told.candidate_id, told.evidence_id, told.proposed.source) == ("c0", act, "analyst")
    assert told.proposed.context == {"rationale": "Said twice.", "confidence": 0.5}
    assert [(e.field, e.was, e.now) for e in told.edited] == [("raw_text", "Built a kite.", "Built two kites.")]
    assert told.decided is not None
    assert (told.decided.action, told.decided.reason, told.decided.via) == ("approved", "true", "folder")
    assert {line.file for line in told.lines} >= {"self-evidence.md", "self-skill-think.md"}
    assert all(line.stands for line in told.lines)


def test_a_line_that_a_person_took_out_is_said_to_stand_no_more(world: World) -> None:
    world.stage("c0")
    world.approve("c0")
    file = world.place.home / "self-evidence.md"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "ACT-" not in line))
    assert {line.file: line.stands for line in story(world, "c0").lines}["self-evidence.md"] is False


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
        "self-evidence.md: ",
    )
    for part in parts:
        assert part in text
    data = json.loads(CliRunner().invoke(main, [*call, "--json"]).stdout)
    assert data["decided"]["action"] == "approved"
    assert data["proposed"]["context"] == {"url": "https://example.org/1"}
