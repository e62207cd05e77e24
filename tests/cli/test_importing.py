"""import, as a person types it: what it shows, what it asks, and its exit codes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recursion_gate import cli
from recursion_gate.core.paths import Root

from ..support.world import World


def run(root: Root, *words: str) -> Result:
    return CliRunner().invoke(cli.main, ["--root", str(root.path), "import", *words], prog_name="recursion-gate")


@pytest.fixture
def chores(tmp_path: Path) -> Path:
    path = tmp_path / "chores.csv"
    path.write_text("Task,Date,Room\nSwept the hall,2026-11-23,Hall\nFed the cat,2026-11-24,Kitchen\n,,\n ,x,y\n")
    return path


def test_a_dry_run_shows_what_would_be_staged_and_what_is_left_out_and_why(root: Root, chores: Path) -> None:
    done = run(root, str(chores), "--dry-run", "--map", "skill_tag==WORK")
    assert done.exit_code == 0
    assert done.stdout == (
        "stage\t2026-11-23\tWORK\tIX-B\tSwept the hall\n"
        "stage\t2026-11-24\tWORK\tIX-B\tFed the cat\n"
        f"alex: would stage 2 entries, from {chores} (csv)\n"
        "  1 left out: no text (first: line 5)\n"
    )
    assert World(root).names() == []


def test_what_was_staged_waits_and_the_next_run_says_so(root: Root, chores: Path) -> None:
    assert f"alex: 2 entries in 1 drop, from {chores} (csv)" in run(root, str(chores)).stdout
    World(root).reconcile()
    second = run(root, str(chores))
    assert "alex: 0 entries in 0 drops" in second.stdout
    assert "2 wait already" in second.stdout


def test_a_rejection_is_said_with_its_reason(root: Root, chores: Path) -> None:
    run(root, str(chores))
    world = World(root)
    world.reconcile()
    card = world.card(world.gate_ids()[0])
    card.write_text(card.read_text().replace("---\n", "---\nreason: not worth keeping\n", 1))
    world.reject(world.gate_ids()[0])
    shown = run(root, str(chores), "--dry-run").stdout
    assert "not worth keeping" in shown
    assert "1 were rejected before (--again proposes them once more)" in shown


def test_the_answer_for_programs_has_the_same(root: Root, chores: Path) -> None:
    answer = json.loads(run(root, str(chores), "--json", "--dry-run", "--since", "2026-11-24").stdout)
    assert (answer["form"], answer["staged"], answer["drops"]) == ("csv", 1, [])
    assert answer["left_out"] == [
        {"why": "before --since", "count": 1, "first": "line 2"},
        {"why": "no text", "count": 1, "first": "line 5"},
    ]
    assert [entry["outcome"] for entry in answer["entries"]] == ["left out", "new", "left out"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--form", "cvs"], 2, "unknown form 'cvs'; did you mean 'csv'?"),
        (["--map", "text=Taks"], 2, "there is no column 'Taks'; did you mean 'Task'?"),
        (["--since", "soon"], 2, "'soon' is no date"),
        (["--user", "bo"], 1, "there is no inbox of a user 'bo'"),
    ],
)
def test_what_cannot_be_is_said_with_a_remedy(
    root: Root, chores: Path, words: list[str], code: int, message: str
) -> None:
    done = run(root, str(chores), *words)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_an_ambiguous_date_is_asked_about(root: Root, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Task,Date\nSwept,3/4/2026\n")
    done = run(root, str(tmp_path / "a.csv"))
    assert done.exit_code == 2
    assert "say --day-first or --month-first" in done.stderr
    assert run(root, str(tmp_path / "a.csv"), "--day-first").exit_code == 0


def test_an_export_in_several_files_is_said_to_be(root: Root, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "calendars.zip", "w") as archive:
        for name in ("a", "b"):
            event = f"UID:{name}\r\nDTSTART:20261105T160000Z\r\nSUMMARY:Lesson {name}\r\n"
            archive.writestr(
                f"{name}.ics", f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{event}END:VEVENT\r\nEND:VCALENDAR\r\n"
            )
    said = run(root, str(tmp_path / "calendars.zip")).stdout
    assert "2 entries in 1 drop" in said
    assert "calendars.zip: a.ics and 1 more (icalendar)" in said


def test_the_forms_are_listed(root: Root) -> None:
    assert "csv\t" in run(root, "--forms").stdout
    assert {"form", "about"} == set(json.loads(run(root, "--forms", "--json").stdout)[0])
    assert "which file?" in run(root).stderr
