"""The person's commands refuse where the environment says that an agent runs them (contract, "Commands")."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from recursion_gate.cli import main
from recursion_gate.clients import person
from recursion_gate.core.paths import Root

from ..support.world import World


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


AGENTS = [*((name, "1") for name in person._SET_BY), ("AI_AGENT", "helper@2"), ("AGENT", "goose")]


@pytest.mark.parametrize(("name", "value"), AGENTS)
def test_each_variable_that_an_agent_sets_is_known(name: str, value: str) -> None:
    assert person.agent_in({"PATH": "/bin", name: value}) is not None


@pytest.mark.parametrize("value", ["", "0", "false", "no", "False"])
def test_a_variable_that_says_no_tells_of_no_agent(value: str) -> None:
    assert person.agent_in({"CLAUDECODE": value, "AI_AGENT": value}) is None


def test_what_an_agent_calls_itself_cannot_move_the_cursor() -> None:
    assert person.agent_in({"AI_AGENT": "x\x1b[2J"}) == ("an agent", "AI_AGENT")


@pytest.mark.parametrize(
    "words", [["approve", "c0"], ["reject", "c0", "--reason", "no"], ["review"]], ids=lambda w: w[0]
)
def test_a_persons_command_refuses_an_agent_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    card = world.stage("c0")
    before = card.read_bytes()
    monkeypatch.setenv("CLAUDECODE", "1")
    result = CliRunner().invoke(main, ["--root", str(world.root.path), *words], input="a")
    assert result.exit_code == 1
    assert "only a person decides, and Claude Code runs this (CLAUDECODE is set)" in result.output
    assert card.read_bytes() == before
    world.reconcile()
    assert (world.gate_ids(), world.receipts()) == (["c0"], [])


def test_an_agent_may_propose_and_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage("c0")
    monkeypatch.setenv("CLAUDECODE", "1")
    for words in (["stage", "Built a kite.", "--user", "alex"], ["pending"], ["show", "c0"], ["receipts"]):
        assert CliRunner().invoke(main, ["--root", str(world.root.path), *words]).exit_code == 0
