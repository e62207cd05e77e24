"""The commands of the contract: what they print, what they return (0 done, 1 not so, 2 usage)."""

from __future__ import annotations

import importlib
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate import cli
from recursion_gate.layout import RECORD_FILES, Root

from .conftest import add_user
from .daemon import PROGRAM, Daemon, call
from .world import World, tree, wait_for


def run(root: Root | None, *args: str, stdin: str | None = None) -> Result:
    """One command, in this process."""
    where = ["--root", str(root.path)] if root else []
    return CliRunner().invoke(cli.main, [*where, *args], input=stdin, prog_name="recursion-gate")


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


# -- all commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_table_of_commands_is_true_and_each_has_help(name: str) -> None:
    module, about = cli.COMMANDS[name]
    command = getattr(importlib.import_module(f"recursion_gate.cli.{module}"), name.replace("-", "_"))
    assert command.name == name
    assert command.help.startswith(about.rstrip("."))
    result = run(None, name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output, f"{name} --help shows no example"


def test_a_misspelt_command_names_the_nearest() -> None:
    result = run(None, "aprove", "x")
    assert result.exit_code == 2
    assert "Did you mean 'approve'?" in result.output


def test_help_and_stage_load_neither_pydantic_nor_watchdog(root: Root) -> None:
    for args in (["--help"], ["--root", str(root.path), "stage", "Fine.", "--user", "alex"]):
        code = (
            "import sys; from recursion_gate.cli import main\n"
            f"main({args!r}, prog_name='recursion-gate', standalone_mode=False)\n"
            "print({m for m in ('pydantic', 'watchdog', 'yaml', 'portalocker') if m in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == "set()"


def test_the_root_is_found_upward_by_variable_and_by_option(
    root: Root, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(root.place("alex").home)
    assert run(None, "user", "list").output == "alex\n"
    monkeypatch.chdir(tmp_path)
    result = run(None, "pending")
    assert (result.exit_code, "no root here" in result.output) == (1, True)
    monkeypatch.setenv("RECURSION_GATE_ROOT", str(root.path))
    assert run(None, "user", "list").output == "alex\n"
    assert "is not a root" in run(Root(tmp_path), "pending").output


def test_bad_settings_are_named(root: Root) -> None:
    root.settings.write_text("grace_second = 3\n")
    result = run(root, "once")
    assert result.exit_code == 1
    assert "recursion-gate.toml: unknown setting 'grace_second'; did you mean 'grace_seconds'?" in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_and_completes(shell: str, world: World) -> None:
    assert "_RECURSION_GATE_COMPLETE" in run(None, "completion", shell).output
    if shell != "bash":
        return
    world.stage("moon-1", "Looked at the moon.")
    env = os.environ | {
        "_RECURSION_GATE_COMPLETE": "bash_complete",
        "COMP_WORDS": f"recursion-gate --root {world.root.path} approve mo",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(PROGRAM, env=env, capture_output=True, text=True, check=False)
    assert "moon-1" in done.stdout, done.stderr


# -- init, user -------------------------------------------------------------------------------------------------------


def test_init_makes_a_root_that_works_and_may_be_repeated(tmp_path: Path) -> None:
    root = Root(tmp_path / "new")
    assert run(None, "init", str(root.path), "--user", "alex").exit_code == 0
    before = tree(root.path)
    assert {n for n in RECORD_FILES if f"users/alex/{n}" in before} == set(RECORD_FILES)
    assert "Name: alex" in (root.place("alex").home / "self.md").read_text()
    (root.template / "self.md").write_text("My own template.\n")
    assert run(None, "init", str(root.path), "--user", "alex").exit_code == 0
    assert (root.template / "self.md").read_text() == "My own template.\n"
    assert tree(root.path) == before | {"users/_template/self.md": b"My own template.\n"}
    world = World(root)
    world.stage("a", "I learned it.")
    world.approve("a")
    assert world.lines("self-knowledge.md")[-1].startswith("- • I learned it.")


def test_a_new_user_starts_with_the_roots_own_template_and_keeps_a_filled_inbox(root: Root) -> None:
    run(root, "init")
    (root.template / "self.md").write_text("Hello {name}!\n")
    inbox = root.inbox / "robin"
    inbox.mkdir()
    (inbox / "a.json").write_text('{"text": "Early."}')
    assert run(root, "user", "add", "robin").exit_code == 0
    assert (root.place("robin").home / "self.md").read_text() == "Hello robin!\n"
    assert (inbox / "a.json").exists()
    assert [p for p in root.homes.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["../x", "_template", ".hidden", "a/b", "a b", "", "x" * 65, "-rf", "Alex", "alex"])
def test_a_name_that_no_user_can_have_makes_nothing(root: Root, name: str) -> None:
    before = tree(root.path)
    result = run(root, "user", "add", "--", name)
    assert result.exit_code == 1
    assert tree(root.path) == before


# -- stage ------------------------------------------------------------------------------------------------------------


def test_stage_writes_a_drop_and_prints_its_path(world: World) -> None:
    result = run(
        world.root, "stage", "Built a box.", "--user", "alex", "--skill", "work", "--section", "none", "--source", "me"
    )
    path = Path(result.output.strip())
    assert path.parent == world.place.inbox
    drop = json.loads(path.read_text())
    assert drop == {"raw_text": "Built a box.", "skill_tag": "WORK", "suggested_ix_section": None, "source": "me"}
    assert not world.place.gate.exists()
    world.keep()
    assert world.gate()[0]["suggested_ix_section"] is None


def test_stage_reads_standard_input_and_knows_the_only_user(world: World) -> None:
    assert run(world.root, "stage", "-", stdin="From a pipe.\n").exit_code == 0
    world.keep()
    assert world.gate()[0]["raw_text"] == "From a pipe."
    assert run(world.root, "stage", "-", stdin="  \n").exit_code == 2
    add_user(world.root, "sam")
    assert "alex, sam" in run(world.root, "stage", "For whom?").output


@pytest.mark.parametrize("user", ["nobody", "../users/alex", "_template"])
def test_stage_for_an_unknown_user_says_how_to_add_one(world: World, user: str) -> None:
    before = tree(world.root.path)
    result = run(world.root, "stage", "x", "--user", user)
    assert result.exit_code == 1
    assert "recursion-gate user add" in result.output
    assert tree(world.root.path) == before


# -- once, status, pending, show --------------------------------------------------------------------------------------


def test_once_says_what_it_did(world: World) -> None:
    world.drop("a.json", {"id": "a", "text": "x"})
    world.drop("b.png", b"x")
    result = run(world.root, "once", "--json")
    assert (result.exit_code, json.loads(result.stdout)["done"]) == (0, {"staged": 1, "refused": 1})
    assert run(world.root, "once").output == "nothing to do\n"


def test_once_fails_when_a_user_is_parked(world: World) -> None:
    world.place.gate.write_text("garbage")
    result = run(world.root, "once", "--json")
    assert result.exit_code == 1
    assert "recursion-gate.json" in json.loads(result.stdout)["parked"]["alex"]


def test_status_tells_what_waits_and_what_was_done_last(world: World) -> None:
    result = run(world.root, "status")
    assert result.exit_code == 1
    assert "not running" in result.output
    (world.root.inbox / "robin").mkdir()
    with Daemon(world.root):
        world.drop("a.json", {"id": "a", "text": "x"})
        world.drop("b.png", b"x")
        wait_for(lambda: world.names("pending") and len(world.names("refused")) == 2)
        data = wait_for(
            lambda: (s := json.loads(call(world.root, "status", "--json").stdout))["daemon"].get("last") and s
        )
        assert data["alive"] is True
        assert data["waiting"]["alex"]["pending"] == 1
        assert data["waiting"]["alex"]["refused"] == 1
        assert data["unknown"] == ["robin"]
        assert {e["what"] for e in data["daemon"]["last"]} <= {"staged", "refused"}
        text = call(world.root, "status").stdout
        assert "recursion-gate user add robin" in text
        assert "alex: 1 pending, 1 refused" in text


def test_pending_lists_what_waits_in_a_pipe_as_tabs(world: World) -> None:
    world.stage("a", "The first\nof two lines.")
    world.stage("b", "The second.", suggested_ix_section=None)
    rows = [line.split("\t") for line in run(world.root, "pending").output.splitlines()]
    assert [(r[0], r[1], r[3], r[5]) for r in rows] == [
        ("alex", "a", "IX-A", "The first of two lines."),
        ("alex", "b", "-", "The second."),
    ]
    data = json.loads(run(world.root, "pending", "--json").output)
    assert [d["id"] for d in data] == ["a", "b"]
    assert data[0]["card"].startswith("inbox/alex/pending/")
    assert json.loads(run(world.root, "pending", "--user", "alex", "--json").output) == data
    assert run(world.root, "pending", "--user", "nobody").exit_code == 1


def test_show_tells_exactly_what_approving_adds(world: World) -> None:
    world.stage("moon-one", "I learned the moon is far.")
    shown = run(world.root, "show", "moon").output
    adds = json.loads(run(world.root, "show", "moon", "--json").output)["adds"]
    world.approve("moon-one")
    (receipt,) = world.receipts()
    assert {a["file"]: [a["line"]] for a in adds} == receipt["lines"]
    for lines in receipt["lines"].values():
        assert f"+{lines[0]}" in shown


# -- approve, reject, review ------------------------------------------------------------------------------------------


def test_approve_moves_one_card_and_the_receipt_says_how_and_by_whom(world: World) -> None:
    world.stage("a-1", "One.")
    world.stage("a-2", "Two.")
    assert "could be 2 candidates" in run(world.root, "approve", "a-").output
    result = run(world.root, "approve", "a-1", "--reason", 'Because: "yes"')
    assert result.exit_code == 0
    assert "when the daemon runs next" in result.output
    assert world.gate_ids() == ["a-1", "a-2"], "approve itself merges nothing"
    world.keep()
    (receipt,) = world.receipts()
    assert (receipt["candidate_id"], receipt["via"], receipt["reason"]) == ("a-1", "cli", 'Because: "yes"')
    assert receipt["approved"] is None, "the card was not edited"
    assert receipt["by"]


def test_reject_keeps_the_reason(world: World) -> None:
    world.stage("a", "One.")
    assert run(world.root, "reject", "a", "--reason", "Said twice.").exit_code == 0
    world.keep()
    (receipt,) = world.receipts()
    assert (receipt["action"], receipt["reason"], receipt["lines"]) == ("rejected", "Said twice.", {})


def test_an_unknown_or_decided_id_is_not_so(world: World) -> None:
    world.stage("a", "One.")
    assert run(world.root, "approve", "zzz").exit_code == 1
    assert run(world.root, "approve", "a").exit_code == 0
    again = run(world.root, "approve", "a")
    assert again.exit_code == 1
    assert "in approved/ already" in again.output
    world.keep()
    assert run(world.root, "approve", "a").exit_code == 1
    assert run(world.root, "approve").exit_code == 2
    assert len(world.receipts()) == 1


def test_approve_waits_for_a_live_daemon(world: World) -> None:
    with Daemon(world.root):
        world.drop("a.json", {"id": "a", "text": "x"})
        wait_for(lambda: world.names("pending"))
        assert "approved and carried out" in call(world.root, "approve", "a").stdout
    assert len(world.receipts()) == 1


def test_what_a_person_wrote_into_the_card_is_approved_and_shown(world: World) -> None:
    card = world.stage("a", "Frist words.")
    card.write_text(card.read_text().replace("Frist words.", "First words.", 1))
    assert "First words." in run(world.root, "show", "a").output
    run(world.root, "approve", "a")
    world.keep()
    assert world.receipts()[0]["approved"]["raw_text"] == "First words."


def test_review_goes_card_by_card(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for which in "abcd":
        world.stage(which, f"I learned {which}.")
    monkeypatch.setenv("EDITOR", "sed -i s/learned/understood/")
    result = run(world.root, "review", stdin="?\na\nr\nNo.\ne\na\ns\n")
    assert result.exit_code == 0, result.output
    assert "4 left" in result.output
    assert "1 left" in result.output
    assert "2 approved, 1 rejected, 1 skipped, 0 left" in result.output
    world.keep()
    assert {r["candidate_id"]: (r["action"], r["raw_text"], r["reason"]) for r in world.receipts()} == {
        "a": ("approved", "I learned a.", None),
        "b": ("rejected", "I learned b.", "No."),
        "c": ("approved", "I understood c.", None),
    }
    assert world.gate_ids() == ["d"]


def test_review_refuses_an_edit_that_cannot_be_read_and_keeps_the_card(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = world.stage("a", "I learned a.")
    before = card.read_bytes()
    monkeypatch.setenv("EDITOR", "sed -i s/THINK/SLEEP/")
    result = run(world.root, "review", stdin="e\nq\n")
    assert "skill_tag must be THINK, WRITE, WORK or STEWARD" in result.output
    assert card.read_bytes() == before


def test_review_takes_single_keys_on_a_terminal(world: World) -> None:
    world.stage("a", "I learned a.")
    world.stage("b", "I learned b.")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [*PROGRAM, "--root", str(world.root.path), "review"])
    said = b""

    def type_until(key: bytes, what: bytes) -> None:
        # Going over to single keys throws away what was typed before: press again until it is heard.
        nonlocal said
        for _ in range(100):
            os.write(terminal, key)
            while select.select([terminal], [], [], 0.2)[0]:
                said += os.read(terminal, 4096)
                if what in said:
                    return
        raise AssertionError(said)

    type_until(b"?", b"in $EDITOR, then look at it again")
    type_until(b"a", b"1 left")
    type_until(b"q", b"1 approved, 0 rejected, 0 skipped, 1 left")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    world.keep()
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]
