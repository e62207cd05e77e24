"""`review`, and what else a person meets on a terminal."""

from __future__ import annotations

import json
import re

import pytest
from recursion_gate.core.paths import Root

from ..support.terminal import Terminal
from ..support.world import World
from .test_cli import run


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


def _staged(world: World, more: str = "") -> None:
    for number in range(6):
        world.stage(f"c{more}{number}", f"Did thing {number}.")


def test_a_key_that_is_held_down_decides_on_one_card_only(world: World) -> None:
    for attempt in range(20):
        _staged(world, f"{attempt}-")
        left, decided = len(world.gate_ids()) - 1, len(world.receipts())
        terminal = Terminal(world.root, "review")
        terminal.type_until("a", f"{left} left · ")
        held = terminal.hold("a", 2)
        terminal.type_until("q", "left\r\n")
        said = terminal.end()[1]
        if held:
            break
        world.reconcile()  # a busy machine let the key go meanwhile: that is no test of a key that is held down
    assert held
    assert f"1 approved, 0 rejected, 0 skipped, {left} left" in said
    world.reconcile()
    assert len(world.receipts()) == decided + 1


def test_esc_leaves_the_question_for_a_reason_and_nothing_is_rejected(world: World) -> None:
    world.stage("a", "One.")
    terminal = Terminal(world.root, "review")
    terminal.type_until("r", "reason (or Enter)")
    terminal.type_until("half a reason\x1b", "1 left · a · [a]pprove")
    terminal.type_until("q", "0 approved, 0 rejected, 0 skipped, 1 left")
    assert terminal.end()[0] == 0
    assert world.names("pending")
    assert not world.names("rejected")


def test_b_goes_back_and_takes_back_what_is_not_carried_out(world: World) -> None:
    card = world.stage("a", "One.")
    world.stage("b", "Two.")
    before = card.read_bytes()
    terminal = Terminal(world.root, "review")
    terminal.type_until("a", "1 left · b · [a]pprove")
    terminal.type_until("b", "2 left · a · [a]pprove")
    terminal.type_until("b", "this is the first card")
    terminal.type_until("q", "0 approved, 0 rejected, 0 skipped, 2 left")
    assert terminal.end()[0] == 0
    assert card.read_bytes() == before
    world.reconcile()
    assert world.receipts() == []
    assert world.gate_ids() == ["a", "b"]


def test_b_tells_that_a_decision_is_carried_out(world: World) -> None:
    world.stage("a", "One.")
    world.stage("b", "Two.")
    terminal = Terminal(world.root, "review")
    terminal.type_until("a", "1 left · b · [a]pprove")
    world.reconcile()
    terminal.type_until("b", "is carried out")
    terminal.type_until("q", "1 approved, 0 rejected, 0 skipped, 1 left")
    assert terminal.end()[0] == 0
    assert len(world.receipts()) == 1


def test_a_slash_finds_a_card_by_its_words_and_the_others_come_after(world: World) -> None:
    _staged(world)
    world.stage("last", "The moon was full.", source="diary")
    terminal = Terminal(world.root, "review")
    terminal.type_until("/", "find (words), Esc leaves: ")
    terminal.type_until("MOON diary\n", "7 left · last · [a]pprove")
    terminal.type_until("s", "6 left · c0 · [a]pprove")
    terminal.type_until("/", "find (words), Esc leaves: ")
    terminal.type_until("comet\n", "no other card has 'comet'")
    terminal.type_until("q", "0 approved, 0 rejected, 1 skipped, 6 left")
    assert terminal.end()[0] == 0


def test_an_unknown_key_is_answered_by_those_there_are(world: World) -> None:
    world.stage("a", "One.")
    terminal = Terminal(world.root, "review")
    terminal.type_until("x", "a approve, r reject, e edit")
    terminal.type_until("\x1b[A", "a approve, r reject, e edit")  # an arrow
    terminal.type_until("q", "0 approved")
    assert terminal.end()[0] == 0
    assert world.names("pending")


@pytest.mark.parametrize("size", [(80, 24), (40, 24)])
def test_a_card_is_one_screen_whatever_it_says(world: World, size: tuple[int, int]) -> None:
    text = "\n".join(f"Line {number} of a long entry about the sea and its tides." for number in range(300))
    said = {"source": "diary", "score": "9/10", "skill_tag": "WRITE", "created_at": "2026-11-24T16:30:00Z"}
    world.stage("a", text, **said)
    world.approve("a")
    world.stage("b", text, **said)
    terminal = Terminal(world.root, "review", COLUMNS=str(size[0]), LINES=str(size[1]))
    terminal.type_until("q", "0 approved")
    shown = terminal.end()[1]
    screen = shown[shown.index("── 1 left") : shown.index("[?]")]
    assert screen.count("\n") < size[1]
    assert max(map(len, screen.split("\n"))) <= size[0]
    assert screen.count("Line 0 of") == 1
    assert "m shows all of it" in screen
    words = " ".join(screen.split())
    for detail in ("WRITE", "IX-C (personality)", "from diary", "score 9/10", "2026-11-24T16:30:00Z"):
        assert detail in words
    for file in ("self-evidence.md", "self-personality.md", "self-skill-write.md"):
        assert f"+ {file}, " in screen


def test_m_shows_all_of_a_card(world: World) -> None:
    world.stage("a", "\n".join(f"Line {number}." for number in range(300)))
    terminal = Terminal(world.root, "review")
    terminal.type_until("m", "self-skill-think.md\r\n")
    terminal.type_until("q", "0 approved")
    said = terminal.end()[1]
    assert "Line 299." in said
    assert "+- • Line 0. Line 1." in said


IMITATES = """I read a book.

WORK · evidence only · from the user
alex · 2026-11-24T10:00:00Z · a

self-evidence.md
+ self-evidence.md, Activity Log
+- • I may approve for myself. — ACT-2026-11-24-x
... 5 more lines: m shows all of it
0 left · a · [a]pprove [r]eject"""


@pytest.mark.parametrize("width", [80, 30])
@pytest.mark.parametrize("command", ["show a", "review"])
def test_no_line_of_a_text_can_be_taken_for_a_line_of_the_program(world: World, command: str, width: int) -> None:
    world.stage("a", IMITATES)
    terminal = Terminal(world.root, *command.split(), COLUMNS=str(width), LINES="60")
    if command == "review":
        terminal.type_until("m", "self-skill-think.md\r\n")
        terminal.type_until("q", "0 approved")
    said = terminal.end()[1].split("\n")
    if command == "show a":
        said += run(world.root, "show", "a").stdout.split("\n")
    assert any(line.startswith("> I read a book.") for line in said)
    for start in IMITATES.split("\n")[2:]:
        first = " ".join(start.split()[:4])
        assert not start or any(line.startswith("> " + first[: width - 4]) for line in said)
    own = "\n".join(line for line in said if not line.startswith(("> ", "+- ", "  ")))
    for imitated in ("WORK ·", "evidence only", "T10:00:00Z", "I may approve", "5 more lines", "0 left · "):
        assert imitated not in own
    assert own.count("THINK · IX-A") >= 1


def test_the_context_of_a_long_entry_does_not_fill_the_screen(world: World) -> None:
    world.stage("a", "\n".join(f"Line {number} of a long entry." for number in range(300)))
    world.approve("a")
    world.stage("b", "Short.")
    code, said = Terminal(world.root, "show", "b").end()
    assert code == 0
    assert said.count("\n") < 40
    assert said.count("- • Short. — ACT") == 2


@pytest.mark.parametrize("command", ["pending", "show a", "review", "receipts"])
def test_no_color_is_respected(world: World, command: str) -> None:
    world.stage("b", "Two.")
    world.approve("b")
    world.stage("a", "One.")
    for no_color, wanted in (("", True), ("1", False)):
        terminal = Terminal(world.root, *command.split(), TERM="xterm", NO_COLOR=no_color)
        if command == "review":
            terminal.type_until("q", "0 approved")
        assert terminal.end()[0] == 0
        assert (re.search(rb"\x1b\[[0-9;]*m", terminal.said) is not None) == wanted


@pytest.fixture
def several(world: World) -> World:
    world.stage("a", "One.", source="quiz.py", skill_tag="WRITE", suggested_ix_section="IX-A")
    world.stage("b", "Two.", source="diary", skill_tag="WORK", suggested_ix_section="IX-A")
    world.stage("c", "Three.", source="Quiz two", skill_tag="WRITE", suggested_ix_section=None)
    return world


FILTERS = [
    (["--source", "quiz"], ["a", "c"]),
    (["--skill", "write"], ["a", "c"]),
    (["--skill", "Working"], ["b"]),
    (["--section", "IX-A"], ["a", "b"]),
    (["--section", "knowledge"], ["a", "b"]),
    (["--section", "none"], ["c"]),
    (["--section", "IX-A", "--skill", "WRITE", "--user", "alex"], ["a"]),
    (["--source", "nobody"], []),
]


@pytest.mark.parametrize(("options", "ids"), FILTERS)
def test_pending_and_review_show_only_what_is_asked_for(several: World, options: list[str], ids: list[str]) -> None:
    listed = run(several.root, "pending", "--json", *options)
    assert [c["id"] for c in json.loads(listed.output)] == ids
    reviewed = run(several.root, "review", *options, stdin="s\n" * 9).output
    assert [i for i in "abc" if f"left · {i} · " in reviewed] == ids
    if not ids:
        assert "nothing waits --source nobody" in reviewed


@pytest.mark.parametrize(("options", "ids"), FILTERS)
def test_receipts_show_only_what_is_asked_for(several: World, options: list[str], ids: list[str]) -> None:
    for which in "abc":
        several.approve(which)
    listed = json.loads(run(several.root, "receipts", "--json", *options).output)
    assert [r["candidate_id"] for r in listed] == ids
    newest = json.loads(run(several.root, "receipts", "--json", "--last", "1", *options).output)
    assert [r["candidate_id"] for r in newest] == ids[-1:]


@pytest.mark.parametrize("options", [["--skill", "play"], ["--section", "IX-D"]])
def test_a_filter_that_means_nothing_is_wrong_usage(several: World, options: list[str]) -> None:
    for command in ("pending", "review", "receipts"):
        result = run(several.root, command, *options)
        assert result.exit_code == 2
        assert "is none of" in result.output
