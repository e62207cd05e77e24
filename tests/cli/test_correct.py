"""`correct` and `retract`: a person's own, staged, shown and decided in one go."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold

from ..support.daemon import Daemon, call
from ..support.terminal import Terminal
from ..support.world import World
from .test_cli import run


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


@pytest.fixture
def act(world: World) -> str:
    """An entry of the Record."""
    world.stage("a", "I learned that owls sleep at night.")
    world.approve("a")
    world.reconciler.close()
    return str(world.receipts()[-1]["evidence_id"])


def holds(world: World) -> bool:
    [proof] = verify(world.root, ["alex"])
    return not [f for f in proof.findings if f.severity == "fault"]


def test_a_correction_is_carried_out_by_a_real_daemon_in_one_go(world: World, act: str) -> None:
    with Daemon(world.root):
        done = call(world.root, "correct", act, "Owls hunt at night.", "--reason", "Read again.", "--yes")
    assert done.returncode == 0, done.stderr
    receipt = world.receipts()[-1]
    new = receipt["evidence_id"]
    assert f"-- • I learned that owls sleep at night. — {act}" in done.stdout
    assert f"+- • Owls hunt at night. — {new}" in done.stdout
    assert f"{act} is superseded by {new}" in done.stdout
    assert (receipt["source"], receipt["via"], receipt["reason"]) == ("person", "cli", "Read again.")
    assert receipt["supersedes"] == act
    knowledge = world.record()["self-knowledge.md"].decode()
    assert "sleep" not in knowledge
    assert f"- • Owls hunt at night. — {new}" in knowledge
    assert holds(world)


def test_a_retraction_without_a_daemon_is_carried_out_as_once_would(world: World, act: str) -> None:
    before = world.record()
    done = run(world.root, "retract", act[:20], "It was a joke.", "--yes")
    assert done.exit_code == 0, done.output
    assert f"{act} is retracted" in done.output
    assert "sleep" not in world.record()["self-knowledge.md"].decode()
    assert (world.receipts()[-1]["raw_text"], world.receipts()[-1]["retracts"]) == ("It was a joke.", act)
    assert holds(world)
    assert run(world.root, "undo", "--last").exit_code == 0
    assert world.record() == before


def test_skill_and_section_are_those_of_the_entry_unless_told(world: World, act: str) -> None:
    assert run(world.root, "correct", act, "I love owls.", "--yes").exit_code == 0
    receipt = world.receipts()[-1]
    assert (receipt["skill_tag"], receipt["suggested_ix_section"]) == ("THINK", "IX-A")
    args = ("correct", receipt["evidence_id"], "I love owls.", "--skill", "write", "--section", "IX-C", "--yes")
    done = run(world.root, *args)
    assert done.exit_code == 0, done.output
    receipt = world.receipts()[-1]
    assert (receipt["skill_tag"], receipt["suggested_ix_section"]) == ("WRITE", "IX-C")
    assert "owls" not in world.record()["self-knowledge.md"].decode()
    assert "owls" in world.record()["self-personality.md"].decode()


@pytest.mark.parametrize(
    ("answer", "folder", "says"),
    [("y", None, "is superseded by"), ("n", None, "rejected; the Record stays"), ("l", "pending", "left waiting"),
     ("", "pending", "left waiting"), ("x\nl", "pending", "n rejects it")],
)  # fmt: skip
def test_it_asks_and_does_what_is_answered(world: World, act: str, answer: str, folder: str | None, says: str) -> None:
    before = world.record()
    done = run(world.root, "correct", act, "Owls hunt.", stdin=f"{answer}\n" if answer else "")
    assert says in done.output
    assert done.exit_code == (0 if answer == "y" else 1)
    assert (world.record() == before) == (answer != "y")
    if folder:
        assert len(world.names(folder)) == 1
    elif answer == "n":
        assert len(world.names("rejected")) == 1


def test_stage_only_proposes(world: World, act: str) -> None:
    before = world.record()
    done = run(world.root, "correct", act, "Owls hunt.", "--stage")
    assert done.exit_code == 0, done.output
    assert Path(done.output.splitlines()[0]).is_file()
    assert run(world.root, "once").exit_code == 0
    assert world.record() == before
    [waiting] = world.gate()
    assert (waiting["supersedes"], waiting["source"]) == (act, "person")
    assert "\t(correction) Owls hunt." in run(world.root, "pending").output
    shown = run(world.root, "show", waiting["id"]).output
    assert f"corrects {act}" in shown
    assert f"-- • I learned that owls sleep at night. — {act}" in shown
    goes = json.loads(run(world.root, "show", waiting["id"], "--json").stdout)["goes"]
    assert {g["file"] for g in goes} == {"self-evidence.md", "self-knowledge.md", "self-skill-think.md"}


def test_the_editor_opens_with_the_old_text(world: World, act: str, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\nsed -i "s/sleep/hunt/" "$1"\n')
    editor.chmod(0o755)
    terminal = Terminal(world.root, "correct", act, EDITOR=str(editor))
    terminal.type_until("y", "is superseded by")
    assert terminal.end()[0] == 0
    assert (tmp_path / "seen").read_text().startswith("I learned that owls sleep at night.\n")
    assert "I learned that owls hunt at night." in world.record()["self-knowledge.md"].decode()


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["correct", "ACT", "I learned that owls sleep at night."], 1, "nothing is changed"),
        (["correct", "ACT", " "], 2, "the text is empty"),
        (["correct", "ACT"], 2, "give TEXT"),
        (["correct", "nobody", "x"], 1, "neither decided nor waiting"),
        (["retract", "w"], 1, "it waits in pending/"),
        (["retract", "r"], 1, "it was rejected"),
        (["retract", "linked"], 1, "no evidence of its own"),
        (["correct", "ACT", "x", "--json"], 2, "--json asks nothing"),
        (["correct", "ACT", "x" * 100_000, "--yes"], 1, "the most allowed is 20,000"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    world: World, act: str, args: list[str], code: int, says: str
) -> None:
    world.restart()
    world.stage("r")
    world.reject("r")
    world.stage("linked", "I learned this from it.", link_to_evidence_id=act)
    world.approve("linked")
    world.stage("w")
    world.reconciler.close()
    before = (world.record(), len(world.receipts()))
    done = run(world.root, *[act if a == "ACT" else a for a in args], stdin="")
    assert done.exit_code == code, done.output
    assert says in done.output
    assert (world.record(), len(world.receipts())) == before


def test_what_no_longer_stands_is_said_with_what_took_its_place(world: World, act: str) -> None:
    assert run(world.root, "correct", act, "Owls hunt.", "--yes").exit_code == 0
    new = world.receipts()[-1]["evidence_id"]
    done = run(world.root, "retract", act)
    assert done.exit_code == 1
    assert f"superseded by {new}" in done.output
    assert f"Correct or retract {new}" in done.output


def test_a_daemon_that_does_nothing_is_said_with_what_to_do(world: World, act: str) -> None:
    with hold(world.root):
        done = run(world.root, "retract", act, "--yes", "--wait", "0.2")
    assert done.exit_code == 1
    assert "the daemon has not done it yet" in done.output
    assert "recursion-gate approve cand-" in done.output


def test_a_decision_that_rests_is_not_said_to_be_done(world: World, act: str) -> None:
    world.root.settings.write_text("grace_seconds = 60\n")
    done = run(world.root, "retract", act, "--yes")
    assert done.exit_code == 0, done.output
    assert "approved; it is not done yet: 'recursion-gate status'" in done.output
    assert len(world.receipts()) == 1
    undone = run(world.root, "undo", "--last")
    assert "approved, not carried out yet" in undone.output
    assert len(world.names("pending")) == 1


def test_of_two_about_one_entry_the_second_comes_back_with_its_note(world: World, act: str) -> None:
    world.restart()
    card = world.stage("first", "Owls hunt.", supersedes=act)
    world.reconciler.close()
    world.root.settings.write_text("grace_seconds = 3\n")
    world.move(card, "approved")
    with Daemon(world.root):
        done = call(world.root, "retract", act, "--yes")
    assert done.returncode == 1, done.stdout
    assert "came back" in done.stderr
    assert "no longer stands" in done.stderr
    assert [r["candidate_id"] for r in world.receipts()] == ["a", "first"]


def test_json_answers(world: World, act: str) -> None:
    answer = json.loads(run(world.root, "correct", act, "Owls hunt.", "--yes", "--json").stdout)
    assert (answer["about"], answer["state"], answer["done"]) == (act, "approved", True)
    assert answer["evidence_id"] == world.receipts()[-1]["evidence_id"]
    answer = json.loads(run(world.root, "retract", answer["evidence_id"], "--stage", "--json").stdout)
    assert (answer["state"], answer["done"], answer["evidence_id"]) == ("dropped", False, None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to give a root away")
def test_root_does_not_do_the_work_of_another_account(world: World, act: str) -> None:
    os.chown(world.root.homes, 65534, 65534)
    done = run(world.root, "retract", act, "--yes")
    assert done.exit_code == 1
    assert "no daemon runs here" in done.output
    assert len(world.receipts()) == 1


def test_agents_propose_corrections_with_stage(world: World, act: str) -> None:
    done = run(world.root, "stage", "Owls hunt.", "--user", "alex", "--supersedes", act)
    assert done.exit_code == 0, done.output
    assert run(world.root, "stage", "x", "--user", "alex", "--supersedes", act, "--retracts", act).exit_code == 2
    assert run(world.root, "once").exit_code == 0
    assert world.gate()[0]["supersedes"] == act
