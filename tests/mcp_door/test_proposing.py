"""The tools that propose, called by the official client: each proposal is a drop, and stands at the gate as told."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from recursion_gate.core.paths import Root

from ..support.mcp_client import Agent, over_stdio
from ..support.roots import make_root
from ..support.world import World


def text() -> str:
    """A text of its own."""
    return f"Learned something of {uuid.uuid4().hex}."


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        ({}, {"skill_tag": "THINK", "suggested_ix_section": "IX-A"}),
        ({"skill_tag": "work"}, {"skill_tag": "WORK"}),
        ({"suggested_ix_section": "IX-C"}, {"suggested_ix_section": "IX-C", "mind_category": "personality"}),
        ({"suggested_ix_section": "none"}, {"suggested_ix_section": None}),
        ({"created_at": "2026-11-24", "topic": "tides", "score": "9/10"}, {"topic": "tides", "score": "9/10"}),
        (
            {"rationale": "why", "excerpt": '["a", "b"]', "url": "https://x.org", "confidence": 0, "tags": ["a"]},
            {"rationale": "why", "excerpt": '["a", "b"]', "url": "https://x.org", "confidence": 0, "tags": ["a"]},
        ),
        ({"topic": None, "confidence": None, "tags": None}, {}),  # what some models write for "left out"
    ],
)
def test_what_the_tool_answers_stands_at_the_gate(
    agent: Agent, world: World, given: dict[str, Any], stands: dict[str, Any]
) -> None:
    said = text()
    made = agent.call("propose_entry", text=said, **given)
    world.reconcile()
    (there,) = [c for c in world.gate() if c["id"] == made["id"]]
    assert (there["raw_text"], there["source"]) == (said, "claude")
    assert {name: there[name] for name in stands} == stands
    names = {"text": "raw_text", "section": "suggested_ix_section"}
    for name in ("text", "skill_tag", "section", "created_at", "source"):
        assert made.get(name) == there[names.get(name, name)]


def test_a_correction_and_a_retraction_are_proposed_with_the_entry_that_they_are_about(
    agent: Agent, world: World
) -> None:
    world.stage("old-one", "Has a dog called Rex.", skill_tag="STEWARD", suggested_ix_section="IX-C")
    world.approve("old-one")
    evidence = world.receipts()[-1]["evidence_id"]
    made = agent.call("propose_correction", evidence_id=evidence, text="Has a dog called Max.", excerpt="Max, not Rex")
    gone = agent.call("propose_retraction", evidence_id=evidence, why="There is no dog at all.")
    world.reconcile()
    gate = {each["id"]: each for each in world.gate()}
    assert (gate[made["id"]]["supersedes"], gate[made["id"]]["raw_text"]) == (evidence, "Has a dog called Max.")
    assert (gate[made["id"]]["skill_tag"], gate[made["id"]]["suggested_ix_section"]) == ("STEWARD", "IX-C")
    assert (gate[gone["id"]]["retracts"], gate[gone["id"]]["raw_text"]) == (evidence, "There is no dog at all.")


def test_the_same_key_is_the_same_proposal_and_another_text_under_it_is_refused(agent: Agent, world: World) -> None:
    said = text()
    one = agent.call("propose_entry", text=said, key="session-1")
    two = agent.call("propose_entry", text=said, key="session-1")
    assert (one["again"], two["again"]) == (False, True)
    assert {**one, "again": True} == two
    assert "was used before" in agent.refused("propose_entry", text=text(), key="session-1")
    world.reconcile()
    assert [each["raw_text"] for each in world.gate()].count(said) == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "text: Field required"),
        ({"text": 1}, "text: "),
        ({"text": ["a"]}, "text: "),
        ({"text": ""}, "text: "),
        ({"text": " \n"}, "raw_text is empty"),
        ({"text": "x" * 2_000_000}, "the most allowed is"),
        ({"text": "x", "skill_tag": "COOK"}, "skill_tag: "),
        ({"text": "x", "suggested_ix_section": "IX-D"}, "suggested_ix_section: "),
        ({"text": "x", "confidence": 7}, "confidence: "),
        ({"text": "x", "tags": "a, b"}, "tags: "),
        ({"text": "x", "tags": [["a"]]}, "tags.0: "),
        ({"text": "x", "created_at": "soon"}, "created_at"),
        ({"text": "x", "link_to_evidence_id": "../../users/alex"}, "link_to_evidence_id"),
        ({"text": "x", "key": "two words"}, "key: "),
        ({"text": "x", "key": "k" * 201}, "key: "),
        ({"text": "x", "skil_tag": "WORK"}, "did you mean 'skill_tag'?"),
        ({"text": "x", "source": "somebody-else"}, "under the source 'claude' and no other"),
        ({"text": "x", "id": "mine"}, "unknown argument 'id'"),
        ({"text": "x", "status": "approved"}, "unknown argument 'status'"),
        ({"text": "x", "user": "blake"}, "not for the user 'blake'"),
        ({"text": "x", "user": "../alex"}, "not for the user '../alex'"),
    ],
)
def test_what_cannot_be_proposed_is_refused_in_words_and_leaves_nothing(
    agent: Agent, world: World, given: dict[str, Any], why: str
) -> None:
    before = world.names()
    said = agent.refused("propose_entry", **given)
    assert why in said, said
    assert len(said) < 500
    assert "pydantic" not in said
    assert world.names() == before


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "no ACT id"),
        ("entry-1", "no ACT id"),
        ("../../x", "no ACT id"),
        ("ACT-2026-11-26", "no such entry"),
        ("ACT-2026-11-26-\u202e1", "no such entry"),
    ],
)
def test_a_correction_of_what_is_no_entry_is_refused(agent: Agent, given: str, why: str) -> None:
    assert why in agent.refused("propose_correction", evidence_id=given, text="Something else.")
    assert why in agent.refused("propose_retraction", evidence_id=given, why="It is not so.")


def test_a_correction_of_what_does_not_stand_is_refused_at_once_where_the_caller_may_read(tmp_path: Any) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    world.stage("old", "Has a dog called Rex.")
    world.approve("old")
    old = world.receipts()[-1]["evidence_id"]
    with over_stdio(root) as agent, over_stdio(root, "--only", "agents") as blind:
        none = "ACT-2026-11-26-aaaaaaaaaaaaaaaa"
        assert "no such entry" in agent.refused("propose_retraction", evidence_id=none, why="It is not so.")
        assert blind.call("propose_retraction", evidence_id=none, why="It is not so.")["retracts"] == none
        made = agent.call("propose_correction", evidence_id=old, text="Has a dog called Max.")
        world.reconcile()
        world.approve(made["id"])
        new = world.receipts()[-1]["evidence_id"]
        assert f"superseded by {new}" in agent.refused("propose_correction", evidence_id=old, text="A cat.")
        found = {each["id"]: each for each in agent.call("my_proposals")["proposals"]}
        assert found[made["id"]]["state"] == "approved"


def test_what_became_of_proposals_with_the_reasons(tmp_path: Any) -> None:
    root = make_root(tmp_path, "alex")
    world = World(root)
    with over_stdio(root) as agent:
        kept, refused, waits = (agent.call("propose_entry", text=said) for said in ("Likes tea.", "A cook.", "Swims."))
        assert {each["state"] for each in agent.call("my_proposals")["proposals"]} == {"dropped"}
        world.reconcile()
        world.approve(kept["id"])
        card = world.card(refused["id"])
        card.write_text(card.read_text().replace("---\n", "---\nreason: only once\n", 1))
        world.reject(refused["id"])
        found = {each["id"]: each for each in agent.call("my_proposals")["proposals"]}
        assert (found[kept["id"]]["state"], found[kept["id"]]["evidence_id"][:4]) == ("approved", "ACT-")
        assert (found[refused["id"]]["state"], found[refused["id"]]["reason"]) == ("rejected", "only once")
        assert found[waits["id"]] == {"id": waits["id"], "state": "waiting", "text": "Swims."}
        assert agent.call("my_proposals", id=waits["id"])["proposals"] == [found[waits["id"]]]
        again = agent.call("propose_entry", text="A cook")
        assert "only once" in again["rejected_before"]
        assert "only once" in agent.prompt("staging")
        assert "only once" in agent.resource("recursion-gate://context/staging")


@pytest.mark.parametrize("given", ["../../users/alex/self.md", "a/b", ".", "a\0b", "x" * 200, "%2e%2e"])
def test_an_id_that_is_none_is_refused(agent: Agent, given: str) -> None:
    assert "no candidate's id" in agent.refused("my_proposals", id=given)


def test_another_sources_proposals_are_unknown(root: Root, agent: Agent, world: World) -> None:
    world.drop("other.json", json.dumps({"id": "others-1", "text": "Of another.", "source": "other"}))
    world.reconcile()
    assert agent.call("my_proposals", id="others-1")["proposals"] == [{"id": "others-1", "state": "unknown"}]
    assert "others-1" not in [each["id"] for each in agent.call("my_proposals", limit=200)["proposals"]]
