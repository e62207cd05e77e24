"""`forget`: asks twice, and leaves nothing of the text."""

from __future__ import annotations

import json

import pytest
from click.shell_completion import ShellComplete
from recursion_gate import cli
from recursion_gate.audit.verify import verify
from recursion_gate.core.paths import Root
from recursion_gate.disk.lock import hold

from ..support.daemon import Daemon, call
from ..support.terminal import Terminal
from ..support.world import World
from .test_cli import run

SECRET = "My brother Ferdinand is afraid of the cellar."


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


@pytest.fixture
def act(world: World) -> str:
    world.stage("a", SECRET)
    world.approve("a")
    world.reconciler.close()
    return str(world.receipts()[-1]["evidence_id"])


def pieces_left(root: Root) -> list[str]:
    pieces = [SECRET[i : i + 12].encode() for i in range(len(SECRET) - 11)]
    files = [path for path in root.path.rglob("*") if path.is_file()]
    return [f"{path}: {piece!r}" for path in files for piece in pieces if piece in path.read_bytes()]


def test_a_real_daemon_forgets_and_it_is_said(world: World, act: str) -> None:
    with Daemon(world.root, "--verbose"):
        done = call(world.root, "forget", act, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{act} is forgotten" in done.stdout
    assert "This is out of reach:" in done.stdout
    assert "Ferdinand" not in done.stdout + done.stderr
    assert pieces_left(world.root) == []  # the daemon's log lies there, too
    last = world.receipts()[-1]
    assert (last["action"], last["via"], last["evidence_id"]) == ("forgotten", "cli", act)
    [proof] = verify(world.root, ["alex"])
    assert not [f for f in proof.findings if f.severity == "fault"]


def test_the_second_question_wants_the_end_of_the_id(world: World, act: str) -> None:
    for answers in (["no"], ["yes", "wrong"], ["yes", ""]):
        done = run(world.root, "forget", act, stdin="".join(f"{a}\n" for a in answers))
        assert done.exit_code == 1
        assert "nothing was forgotten" in done.output
    assert SECRET in done.output  # a person sees what it is about
    assert len(world.receipts()) == 1
    done = run(world.root, "forget", act, stdin=f"yes\n{act[-4:]}\n")
    assert done.exit_code == 0, done.output
    assert pieces_left(world.root) == []


def test_on_a_terminal_esc_leaves_it_as_it_is(world: World, act: str) -> None:
    terminal = Terminal(world.root, "forget", act)
    terminal.type_until("yes\n", "Type the last 4 characters")
    terminal.type_until("\x1b", "nothing was forgotten")
    assert terminal.end()[0] == 1
    assert len(world.receipts()) == 1


@pytest.mark.parametrize("state", ["waits", "rejected"])
def test_what_waits_or_was_rejected_can_be_forgotten(world: World, state: str) -> None:
    world.stage("a", SECRET)
    if state == "rejected":
        world.reject("a")
    world.reconciler.close()
    answer = json.loads(run(world.root, "forget", "a", "--yes", "--json").stdout)
    assert (answer["done"], answer["id"], answer["evidence_id"]) == (True, "a", None)
    assert pieces_left(world.root) == []
    assert world.gate_ids() == []


def test_what_is_not_done_yet_ends_with_1_and_names_no_text(world: World, act: str) -> None:
    with hold(world.root):
        done = run(world.root, "forget", act, "--yes", "--wait", "0.1")
    assert done.exit_code == 1
    assert "asked for; the daemon has not done it yet" in done.output
    [request] = world.names("undo")
    assert "Ferdinand" not in request + (world.place.undo / request).read_text()
    assert run(world.root, "once").exit_code == 0
    assert pieces_left(world.root) == []


def test_twice_is_once(world: World, act: str) -> None:
    assert run(world.root, "forget", act, "--yes").exit_code == 0
    for given in (act, "a"):
        done = run(world.root, "forget", given, "--yes")
        assert (done.exit_code, "was forgotten already" in done.output) == (1, True)
    done = run(world.root, "approve", "a")
    assert "was forgotten on" in done.output
    assert "undo" not in done.output


def test_json_asks_nothing(world: World, act: str) -> None:
    assert run(world.root, "forget", act, "--json").exit_code == 2


@pytest.mark.parametrize("command", ["undo", "correct", "retract", "forget"])
def test_the_shell_completes_ids_and_learns_no_text(world: World, act: str, command: str) -> None:
    found = ShellComplete(cli.main, {}, "recursion-gate", "_X").get_completions(
        ["--root", str(world.root.path), command], ""
    )
    assert {item.value for item in found} == {"a", act}
    assert not [item for item in found if item.help]
