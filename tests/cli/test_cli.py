"""The commands of the contract: what they print, what they return (0 done, 1 not so, 2 usage)."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from recursion_gate import cli
from recursion_gate.cli import main
from recursion_gate.cli.output import wrapped
from recursion_gate.core.paths import RECORD_FILES, Root
from recursion_gate.disk import atomic
from recursion_gate.engine.reconcile import Outcome, Reconciler
from recursion_gate.formats import cards
from rich.cells import cell_len

from ..support.daemon import PROGRAM, Daemon, call
from ..support.roots import add_user
from ..support.terminal import Terminal
from ..support.world import PATIENCE, World, tree, wait_for


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
    _, about = cli.COMMANDS[name]
    command = cli.main.get_command(click.Context(cli.main), name)
    assert command is not None
    assert command.help is not None
    assert command.name == name
    assert command.help.startswith(about.rstrip("."))
    for words in [[name], *([name, inner] for inner in getattr(command, "commands", {}))]:
        result = run(None, *words, "--help")
        assert result.exit_code == 0
        assert "Example" in result.output, f"{words} --help shows no example"


def _options() -> list[tuple[str, click.Option]]:
    """Each option of each command, behind the words that call it."""
    found: list[tuple[str, click.Option]] = []
    for name in cli.COMMANDS:
        command = cli.main.get_command(click.Context(cli.main), name)
        assert command is not None
        inner = getattr(command, "commands", {})
        for words, each in [(name, command), *((f"{name} {word}", it) for word, it in inner.items())]:
            found += [(f"{words} {p.opts[0]}", p) for p in each.params if isinstance(p, click.Option) and not p.hidden]
    return found


def test_each_option_says_what_it_does_and_what_it_takes() -> None:
    context = click.Context(cli.main)
    taken: dict[str, set[str]] = {}
    for words, option in _options():
        assert option.help, f"{words} has no help"
        if not option.is_flag:
            taken.setdefault(option.opts[0], set()).add(option.make_metavar(context))
            assert "RANGE" not in option.make_metavar(context), f"{words} does not say what it takes"
    assert taken["--user"] == {"NAME"}
    assert taken["--source"] == {"NAME", "TEXT"}  # a filter takes a part of the name
    assert {words.rpartition(" ")[0] for words, o in _options() if o.metavar == "TEXT" and o.name == "source"} <= {
        "pending",
        "review",
        "receipts",
    }


def test_the_help_lists_each_command_under_a_heading() -> None:
    lists = run(None, "--help").output.partition("Options:")[2].partition("\n\n")[2]
    headings = re.findall(r"^[A-Z].*:$", lists, re.MULTILINE)
    assert len(headings) >= 6
    assert re.findall(r"^  ([a-z]+(?:-[a-z]+)*) ", lists, re.MULTILINE) == [*cli.COMMANDS]


def test_a_misspelt_command_names_the_nearest() -> None:
    result = run(None, "aprove", "x")
    assert result.exit_code == 2
    assert "Did you mean 'approve'?" in result.output


def test_help_and_stage_load_no_dependency_but_click(root: Root) -> None:
    for args in (["--help"], ["--root", str(root.path), "stage", "Fine.", "--user", "alex"]):
        slow = ("pydantic", "watchdog", "yaml", "portalocker", "rich", "tomlkit", "rapidfuzz")
        code = (
            "import sys; from recursion_gate.cli import main\n"
            f"main({args!r}, prog_name='recursion-gate', standalone_mode=False)\n"
            f"print({{m for m in {slow!r} if m in sys.modules}}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "set()"


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


def test_init_says_what_is_wrong_with_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    for where in (file, file / "root"):
        result = run(None, "init", str(where))
        assert result.exit_code == 1
        assert result.stderr == f"Error: {file} is a file, not a folder: name a folder for the root.\n"
    assert file.read_text() == "mine"


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


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "_template",
        ".hidden",
        "a/b",
        "a b",
        "",
        "x" * 65,
        "-rf",
        "Alex",
        "alex",
        "con",
        "Lpt1",
        "com¹",
        "nul.md",
        "a.",
        "pending",
        "Problems",
        "undo",
    ],
)
def test_a_name_that_no_user_can_have_makes_nothing(root: Root, name: str) -> None:
    before = tree(root.path)
    result = run(root, "user", "add", "--", name)
    assert result.exit_code == (1 if name.lower() == "alex" else 2)
    assert tree(root.path) == before


def test_init_with_a_name_that_no_user_can_have_makes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "new"), "--user", "robin", "--user", "a b"])
    assert (result.exit_code, "'a b' cannot be a user's name" in result.output) == (2, True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["connie", "console", "com", "lpt10", "a.con"])
def test_a_name_that_only_begins_as_a_device_does_is_one(root: Root, name: str) -> None:
    assert run(root, "user", "add", name).exit_code == 0


# -- stage ------------------------------------------------------------------------------------------------------------


def test_stage_writes_a_drop_and_prints_its_path(world: World) -> None:
    result = run(
        world.root, "stage", "Built a box.", "--user", "alex", "--skill", "work", "--section", "none", "--source", "me"
    )
    path = Path(result.stdout.strip())
    assert path.parent == world.place.inbox
    drop = json.loads(path.read_text())
    assert drop == {"raw_text": "Built a box.", "skill_tag": "WORK", "suggested_ix_section": None, "source": "me"}
    assert not world.place.gate.exists()
    world.reconcile()
    assert world.gate()[0]["suggested_ix_section"] is None


def test_stage_reads_standard_input_and_knows_the_only_user(world: World) -> None:
    assert run(world.root, "stage", "-", stdin="From a pipe.\n").exit_code == 0
    world.reconcile()
    assert world.gate()[0]["raw_text"] == "From a pipe."
    assert run(world.root, "stage", "-", stdin="  \n").exit_code == 2
    add_user(world.root, "sam")
    assert "alex, sam" in run(world.root, "stage", "For whom?").output


def test_which_user_is_asked_where_there_are_several_or_none_can_be_listed(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_user(root, "bo")
    result = run(root, "stage", "Read.")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "which user? --user NAME; the users are: alex, bo." in result.stderr

    def closed(self: Root) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(self.homes))

    monkeypatch.setattr(Root, "users", closed)  # to an agent's account users/ is closed
    result = run(root, "stage", "Read.")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "which user? --user NAME; this account may not list the users." in result.stderr
    assert run(root, "stage", "Read.", "--user", "alex").exit_code == 0


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
    world.drop("b.txt", b"\0")
    world.drop("c.json.filepart", b"x")
    result = run(world.root, "once", "--json")
    assert (result.exit_code, json.loads(result.stdout)["done"]) == (0, {"staged": 1, "refused": 1})
    assert json.loads(result.stdout)["resting"] == {"alex": ["inbox/alex/c.json.filepart"]}
    told = run(world.root, "once").output
    assert told.startswith("nothing to do\nalex: left: inbox/alex/c.json.filepart: still being written, or rests")
    (world.place.inbox / "c.json.filepart").unlink()
    assert run(world.root, "once").output == "nothing to do\n"


def test_once_fails_when_a_user_is_parked(world: World) -> None:
    world.place.gate.write_text("garbage")
    result = run(world.root, "once", "--json")
    assert result.exit_code == 1
    assert "recursion-gate.json" in json.loads(result.stdout)["parked"]["alex"]


def test_once_does_not_wait_for_a_parked_user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looked again and again for a minute, since the next look came before a file would have settled."""
    world.root.settings.write_text("look_seconds = 1\npatience_seconds = 3\n")
    world.place.gate.write_text("garbage")
    turns: list[str] = []
    reconcile = Reconciler.reconcile

    def counted(self: Reconciler, user: str) -> Outcome:
        turns.append(user)
        return reconcile(self, user)

    monkeypatch.setattr(Reconciler, "reconcile", counted)
    assert run(world.root, "once").exit_code == 1
    assert turns == ["alex"]


def test_a_card_that_the_daemon_reads_is_read_by_the_commands_too(world: World) -> None:
    """`approve` took the default for its limit, whatever the settings say."""
    world.root.settings.write_text("max_drop_bytes = 10_000_000\n")
    card = world.stage("big")
    card.write_bytes(card.read_bytes() + b" " * 17_000_000)
    assert run(world.root, "show", "big").exit_code == 0
    assert "card-" not in run(world.root, "doctor", "--json").output
    result = run(world.root, "approve", "big")
    assert (result.exit_code, world.names("pending")) == (0, [])


def test_status_tells_what_waits_and_what_was_done_last(world: World) -> None:
    result = run(world.root, "status")
    assert result.exit_code == 1
    assert "not running" in result.output
    (world.root.inbox / "robin").mkdir()
    with Daemon(world.root):
        world.drop("a.json", {"id": "a", "text": "x"})
        world.drop("b.txt", b"\0")
        wait_for(lambda: world.names("pending") and len(world.names("problems")) == 2 and not world.names())
        data = wait_for(
            lambda: (s := json.loads(call(world.root, "status", "--json").stdout))["daemon"].get("last") and s
        )
        assert data["alive"] is True
        assert data["waiting"]["alex"]["pending"] == 1
        assert data["waiting"]["alex"]["problems"] == 1
        assert data["unknown"] == ["robin"]
        assert {e["what"] for e in data["daemon"]["last"]} <= {"staged", "refused"}
        text = call(world.root, "status").stdout
        assert "recursion-gate user add robin" in text
        assert "alex: 1 pending, 1 problems" in text


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
    world.reconcile()
    (receipt,) = world.receipts()
    assert (receipt["candidate_id"], receipt["via"], receipt["reason"]) == ("a-1", "cli", 'Because: "yes"')
    assert receipt["approved"] is None, "the card was not edited"
    assert receipt["by"]


def test_reject_keeps_the_reason(world: World) -> None:
    world.stage("a", "One.")
    assert run(world.root, "reject", "a", "--reason", "Said twice.").exit_code == 0
    world.reconcile()
    (receipt,) = world.receipts()
    assert (receipt["action"], receipt["reason"], receipt["lines"]) == ("rejected", "Said twice.", {})


def test_an_unknown_or_decided_id_is_not_so(world: World) -> None:
    world.stage("a", "One.")
    assert run(world.root, "approve", "zzz").exit_code == 1
    assert run(world.root, "approve", "a").exit_code == 0
    again = run(world.root, "approve", "a")
    assert again.exit_code == 1
    assert "in approved/ already" in again.output
    world.reconcile()
    assert run(world.root, "approve", "a").exit_code == 1
    assert run(world.root, "approve").exit_code == 2
    assert len(world.receipts()) == 1


def test_approve_waits_for_a_live_daemon(world: World) -> None:
    with Daemon(world.root):
        for number in range(20):
            world.drop(f"{number}.json", {"id": f"c{number}", "text": "x"})
            wait_for(lambda number=number: world.cards(f"c{number}"))  # type: ignore[misc]
            said = call(world.root, "approve", f"c{number}").stdout
            if "approved and carried out" in said:
                break
            assert "the daemon has not carried it out yet" in said  # a busy machine: that is no test of a wait
    assert "approved and carried out" in said
    assert len(world.receipts()) == number + 1


def test_what_a_person_wrote_into_the_card_is_approved_and_shown(world: World) -> None:
    card = world.stage("a", "Frist words.")
    card.write_text(card.read_text().replace("Frist words.", "First words.", 1))
    assert "First words." in run(world.root, "show", "a").output
    run(world.root, "approve", "a")
    world.reconcile()
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
    world.reconcile()
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
    assert "skill_tag must be THINK, WRITE, WORK or STEWARD; found 'SLEEP'" in result.output
    assert card.read_bytes() == before


def test_review_takes_single_keys_on_a_terminal(world: World) -> None:
    world.stage("a", "I learned a.")
    world.stage("b", "I learned b.")
    terminal = Terminal(world.root, "review")
    terminal.type_until("?", "in $EDITOR, then look at it again")
    terminal.type_until("a", "1 left · b · [a]pprove")
    terminal.type_until("q", "1 approved, 0 rejected, 0 skipped, 1 left")
    assert terminal.end()[0] == 0
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["a"]


def test_ctrl_c_at_a_reason_leads_back_to_the_card_and_at_a_card_ends_with_the_summary(world: World) -> None:
    world.stage("a", "I learned a.")
    world.stage("b", "I learned b.")
    terminal = Terminal(world.root, "review")
    terminal.type_until("r", "reason (or Enter)")
    terminal.type_until("\x03", "2 left · a · [a]pprove", every=PATIENCE)
    terminal.type_until("a", "1 left · b · [a]pprove")
    terminal.type_until("\x03", "1 approved, 0 rejected, 0 skipped, 1 left", every=PATIENCE)
    code, said = terminal.end()
    assert code == 130
    assert "Aborted" not in said
    world.reconcile()
    assert [(r["candidate_id"], r["action"]) for r in world.receipts()] == [("a", "approved")]


def test_ctrl_c_in_the_editor_is_the_editors(world: World, tmp_path: Path) -> None:
    world.stage("a", "I learned a.")
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\ntrap : INT\nkill -INT 0\nsed -i "s/learned a/wrote b/" "$1"\n'
    )  # 0: its whole terminal
    editor.chmod(0o755)
    terminal = Terminal(world.root, "review", EDITOR=str(editor), VISUAL=str(editor))
    terminal.type_until("e", "I wrote b.")
    terminal.type_until("a", "1 approved, 0 rejected")
    assert terminal.end()[0] == 0


def test_on_a_small_terminal_the_prompt_names_the_card_and_no_word_is_broken(world: World) -> None:
    words = [f"word{number}" * 2 for number in range(400)]
    world.drop("a.json", {"text": " ".join(words)})
    world.reconcile()
    (made,) = world.gate_ids()
    terminal = Terminal(world.root, "review")
    terminal.type_until("m", "## Activity")
    terminal.type_until("q", "0 approved")
    code, said = terminal.end()
    lines = said.split("\n")
    assert code == 0
    assert f"1 left · {made.rpartition('-')[2]} · [a]pprove [r]eject [e]dit [s]kip [b]ack [u]ndo [q]uit [?]" in said
    assert max(map(len, lines)) <= 80
    assert set(words) <= set(said.split())


def test_an_edit_that_cannot_be_read_is_opened_again_as_it_was_typed(world: World, tmp_path: Path) -> None:
    world.stage("a", "I learned a.")
    editor = tmp_path / "editor"
    editor.write_text(
        "#!/bin/sh\n"
        'if grep -q SLEEP "$1"; then sed -i "s/SLEEP/WORK/" "$1"; else\n'
        'sed -i "s/THINK/SLEEP/; s/learned a/wrote three pages/" "$1"; fi\n'
    )
    editor.chmod(0o755)
    result = CliRunner(env={"EDITOR": str(editor)}).invoke(
        cli.main, ["--root", str(world.root.path), "review"], input="e\ne\na\n"
    )
    assert "skill_tag must be THINK, WRITE, WORK or STEWARD; found 'SLEEP'" in result.output
    assert "The card is as it was. 'e' opens what you typed once more." in result.output
    assert "inbox folder" not in result.output
    assert "1 approved" in result.output
    world.reconcile()
    approved = world.receipts()[0]["approved"]
    assert (approved["raw_text"], approved["skill_tag"]) == ("I wrote three pages.", "WORK")


def test_review_writes_the_preview_of_an_edited_card_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    card = world.stage("a", "I learned a.")
    monkeypatch.setenv("EDITOR", "sed -i 's/THINK/WORK/; 0,/learned a/s//built b/'")
    run(world.root, "review", stdin="e\nq\n")
    text = card.read_text()
    assert "learned" not in text
    adds = json.loads(run(world.root, "show", "a", "--json").output)["adds"]
    _, _, below = text.partition(cards.MARKER)
    assert [line.strip() for line in below.splitlines() if line.startswith("    ")] == [add["line"] for add in adds]
    assert "self-skill-work.md" in below


def test_an_edited_card_is_marked_and_listed_as_it_is_now(world: World) -> None:
    card = world.stage("a", "Frist words.")
    broken = world.stage("b", "Other words.")
    world.stage("c", "Untouched.")
    world.move(world.card("c"), "approved")
    card.write_text(card.read_text().replace("Frist words.", "First words.", 1))
    broken.write_text(broken.read_text().replace("THINK", "SLEEP"))
    data = {d["id"]: d for d in json.loads(run(world.root, "pending", "--json").output)}
    assert {i: d["edited"] for i, d in data.items()} == {"a": True, "b": True, "c": False}
    assert data["a"]["raw_text"] == "First words."
    assert "skill_tag must be" in data["b"]["problem"]
    rows = [line.split("\t")[5] for line in run(world.root, "pending").output.splitlines()]
    assert rows == ["(edited) First words.", "(edited: cannot be read) Other words.", "(approved) Untouched."]
    assert "pending/" in run(world.root, "show", "b").output


# -- a user whose files do not parse ----------------------------------------------------------------------------------


@pytest.fixture
def with_a_broken_user(world: World) -> World:
    """Alex works; bo's gate does not parse."""
    add_user(world.root, "bo")
    world.stage("a-1", "One.")
    world.stage("a-2", "Two.")
    (world.root.place("bo").gate).write_text("garbage")
    return world


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["pending"], "a-1"),
        (["pending", "--json"], '"a-1"'),
        (["show", "a-1"], "One."),
        (["approve", "a-1"], "a-1: approved"),
        (["reject", "a-1"], "a-1: rejected"),
        (["review"], "2 left"),
    ],
)
def test_one_users_broken_gate_stops_no_command_for_the_others(
    with_a_broken_user: World, args: list[str], told: str
) -> None:
    result = run(with_a_broken_user.root, *args, stdin="q\n")
    assert result.exit_code == 0, result.output
    assert told in result.stdout
    assert "bo is left out: users/bo/recursion-gate.json: this is not a gate" in result.stderr


@pytest.mark.parametrize("args", [["pending"], ["review"], ["show", "a-1"], ["approve", "a-1"]])
def test_what_was_asked_of_a_broken_user_alone_is_not_so(with_a_broken_user: World, args: list[str]) -> None:
    result = run(with_a_broken_user.root, *args, "--user", "bo")
    assert result.exit_code == 1
    assert "users/bo/recursion-gate.json: this is not a gate" in result.stderr


def test_an_id_that_is_not_found_may_be_a_broken_users(with_a_broken_user: World) -> None:
    result = run(with_a_broken_user.root, "show", "b-1")
    assert result.exit_code == 1
    assert "bo is left out" in result.stderr
    assert "'b-1' is not at the gate" in result.stderr


@pytest.mark.parametrize("more", [[], ["--json"], ["--last", "5"]])
def test_one_users_broken_receipts_hide_no_others(world: World, more: list[str]) -> None:
    world.stage("a-1", "One.")
    world.approve("a-1")
    bo = add_user(world.root, "bo")
    bo.receipts.mkdir(exist_ok=True)
    bo.ledger.write_text("garbage\n")
    result = run(world.root, "receipts", *more)
    assert (result.exit_code, "a-1" in result.stdout) == (0, True)
    assert "bo is left out: receipts/bo/merge-receipts.jsonl: a line is not a receipt" in result.stderr
    assert run(world.root, "receipts", *more, "--user", "bo").exit_code == 1
    head = run(world.root, "receipts", "head")
    assert (head.exit_code, head.stdout.split()[0]) == (1, "alex")


# -- a disk without room ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("args", [["pending"], ["pending", "--json"], ["status"], ["schema", "drop"], ["--help"]])
def test_output_that_nobody_takes_is_one_line(world: World, args: list[str]) -> None:
    world.stage("a", "One.")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "--root", str(world.root.path), *args], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "Error: standard output: no space left on device. Make room there, then do it again.\n"


@pytest.mark.parametrize("command", [["stage", "x"], ["approve", "a"], ["init", "--user", "bo"]])
def test_a_full_disk_is_one_line_that_says_where_and_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    world.stage("a", "One.")

    def full(fd: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.calls, "write", full)
    result = run(world.root, *command)
    assert result.exit_code == 1
    assert str(world.root.path) in result.stderr
    assert result.stderr.endswith(": no space left on device. Make room there, then do it again.\n")
    assert result.stderr.count("\n") == 1


# -- how it looks -----------------------------------------------------------------------------------------------------


def test_listings_fit_a_terminal_of_80_columns_with_made_ids_and_wide_letters(world: World) -> None:
    world.drop("a.json", {"text": "龍の本の第二章を読んで、渡りの習慣をまとめた。" * 3})
    world.drop("b.json", {"text": "Read chapter 2 of Dragon Guide; summarized migration habits, and more."})
    world.reconcile()
    ids = world.gate_ids()
    _fits(world, "pending", "IX-", "SECTION")
    world.approve(*ids)
    _fits(world, "receipts", "approved", "DECISION")


def _fits(world: World, command: str, value: str, head: str) -> None:
    """Two rows and their heads, none longer than 80 columns, and `value` stands under `head`."""
    code, said = Terminal(world.root, command).end()
    lines = said.rstrip("\n").split("\n")
    assert (code, len(lines)) == (0, 3)
    assert max(map(cell_len, lines)) <= 80
    assert {line.index(value) for line in lines[1:]} == {lines[0].index(head)}


def test_a_shortened_id_in_a_listing_can_be_typed(world: World) -> None:
    world.drop("b.json", {"text": "Read chapter 2 of Dragon Guide; summarized migration habits, and more."})
    world.drop("long.json", {"id": "a-long-id-that-somebody-gave-it-by-hand", "text": "Long."})
    world.reconcile()
    _, said = Terminal(world.root, "pending").end()
    for line in said.rstrip("\n").split("\n")[1:]:
        assert run(world.root, "show", line.split()[1]).exit_code == 0, line


def test_review_goes_on_where_the_editor_or_the_disk_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stage("a", "One.")
    monkeypatch.setenv("EDITOR", "false")

    def full(fd: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.calls, "write", full)
    result = run(world.root, "review", stdin="e\na\nq\n")
    assert result.exit_code == 0
    assert "Editing failed" in result.output
    assert "inbox/alex/approved: no space left on device. Make room there" in result.output
    assert "0 approved, 0 rejected, 0 skipped, 1 left" in result.output


def test_a_message_is_broken_at_blanks_and_keeps_its_indent(world: World) -> None:
    world.place.gate.write_text("[{]")
    _, said = Terminal(world.root, "status").end()
    (at,) = [n for n, line in enumerate(said.split("\n")) if line.startswith("  parked: ")]
    lines = said.rstrip("\n").split("\n")[at:]
    assert len(lines) > 1
    assert all(line.startswith("    ") and len(line) <= 80 for line in lines[1:])
    told = " ".join(line.strip() for line in lines)
    assert told.removeprefix("parked: ") in run(world.root, "status").output


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four five six", ["one two three four", "  five six"]),
        ("x" * 45, ["x" * 18, "  " + "x" * 18, "  " + "x" * 9]),
        ("a " + "龍" * 12, ["a", "  " + "龍" * 9, "  " + "龍" * 3]),
        ("a  b", ["a  b"]),
        ("", [""]),
    ],
)
def test_text_is_wrapped_by_columns(text: str, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "20")
    assert wrapped(text, "", "  ").split("\n") == lines


def test_a_text_that_is_not_utf8_is_said_in_a_line(root: Root) -> None:
    done = subprocess.run(
        [*PROGRAM, "--root", str(root.path), "stage", b"caf\xe9"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: the text is not UTF-8, or holds half a character: save it as UTF-8\n",
    )


def test_a_clock_that_is_no_time_is_said_in_a_line(root: Root) -> None:
    done = call(root, "once", env=os.environ | {"RECURSION_GATE_NOW": "soon"})
    assert (done.returncode, done.stderr) == (1, "Error: $RECURSION_GATE_NOW: 'soon' is not an instant (ISO 8601)\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_standard_stream_is_no_fault(root: Root, closed: str) -> None:
    shell = f'"$0" -m recursion_gate --root "$1" pending {closed}'
    done = subprocess.run(["sh", "-c", shell, sys.executable, root.path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_to_stage_without_a_daemon_says_that_nothing_will_happen_yet(root: Root) -> None:
    def told() -> tuple[int, str]:
        done = call(root, "stage", "Fine.", "--user", "alex")
        assert done.stdout.startswith(str(root.inbox))
        return done.returncode, done.stderr

    assert told() == (0, "No daemon runs here: it is staged when one does ('recursion-gate run', or 'once').\n")
    assert call(root, "once").returncode == 0
    assert told()[1] != ""
    with Daemon(root):
        assert told() == (0, "")


@pytest.mark.parametrize("command", ["approve", "reject", "show"])
def test_a_command_on_a_decided_id_says_what_was_decided_when_and_as_what(world: World, command: str) -> None:
    act = world.stage("yes-1").read_text().partition("ACT-")[2].partition(" ")[0]
    world.stage("no-1")
    world.approve("yes-1")
    card = world.card("no-1")
    card.write_text(card.read_text().replace("---\n", "---\nreason: said twice\n", 1))
    world.reject("no-1")
    today = world.receipts()[0]["merged_at"][:10]
    for given in ("yes-1", "yes", f"ACT-{act}"):
        done = run(world.root, command, given)
        assert done.exit_code == 1
        assert f"waits no longer: it was approved on {today} as ACT-{act}, for alex. " in done.stderr
        assert "recursion-gate undo" in done.stderr
    assert f"it was rejected on {today} (said twice), for alex." in run(world.root, command, "no-1").stderr
    assert "'neither' is not at the gate" in run(world.root, command, "neither").stderr
