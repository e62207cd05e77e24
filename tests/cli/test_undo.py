"""`undo`, and u in `review`: what a person types to take a decision back."""

from __future__ import annotations

import json

import pytest
from recursion_gate.clients.person import AGENT_VARIABLES
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold

from ..support.daemon import Daemon
from ..support.terminal import Terminal
from ..support.world import World, wait_for
from .test_cli import run


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def approve(world: World, name: str, text: str = "I learned about owls.", **fields: str) -> str:
    world.stage(name, text, **fields)
    world.approve(name)
    return str(world.receipts()[-1]["evidence_id"])


def test_an_approval_is_taken_back_and_what_leaves_the_record_is_shown(world: World) -> None:
    world.reconcile()
    before = world.record()
    act = approve(world, "a")
    world.reconciler.close()
    done = run(world.root, "undo", "a")
    assert done.exit_code == 0, done.output
    assert f"approved on {world.receipts()[0]['merged_at'][:10]} as {act}" in done.output
    assert "> I learned about owls." in done.output
    assert f"-- • I learned about owls. — {act}" in done.output
    assert "a waits again" in done.output
    assert world.record() == before
    assert [r["action"] for r in world.receipts()] == ["approved", "undone"]
    assert world.card("a")
    assert "waits again: its decision was taken back on " in run(world.root, "show", "a").output
    at = world.receipts()[-1]["undone_at"]
    assert json.loads(run(world.root, "show", "a", "--json").stdout)["taken_back"] == at


@pytest.mark.parametrize("options", [["--last"], ["--last", "--user", "alex"]])
def test_last_goes_back_decision_by_decision(world: World, options: list[str]) -> None:
    approve(world, "a")
    world.stage("b")
    world.reject("b")
    assert json.loads(run(world.root, "undo", *options, "--json").stdout)["id"] == "b"
    assert json.loads(run(world.root, "undo", *options, "--json").stdout)["id"] == "a"
    done = run(world.root, "undo", *options)
    assert (done.exit_code, "no decision to take back" in done.output) == (1, True)


def test_a_decision_that_is_not_carried_out_is_taken_back_at_once(world: World) -> None:
    world.stage("a")
    approve(world, "b")
    assert run(world.root, "reject", "a", "--reason", "Said twice.").exit_code == 0
    with hold(world.root):  # a daemon that does nothing
        done = run(world.root, "undo", "--last")
    assert done.exit_code == 0, done.output
    assert "rejected, not carried out yet" in done.output
    assert world.names("rejected") == []
    assert b"Said twice" not in world.card("a").read_bytes()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nobody", "is neither decided nor waiting"),
        ("w", "still waits"),
        ("a", "b links to it. Take that back first: recursion-gate undo b"),
        ("f", "was forgotten on"),
    ],
)
def test_what_cannot_be_taken_back_is_refused_at_once(world: World, given: str, says: str) -> None:
    approve(world, "a")
    approve(world, "b", link_to_evidence_id="a")
    approve(world, "f")
    (world.place.undo / "f.md").write_text('---\nforget: "f"\n---\n')
    world.reconcile()
    world.stage("w")
    done = run(world.root, "undo", given)
    assert done.exit_code == 1
    assert says in done.output
    assert world.names("undo") == []


def test_another_users_decision_is_not_found(world: World) -> None:
    approve(world, "a")
    assert run(world.root, "user", "add", "bob").exit_code == 0
    done = run(world.root, "undo", "a", "--user", "bob")
    assert (done.exit_code, "neither decided nor waiting" in done.output) == (1, True)


@pytest.mark.parametrize("args", [[], ["a", "--last"]])
def test_one_id_or_the_last(world: World, args: list[str]) -> None:
    assert run(world.root, "undo", *args).exit_code == 2


def test_a_daemon_that_is_slow_is_said_and_asked_once(world: World) -> None:
    approve(world, "a")
    with hold(world.root):
        done = run(world.root, "undo", "a", "--wait", "0.1")
        assert (done.exit_code, "asked for; the daemon has not done it yet" in done.output) == (0, True)
        done = run(world.root, "undo", "a", "--wait", "0.1")
        assert (done.exit_code, "lies in undo/ already" in done.output) == (1, True)
    world.reconcile()
    assert world.gate_ids() == ["a"]


@pytest.mark.parametrize("command", ["undo", "correct", "retract", "forget"])
@pytest.mark.parametrize("variable", AGENT_VARIABLES[:4])
def test_an_agent_is_refused_before_anything_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch, command: str, variable: str
) -> None:
    act = approve(world, "a", "A private thought.")
    monkeypatch.setenv(variable, "1")
    done = run(world.root, command, act, *(["New text."] if command == "correct" else []))
    assert done.exit_code == 1
    assert "only a person decides" in done.output
    assert "recursion-gate stage" in done.output
    assert "private" not in done.output
    assert world.names("undo") == world.names() == []


def test_receipts_and_status_tell_of_it(world: World) -> None:
    approve(world, "a")
    approve(world, "secret", "A private thought.")
    (world.place.undo / "f.md").write_text('---\nforget: "secret"\n---\n')
    world.reconcile()
    world.reconciler.close()
    assert run(world.root, "undo", "a").exit_code == 0
    rows = [line.split("\t") for line in run(world.root, "receipts").output.splitlines()]
    assert [(row[3], row[5], row[6]) for row in rows] == [
        ("approved", "a", "I learned about owls."),
        ("approved", "secret", "(forgotten)"),
        ("forgotten", "secret", "(forgotten)"),
        ("undone", "a", "I learned about owls."),
    ]
    (world.place.undo / "x.md").write_text("what is this?")
    assert "1 undo not carried out" in run(world.root, "status").output
    assert json.loads(run(world.root, "status", "--json").stdout)["waiting"]["alex"]["undo_not_carried_out"] == 1


# -- u in review ------------------------------------------------------------------------------------------------------


def test_u_in_review_takes_back_what_the_daemon_has_carried_out(world: World) -> None:
    world.stage("a", "One.")
    world.stage("b", "Two.")
    before = world.record()
    world.reconciler.close()
    with Daemon(world.root):
        terminal = Terminal(world.root, "review")
        terminal.type_until("a", "1 left · b · [a]pprove")
        wait_for(lambda: len(world.receipts()) == 1)
        terminal.type_until("u", "2 left · a · [a]pprove")
        assert [r["action"] for r in world.receipts()] == ["approved", "undone"]
        assert world.record() == before
        terminal.type_until("r", "reason")
        terminal.type_until("\n", "1 left · b · [a]pprove")
        terminal.type_until("q", "0 approved, 1 rejected, 0 skipped, 1 left")
        assert terminal.end()[0] == 0
        wait_for(lambda: len(world.receipts()) == 3)
    assert [r["action"] for r in world.receipts()] == ["approved", "undone", "rejected"]


def test_u_in_review_takes_back_what_is_not_carried_out_and_says_when_there_is_nothing(world: World) -> None:
    card = world.stage("a", "One.")
    world.stage("b", "Two.")
    was = card.read_bytes()
    terminal = Terminal(world.root, "review")
    terminal.type_until("u", "nothing was decided in this review")
    terminal.type_until("a", "1 left · b · [a]pprove")
    terminal.type_until("u", "2 left · a · [a]pprove")
    terminal.type_until("r", "reason")
    terminal.type_until("\n", "1 left · b · [a]pprove")
    terminal.type_until("u", "2 left · a · [a]pprove")
    terminal.type_until("q", "0 approved, 0 rejected")
    terminal.end()
    assert card.read_bytes() == was
    assert world.names("rejected") == []
