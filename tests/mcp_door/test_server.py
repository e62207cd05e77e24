"""What a caller is shown and may do: its own tools, the specification, and nothing that writes but a drop (but for the
tools for plans, which are given by a switch of their own and write in plans/: test_planning.py)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from recursion_gate.core.paths import Root
from recursion_gate.spec.texts import parts

from ..support.door import Door
from ..support.mcp_client import Agent, over_http, over_stdio
from ..support.roots import make_root
from ..support.world import World, tree

PROPOSE = {"propose_entry", "propose_correction", "propose_retraction"}
READ = {"read_record", "ask_record", "next_focus"}

#: Arguments with which each tool does what it is for, where the candidate "one" was approved.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "propose_entry": {"text": "Learned to whistle.", "key": "once"},
    "propose_correction": {"evidence_id": "", "text": "Learned to sing."},
    "propose_retraction": {"evidence_id": "", "why": "It is not so."},
    "my_proposals": {"limit": 5},
    "read_record": {"section": "IX-A", "budget": 500},
    "ask_record": {"question": "What does Alex know?"},
    "next_focus": {},
}


def with_entry(root: Root) -> dict[str, dict[str, Any]]:
    """Has an entry approved at `root`, one candidate waits; gives `ARGUMENTS` with its ACT id."""
    world = World(root)
    world.stage("one", "Likes tea.")
    world.stage("two", "Likes cake.")
    world.approve("one")
    world.reconciler.close()
    evidence = world.receipts()[-1]["evidence_id"]
    return {
        name: given | ({"evidence_id": evidence} if "evidence_id" in given else {}) for name, given in ARGUMENTS.items()
    }


def test_all_tools_and_texts_write_nothing_but_a_drop_for_each_proposal(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    called = with_entry(root)
    before = tree(root.path, without=())
    with over_stdio(root) as agent:
        assert set(agent.tools()) == set(ARGUMENTS)  # a new tool has to be tried here
        for name, arguments in called.items():
            agent.call(name, **arguments)
            agent.refused(name, **arguments, user="blake")
        for uri in agent.resources():
            assert agent.resource(uri)
        assert agent.prompt("staging")
    after = tree(root.path, without=())
    new = set(after) - set(before)
    assert {path: after[path] for path in before} == before
    assert sorted(os.path.dirname(path) for path in new) == ["inbox/alex"] * len(PROPOSE)


def test_over_http_too_only_drops_are_written_beside_the_doors_own_keys(tmp_path: Path) -> None:
    root = make_root(tmp_path, "alex")
    called = with_entry(root)
    with Door(root) as door:
        token = door.token("claude", read=True)
        with over_http(door.port, token) as agent:
            before = tree(root.path, without=(".doors",))
            for name, arguments in called.items():
                agent.call(name, **arguments)
        after = tree(root.path, without=(".doors",))
    assert {path: after[path] for path in before} == before
    assert sorted(os.path.dirname(path) for path in set(after) - set(before)) == ["inbox/alex"] * len(PROPOSE)


def test_each_tool_says_what_it_is_and_takes_only_what_it_names(agent: Agent) -> None:
    for name, tool in agent.tools().items():
        assert len(tool.description) > 100, name
        assert "\n        " not in tool.description
        hints = tool.annotations
        assert (hints.read_only_hint, hints.destructive_hint) == ((False, False) if name in PROPOSE else (True, None))
        assert tool.output_schema["type"] == "object"
        assert "source" not in tool.input_schema["properties"]
    entry = agent.tools()["propose_entry"]
    assert entry.input_schema["required"] == ["text"]
    for words in ("One fact", "stands alone", "not what you infer", "your own source", "my_proposals", "rejected"):
        assert words in entry.description


def test_no_tool_decides(agent: Agent) -> None:
    for name in ("approve", "reject", "review", "undo", "correct", "retract", "forget", "edit_card"):
        assert "Unknown tool" in agent.refused(name, id="x")


@pytest.mark.parametrize(
    ("rights", "shown"),
    [
        ({}, PROPOSE | {"my_proposals"}),
        ({"read": True}, PROPOSE | READ | {"my_proposals"}),
        ({"stage": False, "read": True}, READ | {"my_proposals"}),
    ],
)
def test_a_token_is_shown_and_given_what_it_may(door: Door, rights: dict[str, Any], shown: set[str]) -> None:
    name = "-".join(["t", *rights])
    with over_http(door.port, door.token(name, **rights)) as agent:
        assert set(agent.tools()) == shown
        for tool in READ - shown:
            assert "does not read" in agent.refused(tool, **ARGUMENTS[tool])
        for tool in PROPOSE - shown:
            assert "does not propose" in agent.refused(tool, **ARGUMENTS[tool])
        if "read" not in rights:
            with pytest.raises(MCPError, match="does not read"):
                agent.resource("recursion-gate://context/reader")
            assert "Identity fork" in agent.resource("recursion-gate://context/staging")


@pytest.mark.parametrize(("only", "shown"), [("agents", PROPOSE), ("readers", READ)])
def test_a_server_of_one_part_has_the_tools_of_that_part(root: Root, only: str, shown: set[str]) -> None:
    with over_stdio(root, "--only", only) as agent:
        assert set(agent.tools()) == shown | {"my_proposals"}
    with Door(root, "--only", only) as door, over_http(door.port, door.token(f"part-{only}", read=True)) as other:
        assert set(other.tools()) == shown | {"my_proposals"}


def test_a_token_for_two_users_names_one(door: Door) -> None:
    with over_http(door.port, door.token("both", ["alex", "blake"], read=True)) as agent:
        assert "which user?" in agent.refused("propose_entry", text="Of whom?")
        made = agent.call("propose_entry", text="Blake sings.", user="blake")
        assert made["id"] in str(World(door.root, user="blake").place.inbox.iterdir().__next__().read_text())
        assert agent.call("read_record", user="blake")["user"] == "blake"
        assert "user blake" in agent.resource("recursion-gate://context/staging/blake")
        with pytest.raises(MCPError, match="which user"):
            agent.resource("recursion-gate://context/staging")


def test_the_specification_and_the_packs_are_resources(agent: Agent) -> None:
    uris = agent.resources()
    for part in parts():
        assert f"recursion-gate://spec/{part.name}" in uris
        assert agent.resource(f"recursion-gate://spec/{part.name}") == part.text
    assert "a seed line" in agent.resource("recursion-gate://context/reader")


@pytest.mark.parametrize(
    "uri",
    [
        "recursion-gate://spec/nothing",
        "recursion-gate://spec/../lanes",
        "recursion-gate://context/merge/alex",
        "recursion-gate://context/staging/blake",
        "recursion-gate://context/staging/..%2Falex",
        "recursion-gate://context/staging/%00",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_resource_is_refused(agent: Agent, uri: str) -> None:
    with pytest.raises(MCPError):
        agent.resource(uri)


def test_the_prompt_tells_the_staging_role_and_the_tools(agent: Agent) -> None:
    said = agent.prompt("staging")
    for words in ("propose_entry", "source 'claude'", "An agent may stage; it may not merge", "Call my_proposals"):
        assert words in said
    with pytest.raises(MCPError):
        agent.prompt("staging", user="blake")
