"""The readers' routes: the answers of the reading commands, over HTTP."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator
from recursion_gate.core.paths import Root
from recursion_gate.schemas.registry import schema

from ..support.daemon import call
from ..support.door import Door
from ..support.roots import make_root
from ..support.world import World


@pytest.fixture(scope="module", autouse=True)
def _filled(root: Root) -> None:
    world = World(root)
    world.stage("c1", "Learned how tides work.", source="tutor")
    world.stage("c2", "Wonders about whales.", source="tutor")
    world.approve("c1")


@pytest.mark.parametrize("name", ["record", "edge", "export"])
def test_the_answer_is_that_of_the_command(reader: httpx.Client, root: Root, name: str) -> None:
    answer = reader.get(f"/api/{name}")
    assert answer.status_code == 200
    said, printed = answer.json(), json.loads(call(root, name, "--user", "alex", "--json").stdout)
    for each in (said, printed):  # the moments differ
        each.pop("exportDate", None)
        each.get("asOf", {}).pop("readAt", None)
    assert said == printed
    assert list(Draft202012Validator(schema(name)).iter_errors(answer.json())) == []
    assert answer.headers["cache-control"] == "no-store"


def test_the_companion_self_apps_fields_are_there(reader: httpx.Client) -> None:
    record = reader.get("/api/record", headers={"X-User-Id": "alex"}).json()
    assert {"knowledge", "curiosity", "personality", "skills", "evidenceCount", "pendingCount", "edge"} <= set(record)
    assert "Learned how tides work." in record["knowledge"][-1]
    assert reader.get("/api/export").headers["content-disposition"].startswith("attachment")


def test_the_gate_is_told_in_its_order(reader: httpx.Client, world: World) -> None:
    assert reader.get("/api/recursion-gate").json() == world.gate()


def test_a_reader_sees_the_proposals_of_any_source(reader: httpx.Client) -> None:
    listed = reader.get("/api/candidates", params={"source": "tutor"}).json()
    assert [(each["id"], each["state"]) for each in listed] == [("c1", "approved"), ("c2", "waiting")]


def test_a_gate_that_does_not_parse_is_told_and_other_users_are_read(tmp_path: Path) -> None:
    with Door(make_root(tmp_path / "root", "alex", "blake")) as door:
        door.root.place("alex").gate.write_text("[{")
        with door.client(door.token("reader", ["alex", "blake"], read=True)) as client:
            broken = client.get("/api/recursion-gate", params={"user": "alex"})
            assert client.get("/api/recursion-gate", params={"user": "blake"}).status_code == 200
            fate = client.get("/api/candidates/c1", params={"user": "alex"})
    assert (broken.status_code, fate.status_code) == (503, 200)
    assert "users/alex/recursion-gate.json" in broken.json()["detail"]


def test_each_door_has_its_part_only(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", "alex")
    with Door(root, "--only", "agents") as agents, Door(root, "--only", "readers") as readers:
        token = agents.token(read=True)
        with agents.client(token) as one, readers.client(token) as other:
            assert one.post("/api/activity", json={"text": "x"}).status_code == 201
            assert other.post("/api/activity", json={"text": "x"}).status_code == 404
            assert one.get("/api/record").status_code == 404
            assert other.get("/api/record").status_code == 200
            assert one.get("/api/health").json()["parts"] == ["agents"]
            assert "/api/activity" not in other.get("/api/openapi.json").json()["paths"]
            assert len(os.listdir(root.place("alex").inbox)) == 1
