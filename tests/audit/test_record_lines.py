"""`verify` tells a person's own edits of the Record apart from what no receipt accounts for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from recursion_gate.core.paths import Root

from ..support.audited import EVIDENCE, KNOWLEDGE, SEED, codes, edit, faults, look
from ..support.world import World


def _read(world: World) -> tuple[str, str]:
    """The line about the cranes, and its ACT id."""
    receipt = world.receipts()[0]
    return receipt["lines"][KNOWLEDGE][0], receipt["evidence_id"]


EDITS: dict[str, tuple[str, Callable[[str, str, str], str], str]] = {
    "prose added": (KNOWLEDGE, lambda text, line, act: text + "\nMore of this soon.\n", "lines-added"),
    "an item added": (KNOWLEDGE, lambda text, line, act: text + "- • by hand\n", "lines-added"),
    "an id named in prose": (KNOWLEDGE, lambda text, line, act: text + f"\nSee {act} for the start.\n", "lines-added"),
    "an id named inside an item": (
        KNOWLEDGE,
        lambda text, line, act: text + f"- see {act}, it was fun\n",
        "lines-added",
    ),
    "a seed line taken out": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("- • a seed line\n", ""),
        "lines-removed",
    ),
    "a seed line changed": (KNOWLEDGE, lambda text, line, act: text.replace("a seed line", "a seed"), "lines-removed"),
    "a seed line with an ACT id changed": (
        EVIDENCE,
        lambda text, line, act: text.replace("Came with the folder", "Was there"),
        "lines-removed",
    ),
    "a seed line with an ACT id repeated": (EVIDENCE, lambda text, line, act: f"{text}\n{SEED}\n", "lines-added"),
    "an approved line corrected": (KNOWLEDGE, lambda text, line, act: text.replace("cranes", "storks"), "line-changed"),
    "an approved line given a tick box": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("- • L", "- [x] L"),
        "line-changed",
    ),
    "an approved line taken out, with a word in its place": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"<!-- {act} taken out -->"),
        "line-changed",
    ),
    "blanks put behind an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, line + "  "),
        "line-changed",
    ),
    "an approved line broken in two": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("cranes fly", "cranes\n  fly"),
        "line-changed",
    ),
    "an evidence line broken in two": (
        EVIDENCE,
        lambda text, line, act: text.replace("cranes fly", "cranes\n  fly"),
        "line-changed",
    ),
    "a remark below an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"{line}\n  (on page 3)"),
        "lines-added",
    ),
    "a remark below an evidence line": (
        EVIDENCE,
        lambda text, line, act: re.sub(rf"(- {act} .*\n)", r"\1Near the lake.\n", text),
        "line-changed",
    ),
    "the id of an approved line made bold": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(act, f"**{act}**"),
        "line-changed",
    ),
    "the date and the skill of evidence changed": (
        EVIDENCE,
        lambda text, line, act: re.sub(rf"(- {act} .*) — .* — THINK\n", r"\1 — 1999-12-31 — WORK\n", text),
        "line-changed",
    ),
    "all the text of an approved line replaced": (
        KNOWLEDGE,
        lambda text, line, act: text.replace("Learned how cranes fly south.", "Owns the moon."),
        "line-changed",
    ),
    "a comment around an approved line": (
        KNOWLEDGE,
        lambda text, line, act: text.replace(line, f"<!--\n{line}\n-->"),
        "lines-added",
    ),
    "a heading that a merge made renamed": (
        "self-curiosity.md",
        lambda text, line, act: text.replace("## Interests", "## Interests of mine"),
        "lines-removed",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_by_hand_is_told_apart_and_is_no_fault(world: World, name: str) -> None:
    file, change, code = EDITS[name]
    line, act = _read(world)
    edit(world, file, lambda text: change(text, line, act))
    proof = look(world)
    assert proof.holds
    assert code in codes(proof.findings)
    assert {f.severity for f in proof.findings} == {"edit"}


SAME = {
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "line ends of another system": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "no line end at the end": lambda text: text.rstrip("\n"),
    "sections in another order": lambda text: "\n".join(reversed(text.split("\n"))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_no_line_is_not_worth_a_word(world: World, name: str) -> None:
    edit(world, KNOWLEDGE, SAME[name])
    assert look(world).findings == []


def test_a_line_moved_to_another_file_by_hand_is_an_edit(world: World) -> None:
    line, _ = _read(world)
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", ""))
    edit(world, "self.md", lambda text: text + line + "\n")
    (finding,) = look(world).findings
    assert (finding.severity, finding.code, finding.path) == ("edit", "line-moved", "users/alex/self.md")


def test_what_stood_there_before_the_first_receipt_is_seed_whatever_it_looks_like(root: Root) -> None:
    world = World(root)
    edit(world, EVIDENCE, lambda text: text + "- ACT-2025-02-02-0002 — By another tool. — 2025-02-02 — WORK\n")
    (finding,) = look(world).findings  # so far nothing tells where it comes from
    assert (finding.severity, finding.code, finding.path) == ("edit", "entries-unproved", "users/alex")
    assert "1 entry looks approved (self-evidence.md)" in finding.problem
    assert "it becomes a seed line" in finding.problem
    world.stage("one")
    world.approve("one")
    assert look(world).findings == []


WRAPPED = "- • Came with the folder,\n  from another program — ACT-2025-02-02-0002\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Came with", "Stood in"),
        ("another program", "a friend"),
        (",\n  from another program", ""),
        ("0002\n", "0002\n" + WRAPPED),
        ("program — ACT-2025-02-02-0002", "program"),
        (WRAPPED, ""),
    ],
)
def test_a_seed_entry_over_two_lines_may_be_edited_as_any_other(root: Root, old: str, new: str) -> None:
    world = World(root)
    path = world.place.home / KNOWLEDGE
    path.write_text(path.read_text() + WRAPPED)
    world.stage("one")
    world.approve("one")
    assert look(world).findings == []
    edit(world, KNOWLEDGE, lambda text: text.replace(old, new))
    assert {f.severity for f in look(world).findings} == {"edit"}


def test_lines_of_the_same_text_and_evidence_are_counted_not_just_looked_for(world: World) -> None:
    for name in ("again-1", "again-2"):
        world.stage(name, "Understood the water cycle.", link_to_evidence_id="quiz")
    world.approve("again-1")
    world.approve("again-2")
    assert look(world).findings == []
    line = world.receipts()[-1]["lines"][KNOWLEDGE][0]
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", "", 1))
    edit(world, KNOWLEDGE, lambda text: text.replace(line + "\n", "", 1))
    assert faults(look(world)) == ["line-missing"]
