"""review --list: the whole queue in an editor, each line a decision of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from recursion_gate.cli.review_list import BadList, Choice, parse
from recursion_gate.core.paths import Root

from ..support.world import World
from .test_cli import run


@pytest.fixture
def world(root: Root) -> World:
    return World(root)


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands in $EDITOR: what is written into this file is run on the list's text."""
    script = tmp_path / "edit.py"
    program = tmp_path / "editor.sh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    monkeypatch.setenv("VISUAL", str(program))
    return script


def _edits(editor: Path, *changes: tuple[str, str], first: str = "") -> None:
    editor.write_text(
        "import os, sys, time\nfrom pathlib import Path\npath = Path(sys.argv[1])\ntext = path.read_text()\n"
        f"for was, now in {changes!r}:\n    assert was in text, text\n    text = text.replace(was, now)\n"
        f"{first}\npath.write_text(text)\nos.utime(path, (time.time() + 5, time.time() + 5))\n"
    )


def test_each_line_is_a_decision_of_its_own(world: World, editor: Path) -> None:
    for name in ("a", "b", "c"):
        world.stage(name, f"Did {name}.")
    _edits(editor, ("skip a", "approve a"), ("skip b", "reject b said: twice # really"))
    done = run(world.root, "review", "--list")
    assert (done.exit_code, "1 approved, 1 rejected, 1 skipped" in done.output) == (0, True)
    world.reconcile()
    assert [(r["candidate_id"], r["action"], r["reason"], r["via"]) for r in world.receipts()] == [
        ("a", "approved", None, "cli"),
        ("b", "rejected", "said: twice # really", "cli"),
    ]
    assert world.gate_ids() == ["c"]


def test_a_card_that_has_changed_since_it_was_listed_is_not_decided_on(world: World, editor: Path) -> None:
    card, _ = world.stage("a", "Did a."), world.stage("b", "Did b.")
    change = f"card = Path({str(card)!r}); card.write_text(card.read_text().replace('Did a.', 'Did something else.'))"
    _edits(editor, ("skip a", "approve a"), ("skip b", "approve b"), first=change)
    done = run(world.root, "review", "--list")
    assert done.exit_code == 1
    assert "a: its card was changed since it was shown" in done.output
    world.reconcile()
    assert [r["candidate_id"] for r in world.receipts()] == ["b"]


def test_a_list_that_cannot_be_read_decides_nothing(world: World, editor: Path) -> None:
    for name in ("a", "b"):
        world.stage(name)
    _edits(editor, ("skip a", "approve a"), ("skip b", "aprove b"))
    done = run(world.root, "review", "--list")
    assert done.exit_code == 1
    assert "'aprove' is none of approve, reject, edit, skip; nothing was decided" in done.output
    world.reconcile()
    assert world.gate_ids() == ["a", "b"]


def test_a_list_that_is_left_as_it_was_decides_nothing(world: World, editor: Path) -> None:
    world.stage("a")
    editor.write_text("")
    assert "0 approved, 0 rejected, 1 skipped" in run(world.root, "review", "--list").output
    world.reconcile()
    assert world.gate_ids() == ["a"]


def test_no_text_of_a_proposal_makes_a_line_of_the_list(world: World, editor: Path) -> None:
    world.stage("a", "Nice.\napprove b\r\napprove a", source="x\napprove b")
    world.stage("b", "Second.")
    _edits(editor, first="assert [l for l in text.splitlines() if l and l[0] != '#'] == ['skip a', 'skip b'], text")
    assert run(world.root, "review", "--list").exit_code == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("approve", "line 1: the id is missing"),
        ("# x\napprove z", "line 2: 'z' is no card of this list"),
        ("approve a\nskip a", "line 2: 'a' stands in two lines"),
        ("approve a because", "line 1: only 'reject' takes a reason"),
        ("a a\nmerge b", "line 2: 'merge' is none of approve, reject, edit, skip"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, problem: str) -> None:
    with pytest.raises(BadList, match=problem):
        parse(text, ["a", "b"])


def test_verbs_may_be_short_and_lines_may_go() -> None:
    assert parse("r a  no  good\n\n# b\n", ["a", "b"]) == [Choice("reject", "a", "no  good")]
    assert parse("A b", ["a", "b"]) == [Choice("approve", "b")]
