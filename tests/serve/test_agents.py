"""The agents' routes, over a real socket: propose, and learn what became of it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..support.door import Door
from ..support.roots import make_root
from ..support.world import World

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*drops: Any) -> bytes:
    return b"".join(json.dumps(drop).encode() + b"\n" for drop in drops)


def text() -> str:
    """A text of its own."""
    return f"Learned something of {uuid.uuid4().hex}."


@pytest.mark.parametrize(
    "drop",
    [
        {"text": "Learned to whistle."},
        {"raw_text": "Finished the drawing.", "skill_tag": "work"},
        {"text": "Evidence only.", "suggested_ix_section": None},
        {"text": "x", "mind_category": "curiosity", "created_at": "2026-11-24"},
        {"text": "Mixed up the tides.", "score": 9, "topic": "tides", "meta": {"a": [1, {"b": None}]}},
        {"text": "Zero\u200bwidth and \u202edirection", "id": "mine-1", "tags": ["a"], "confidence": 0.5},
        {"text": "Sourced.", "source": "tutor", "status": "pending", "link_to_evidence_id": "mine-1"},
        {"text": "Ünïcode 👩‍👩‍👧 and a\nsecond line", "rationale": "why", "excerpt": "a\nb", "url": "https://x.org"},
    ],
)
def test_the_answer_is_the_candidate_as_it_then_stands_at_the_gate(
    agent: httpx.Client, world: World, drop: dict[str, Any]
) -> None:
    answer = agent.post("/api/activity", json=drop)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["source"] == "tutor"
    world.reconcile()
    assert [c for c in world.gate() if c["id"] == made["id"]] == [made]


def test_many_are_one_drop_and_stand_at_the_gate_in_their_order(agent: httpx.Client, world: World) -> None:
    before = len(world.gate())
    answer = agent.post("/api/activity", content=lines(*({"text": text()} for _ in range(50))), headers=NDJSON)
    assert answer.status_code == 201
    assert len(world.names()) == 1
    world.reconcile()
    assert world.gate()[before:] == answer.json()


def test_of_many_all_are_taken_or_none(agent: httpx.Client, world: World) -> None:
    world.reconcile()
    answer = agent.post("/api/activity", content=lines({"text": "good"}, {"text": "bad", "skill": "x"}), headers=NDJSON)
    assert (answer.status_code, answer.json()["field"]) == (422, "skill")
    assert answer.json()["detail"].startswith("line 2: unknown field 'skill'; did you mean 'skill_tag'?")
    assert world.names() == []


@pytest.mark.parametrize(
    ("drop", "field", "words"),
    [
        ({}, "raw_text", "raw_text is missing"),
        ({"text": " "}, "raw_text", "raw_text is empty"),
        ({"text": "x", "skill_tag": "RUN"}, "skill_tag", "must be THINK, WRITE, WORK or STEWARD; found 'RUN'"),
        ({"text": "x", "timestamp": "now"}, "timestamp", "did you mean 'created_at'?"),
        ({"text": "x", "status": "approved"}, "status", 'may only be "pending"'),
        ({"text": "x", "id": "../../etc/passwd"}, "id", "must be 1 to 128 letters"),
        ({"text": "x", "id": "ACT-2026-01-01-x"}, "id", "must not begin with 'ACT-'"),
        ({"text": "x" * 30_000}, "raw_text", "the most allowed is 20,000"),
        (["x"], None, "not a list of them"),
        ({f"k{n}": n for n in range(100_000)}, None, "more than 50,000 values"),
    ],
)
def test_a_refusal_has_the_words_of_the_why_and_the_field(
    agent: httpx.Client, world: World, drop: Any, field: str | None, words: str
) -> None:
    answer = agent.post("/api/activity", content=json.dumps(drop), headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert answer.status_code in (413, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem.get("field")) == (answer.status_code, field), problem
    assert words in problem["detail"] or answer.status_code == 413
    world.reconcile()
    assert world.names("problems") == []


# -- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_candidate_while_it_lies_waits_and_is_decided(
    door: Door, agent: httpx.Client, world: World
) -> None:
    key, drop = {"Idempotency-Key": uuid.uuid4().hex}, {"text": text()}
    first = agent.post("/api/activity", json=drop, headers=key)
    again = [agent.post("/api/activity", json=drop, headers=key)]
    world.reconcile()
    again.append(agent.post("/api/activity", json=drop, headers=key))
    world.reconcile()
    candidate_id = first.json()["id"]
    assert world.gate_ids().count(candidate_id) == 1
    world.approve(candidate_id)
    again.append(agent.post("/api/activity", json=drop, headers=key))
    world.reconcile()
    assert [(a.status_code, a.json()) for a in again] == [(201, first.json())] * 3
    assert [a.headers.get("Idempotency-Replayed") for a in (first, *again)] == [None, *["true"] * 3]
    assert candidate_id not in world.gate_ids()
    assert [r["action"] for r in world.receipts() if r["candidate_id"] == candidate_id] == ["approved"]
    assert world.names() == world.names("problems") == []


def test_a_key_holds_also_when_all_that_the_door_knew_is_lost(tmp_path: Path) -> None:
    """A week later, on another computer, after a crash that took the keys."""
    root = make_root(tmp_path / "root", "alex")
    world, key, drop = World(root), {"Idempotency-Key": "k"}, {"text": text()}
    answers = []
    for number in range(3):
        with Door(root, "--state", str(tmp_path / f"state-{number}")) as door:
            if not number:
                token = door.token()
            with door.client(token) as client:
                answers.append(client.post("/api/activity", json=drop, headers=key).json())
                world.reconcile()
                assert world.names() == world.names("problems") == []
                if number == 1:
                    world.approve(answers[0]["id"])
    assert {each["id"] for each in answers} == {answers[0]["id"]}
    assert world.gate() == []
    assert len(world.receipts()) == 1
    with Door(root, "--state", str(tmp_path / "state-9")) as door, door.client(token) as client:
        other = client.post("/api/activity", json={"text": "Another."}, headers=key)
        world.reconcile()
        fates = client.get("/api/candidates").json()
    assert other.status_code == 201
    assert [each["state"] for each in fates] == ["approved", "problem"]
    assert len(world.receipts()) == 1


def test_the_same_key_with_another_body_is_refused_and_drops_nothing(agent: httpx.Client, world: World) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert agent.post("/api/activity", json={"text": "One."}, headers=key).status_code == 201
    world.reconcile()
    answer = agent.post("/api/activity", json={"text": "Another."}, headers=key)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert world.names() == []


def test_a_key_of_many_holds_for_all_of_them(agent: httpx.Client, world: World) -> None:
    key = NDJSON | {"Idempotency-Key": uuid.uuid4().hex}
    body = lines({"text": text()}, {"text": text(), "id": uuid.uuid4().hex})
    first, second = (agent.post("/api/activity", content=body, headers=key) for _ in range(2))
    assert first.json() == second.json()
    world.reconcile()
    ids = [each["id"] for each in first.json()]
    assert [i for i in world.gate_ids() if i in ids] == ids
    assert world.names("problems") == []


def test_an_id_that_was_used_under_another_key_is_refused_too(agent: httpx.Client, world: World) -> None:
    def send(text: str) -> httpx.Response:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return agent.post("/api/activity", json={"text": text, "id": used}, headers=headers)

    used = uuid.uuid4().hex
    assert [send("One.").status_code, send("One.").status_code] == [201, 201]
    assert (send("Two.").status_code, send("Two.").json()["field"]) == (422, "id")
    world.reconcile()
    assert world.gate_ids().count(used) == 1


def test_an_id_in_a_proposal_of_many_is_found_in_the_inbox_and_among_the_refused(
    agent: httpx.Client, world: World
) -> None:
    world.reconcile()
    taken, mine = uuid.uuid4().hex, uuid.uuid4().hex
    world.stage(taken, "By another way.")
    body = lines({"text": text(), "id": mine}, {"text": text(), "id": taken})
    assert agent.post("/api/activity", content=body, headers=NDJSON).status_code == 201
    assert agent.get(f"/api/candidates/{mine}").json()["state"] == "dropped"
    world.reconcile()
    found = agent.get(f"/api/candidates/{mine}").json()
    assert (found["state"], taken in found["why"]) == ("problem", True)
    for name in world.names("problems"):
        (world.place.problems / name).unlink()


def test_an_id_of_its_own_is_as_good_as_a_key(agent: httpx.Client, world: World) -> None:
    drop = {"text": text(), "id": uuid.uuid4().hex}
    assert agent.post("/api/activity", json=drop).json() == agent.post("/api/activity", json=drop).json()
    answer = agent.post("/api/activity", json=drop | {"text": "Another."})
    assert (answer.status_code, answer.json()["field"]) == (422, "id")
    world.reconcile()
    assert world.gate_ids().count(drop["id"]) == 1
    assert world.names("problems") == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
def test_a_key_that_is_none_is_refused(door: Door, token: str, key: str) -> None:
    with door.client(token) as client:
        headers = [("Idempotency-Key", key.encode("latin-1"))]
        answer = client.post("/api/activity", json={"text": "x"}, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


# -- what became of it ------------------------------------------------------------------------------------------------


def test_an_agent_learns_what_became_of_its_proposals(agent: httpx.Client, world: World) -> None:
    def fate(candidate_id: str) -> dict[str, Any]:
        found: dict[str, Any] = agent.get(f"/api/candidates/{candidate_id}").json()
        return {name: value for name, value in found.items() if value is not None}

    said = text()
    kept, refused = (agent.post("/api/activity", json={"text": t}).json()["id"] for t in (said, text()))
    assert fate(kept) == {"id": kept, "state": "dropped"}
    world.reconcile()
    assert fate(kept) == {"id": kept, "state": "waiting", "text": said}
    card = world.card(refused)
    card.write_text(card.read_text().replace("\nid:", "\nreason: not so\nid:", 1))
    world.reject(refused)
    world.approve(kept)
    receipt = next(r for r in world.receipts() if r["candidate_id"] == kept)
    approved = {"at": receipt["merged_at"], "evidence_id": receipt["evidence_id"], "text": said}
    assert fate(kept) == {"id": kept, "state": "approved"} | approved
    assert (fate(refused)["state"], fate(refused)["reason"]) == ("rejected", "not so")
    assert fate("never-was") == {"id": "never-was", "state": "unknown"}


def test_a_proposal_that_the_daemon_refuses_is_a_problem_with_the_why(agent: httpx.Client, world: World) -> None:
    taken = uuid.uuid4().hex
    world.stage(taken, "By another way.")
    answer = agent.post("/api/activity", json={"id": taken, "text": "By the door."})
    assert answer.status_code == 201
    world.reconcile()
    listed = agent.get("/api/candidates").json()
    (found,) = [each for each in listed if each["id"] == taken]
    assert agent.get(f"/api/candidates/{taken}").json() == found | {"text": None}
    assert found["state"] == "problem"
    assert f"the id '{taken}' is taken" in found["why"]
    assert found["remedy"] == "Give this one another id, or none; to change what waits, edit its card in pending/."


def test_a_source_sees_its_own_proposals_only(door: Door, agent: httpx.Client, world: World) -> None:
    mine = agent.post("/api/activity", json={"text": text()}).json()["id"]
    world.reconcile()
    with door.client(door.token(f"other-{uuid.uuid4().hex[:6]}", source="other")) as other:
        assert other.get(f"/api/candidates/{mine}").json()["state"] == "unknown"
        assert other.get("/api/candidates").json() == []
        refused = other.get("/api/candidates", params={"source": "tutor"})
        assert (refused.status_code, refused.json()["field"]) == (403, "source")
    assert mine in [each["id"] for each in agent.get("/api/candidates", params={"source": "tutor"}).json()]
    assert len(agent.get("/api/candidates", params={"limit": "1"}).json()) <= 3
    for bad in ("0", "x", "99999999999", "²"):
        assert agent.get("/api/candidates", params={"limit": bad}).status_code == 400
