"""What forgetting reaches, as it is said before, and the request for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from recursion_gate.clients import decided, forget, requests
from recursion_gate.clients.person import NotAPerson
from recursion_gate.core.errors import Refusal
from recursion_gate.core.paths import Root

from ..support.world import World

SECRET = "My brother Ferdinand is afraid of the cellar."


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def found(world: World, name: str) -> decided.Decided:
    return decided.find(world.root, ["alex"], name)


def test_what_goes_and_what_stays_is_named_and_the_text_is_nowhere_in_it(world: World) -> None:
    world.stage("a", SECRET)
    world.approve("a")
    act = world.receipts()[-1]["evidence_id"]
    world.stage("twin", f"He said so again: {SECRET}")
    world.stage("b", "I know him.", supersedes=act)
    world.stage("other", f"And once more. {SECRET}")
    world.approve("b", "other")
    (world.root.path / ".git").mkdir()
    reach = forget.reach(found(world, act))
    goes, stays = "\n".join(reach.goes), "\n".join(reach.stays)
    assert "users/alex/self-evidence.md" in goes
    assert "users/alex/self-skill-think.md" not in goes  # the correction has taken that line out
    assert "its text in 2 receipts" in goes  # its own, and that of what corrects it
    assert "1 card in receipts/alex/" in goes
    by_id = {r["candidate_id"]: r["evidence_id"] for r in world.receipts()}
    assert f"{by_id['b']}, which corrects it" in stays
    assert "the same words" in stays
    assert by_id["other"] in stays
    assert "twin" in stays
    assert f"git repository {world.root.path}" in stays
    assert "backups" in stays
    assert "exported" in stays
    assert "Ferdinand" not in goes + stays
    assert f"{act}, which it corrects" in "\n".join(forget.reach(found(world, "b")).stays)


def test_what_waits_or_was_retracted_is_named_as_that(world: World) -> None:
    world.stage("a", SECRET)
    assert "its place at the gate, and its card" in forget.reach(found(world, "a")).goes
    world.approve("a")
    world.stage("r", "It is not so.", retracts=world.receipts()[-1]["evidence_id"])
    world.approve("r")
    assert any("given by r" in each for each in forget.reach(found(world, "a")).goes)


def test_what_a_person_has_written_by_hand_with_its_words_is_named(world: World) -> None:
    world.stage("a", SECRET)
    world.approve("a")
    file = world.place.home / "self.md"
    file.write_text(f"# Me\n\nThis is so: {SECRET}\n")
    [line] = [x for x in world.lines("self-skill-think.md") if "Ferdinand" in x]
    with (world.place.home / "self-skill-think.md").open("a") as skills:
        skills.write(f"\n{line}\n")
    reach = forget.reach(found(world, "a"))
    assert "lines that somebody has written by hand, with its words: users/alex/self.md:3" in reach.stays


def test_of_a_correction_nothing_is_said_to_stay_of_what_was_forgotten(world: World) -> None:
    world.stage("a", SECRET)
    world.approve("a")
    act = world.receipts()[-1]["evidence_id"]
    world.stage("b", "I know him.", supersedes=act)
    world.approve("b")
    forget.forget(found(world, "a"))
    world.reconcile()
    assert not [each for each in forget.reach(found(world, "b")).stays if act in each]


def test_the_request_has_no_text_and_is_carried_out(world: World) -> None:
    world.stage("a", SECRET)
    world.approve("a")
    path = forget.forget(found(world, "a"))
    assert b"Ferdinand" not in path.read_bytes()
    assert path.parent == world.place.undo
    world.reconcile()
    last = world.receipts()[-1]
    assert (last["action"], last["via"]) == ("forgotten", "cli")
    assert last["by"]
    for what in (forget.reach, forget.forget):
        with pytest.raises(Refusal, match="was forgotten already"):
            what(found(world, "a"))


def test_an_agent_cannot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage("a", SECRET)
    it = found(world, "a")
    monkeypatch.setenv("AI_AGENT", "tutor")
    with pytest.raises(NotAPerson, match="tutor"):
        forget.forget(it)
    assert world.names("undo") == []


def test_a_refused_request_is_answered_with_the_daemons_reason(world: World) -> None:
    with pytest.raises(Refusal, match="undo/ is missing"):
        requests.ask(world.place, "undone", "nobody")
    world.reconcile()
    path = requests.ask(world.place, "undone", "nobody")
    world.reconcile()
    refused = requests.refusal(world.place, path)
    assert refused is not None
    assert "there is no decision on 'nobody'" in refused.problem
    assert refused.remedy.startswith("Correct the id")
    assert requests.refusal(world.place, Path("other.md")) is None
