"""`check` and the form of a case: what differs is found and shown, and a mistake in a case is named."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from recursion_gate.cli import main
from recursion_gate.core.clock import now
from recursion_gate.regression.cases import _STEPS, BadCase, find_cases, read_case, stopped_clock
from recursion_gate.regression.runner import check

STEPS = "# A bread is approved.\ndrop bread.json\nonce\nmove pending/* approved/\n"
BREAD = json.dumps({"id": "bread", "raw_text": "Baked bread.", "suggested_ix_section": "IX-A"})
ACT = "ACT-2026-11-24-f9fcqhp9fduq8iy5"


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A small case that ends as it expects."""
    folder = tmp_path / "cases" / "bread"
    write(folder, {"steps.txt": STEPS, "drops/bread.json": BREAD})
    assert run("--accept", str(folder)).exit_code == 0
    assert check(folder).report == ""
    return folder


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["check", *args])


def report(folder: Path) -> str:
    """What `check` says of a case that is not as expected."""
    result = run(str(folder))
    assert result.exit_code == 1
    assert "1 case, 1 not as expected" in result.output
    return result.output


# -- what differs -------------------------------------------------------------------------------------------------


def test_a_wrong_expectation_is_shown_as_a_diff(case: Path) -> None:
    file = case / "expected/users/alex/self-knowledge.md"
    file.write_text(file.read_text().replace("Baked bread.", "Baked cake."))
    said = report(case)
    assert "--- expected/users/alex/self-knowledge.md\n+++ found/users/alex/self-knowledge.md\n" in said
    assert "\n-- • Baked cake. — ACT-" in said
    assert "\n+- • Baked bread. — ACT-" in said
    assert "self-evidence.md" not in said  # what is right is not shown


def test_a_line_too_many_is_shown(case: Path) -> None:
    file = case / "expected/users/alex/self-knowledge.md"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    assert "\n+- • Baked bread. — ACT-" in report(case)


def test_a_file_that_is_missing_is_shown(case: Path) -> None:
    write(case, {"expected/inbox/alex/pending/bread.md": "A card.\n"})
    assert "--- expected/inbox/alex/pending/bread.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-A card.\n" in report(case)


def test_a_file_that_should_not_be_there_is_shown(case: Path) -> None:
    write(case, {"drops/typo.json": '{"txt": "x"}\n', "steps.txt": STEPS + "drop typo.json\n"})
    said = report(case)
    assert '--- /dev/null\n+++ found/inbox/alex/problems/typo.json\n@@ -0,0 +1 @@\n+{"txt": "x"}\n' in said
    assert "+++ found/inbox/alex/problems/typo.json.why.txt" in said


def test_an_empty_file_differs_from_none(case: Path) -> None:
    write(case, {"expected/inbox/alex/pending/.gitkeep": ""})
    assert "--- expected/inbox/alex/pending/.gitkeep\n+++ /dev/null\n" in report(case)


def test_a_record_file_that_is_not_mentioned_must_be_as_it_was(case: Path) -> None:
    (case / "expected/users/alex/self-skill-think.md").unlink()
    said = report(case)
    assert "+++ found/users/alex/self-skill-think.md" in said
    assert "\n+- • Baked bread. — ACT-" in said


def test_a_gate_that_is_not_mentioned_must_be_empty(case: Path) -> None:
    write(case, {"drops/more.json": '{"id": "more", "raw_text": "More."}', "steps.txt": STEPS + "drop more.json\n"})
    assert '+    "id": "more",\n' in report(case)


def test_what_nobody_can_see_is_shown(case: Path) -> None:
    file = case / "expected/users/alex/self-knowledge.md"
    text = file.read_text()
    file.write_text(text.replace("\n", "\r\n"), newline="")
    assert "-## Topics / Understanding\\r\n" in report(case)
    file.write_text("\ufeff" + text.replace("bread", "bre\u200bad\x1b[31m"))
    said = report(case)
    assert "-\\ufeff# Knowledge" in said
    assert "-- • Baked bre\\u200bad\\x1b[31m. — ACT-" in said
    file.write_text(text.rstrip("\n"))
    assert "\n\\ No newline at end of file\n+- • Baked bread." in report(case)
    file.write_bytes(text.encode().replace(b"bread", b"br\xff"))
    assert "-- • Baked br\\xff. — ACT-" in report(case)


# -- receipts -----------------------------------------------------------------------------------------------------


RECEIPTS = "expected/receipts/alex/merge-receipts.jsonl"


@pytest.mark.parametrize(
    "line",
    [
        '{"action": "approved"}',
        '{ "candidate_id":"bread" }',
        '{"seq": 1, "lines": LINES}',
        '{"by": null, "approved": null}',
        '{"action": "approved", "colour": null}',
    ],
)
def test_of_a_receipt_only_the_named_fields_are_compared(case: Path, line: str) -> None:
    names = {"self-evidence": f"- {ACT} — Baked bread. — 2026-11-24 — THINK"}
    names |= dict.fromkeys(("self-knowledge", "self-skill-think"), f"- • Baked bread. — {ACT}")
    lines = json.dumps({f"{file}.md": [text] for file, text in names.items()})
    write(case, {RECEIPTS: line.replace("LINES", lines) + "\n"})
    assert check(case).report == ""


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ('{"action": "rejected"}\n', '-{"action": "rejected"}\n+{"action": "approved"}\n'),
        ('{"raw_text": null}\n', '-{"raw_text": null}\n+{"raw_text": "Baked bread."}\n'),
        ('{"colour": "red"}\n', '-{"colour": "red"}\n+{}\n'),
        ('{"seq": 1}\n{"seq": 2}\n', ' {"seq": 1}\n-{"seq": 2}\n'),
        ("", '+{"candidate_id": "bread", "action": "approved", "evidence_id": "'),
    ],
)
def test_a_receipt_that_is_not_as_named_or_not_expected_is_shown(case: Path, lines: str, shown: str) -> None:
    write(case, {RECEIPTS: lines})
    assert shown in report(case)


def test_without_receipts_nothing_may_have_been_decided(case: Path) -> None:
    (case / RECEIPTS).unlink()
    assert "--- /dev/null\n+++ found/receipts/alex/merge-receipts.jsonl\n" in report(case)


def test_the_picture_of_a_card_is_compared_where_the_case_has_it(case: Path) -> None:
    name = "think_baked-bread_f9fcqhp.md"
    write(case, {f"expected/receipts/alex/2026-11/{name}": "another\n"})
    said = report(case)
    assert f"+++ found/receipts/alex/2026-11/{name}\n" in said
    assert "-another\n" in said


# -- mistakes in a case -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("mvoe pending/* approved/", "bread/steps.txt, line 1: unknown step 'mvoe'; did you mean 'move'?"),
        ("\n# x\nzzzz", "line 3: unknown step 'zzzz'; known: drop, move, copy, edit, delete, once"),
        ("drop", "line 1: usage: drop FILE [TO]"),
        ("move pending/*", "line 1: usage: move FILES TO"),
        ('edit pending/* "a"', 'line 1: usage: edit FILES "OLD TEXT" "NEW TEXT"'),
        ("once more", "line 1: usage: once"),
        ("drop cake.json", "line 1: there is no file drops/cake.json"),
        ("drop bread.json ../../../x", "line 1: '../../../x' leads out of the root"),
        ("copy /etc/passwd approved/", "line 1: '/etc/passwd' leads out of the root"),
        ("drop ../drops/bread.json", "line 1: '../drops/bread.json' leads out of the root"),
        ('edit pending/* "a" "b', "line 1: a quote is not closed"),
        ("delete pending/*", "line 1: nothing matches pending/*; there is: no file at all"),
        ("drop bread.json\nmove bred.json x", "line 2: nothing matches bred.json; there is: inbox/alex/bread.json"),
        ("drop bread.json\ncopy bread.json b.json\nmove b* one", "line 3: 2 files match b*; end 'one' with a slash"),
        ('drop bread.json\nedit bread.json "cake" "x"', "line 2: 'cake' is not in bread.json:\n"),
        (b"drop \xff", "bread/steps.txt: this is not UTF-8 text"),
    ],
)
def test_a_mistake_in_the_steps_is_named_with_its_line(case: Path, steps: str | bytes, problem: str) -> None:
    write(case, {"steps.txt": steps})
    assert problem in report(case)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"given/recursion-gate.toml": "grace ="}, "bread/given/recursion-gate.toml: this is not TOML: "),
        ({"given/recursion-gate.toml": "grace = 1"}, "recursion-gate.toml: unknown setting 'grace'"),
        ({RECEIPTS: "approved\n"}, f"bread/{RECEIPTS}: each line must be one JSON object"),
        ({RECEIPTS: "[1]\n"}, f"bread/{RECEIPTS}: each line must be one JSON object"),
    ],
)
def test_a_mistake_in_its_files_is_named(case: Path, files: dict[str, Any], problem: str) -> None:
    write(case, files)
    assert problem in report(case)


# -- playing it ---------------------------------------------------------------------------------------------------


def test_steps_up_to_a_once_are_one_group() -> None:
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        write(folder, {"steps.txt": "delete a\ndelete b\nonce\nonce\n# c\ndelete 'c d'\n"})
        case = read_case(folder)
    assert [[s.words for s in group] for group in case.groups] == [[("a",), ("b",)], [], [("c d",)]]


def test_a_case_without_steps_is_one_look(tmp_path: Path) -> None:
    write(tmp_path / "c", {"steps.txt": "# Nothing happens.\n"})
    assert len(read_case(tmp_path / "c").groups) == 1
    assert check(tmp_path / "c").report == ""


def test_what_is_given_stands_there_at_the_start(case: Path) -> None:
    begin = "## Topics / Understanding\n- • by hand\n"
    write(case, {"given/users/alex/self-knowledge.md": begin})
    assert "+- • by hand\n" in report(case)
    write(case, {"expected/users/alex/self-knowledge.md": f"{begin}- • Baked bread. — {ACT}\n"})
    assert check(case).report == ""


def test_its_settings_hold_and_nothing_waits_for_files_to_settle(case: Path) -> None:
    write(case, {"given/recursion-gate.toml": "max_text_chars = 5", "drops/note.txt": "Swam ten lanes."})
    write(case, {"steps.txt": "drop note.txt\n"})
    said = report(case)
    assert "raw_text has 15 characters; the most allowed is 5" in said


def test_the_clock_stands_and_goes_on_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with stopped_clock():
        assert now().isoformat() == "2026-11-24T16:30:00+00:00"
    assert "RECURSION_GATE_NOW" not in os.environ
    monkeypatch.setenv("RECURSION_GATE_NOW", "2020-01-01T00:00:00Z")
    with pytest.raises(RuntimeError), stopped_clock():
        raise RuntimeError
    assert os.environ["RECURSION_GATE_NOW"] == "2020-01-01T00:00:00Z"


def test_nothing_is_left_behind(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    before = {p: p.stat().st_mtime_ns for p in case.rglob("*")}
    assert check(case).report == ""
    write(case, {"steps.txt": "delete nothing"})
    del before[case / "steps.txt"]
    assert check(case).report != ""
    assert list(temp.iterdir()) == []
    assert {p: p.stat().st_mtime_ns for p in before} == before


# -- the command --------------------------------------------------------------------------------------------------


def test_all_as_expected_exits_with_0_and_the_count(case: Path) -> None:
    write(case.parent / "nothing", {"steps.txt": ""})
    result = run(str(case.parent))
    assert (result.exit_code, result.output) == (0, "2 cases, all as expected\n")
    assert (run(str(case)).exit_code, run(str(case)).output) == (0, "1 case, all as expected\n")


def test_one_that_differs_exits_with_1_and_the_others_are_run_too(case: Path) -> None:
    write(case.parent / "a", {"steps.txt": "delete nothing"})
    write(case.parent / "z", {"steps.txt": "", "expected/inbox/alex/x": "x\n"})
    result = run(str(case.parent))
    assert result.exit_code == 1
    assert "a:\na/steps.txt, line 1: " in result.output
    assert "z:\n--- expected/inbox/alex/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n" in result.output
    assert result.output.endswith("3 cases, 2 not as expected\n")


def test_no_case_is_a_wrong_call(tmp_path: Path) -> None:
    write(tmp_path, {"notes/readme.txt": "x"})
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "there is no case in" in result.output
    assert run(str(tmp_path / "nowhere")).exit_code == 2


def test_json_tells_the_same(case: Path) -> None:
    assert json.loads(run(str(case), "--json").output) == {"cases": 1, "failed": []}
    (case / RECEIPTS).unlink()
    result = run(str(case), "--json")
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert [f["case"] for f in told["failed"]] == ["bread"]
    assert told["failed"][0]["difference"].startswith("--- /dev/null\n")


def test_accept_takes_what_was_done_for_what_is_expected(case: Path) -> None:
    file = case / "expected/users/alex/self-knowledge.md"
    right = file.read_bytes()
    file.write_text("wrong")
    write(case, {RECEIPTS: '{"seq": 7, "action": "x"}\n', "expected/inbox/alex/gone.json": "x"})
    result = run(str(case), "--accept")
    assert result.exit_code == 0
    assert "1 accepted as it is now" in result.output
    assert file.read_bytes() == right
    assert (case / RECEIPTS).read_text() == '{"seq": 1, "action": "approved"}\n'  # the same fields
    assert not (case / "expected/inbox/alex/gone.json").exists()
    assert run(str(case)).exit_code == 0


def test_a_case_that_cannot_be_played_is_not_accepted(case: Path) -> None:
    write(case, {"steps.txt": "delete nothing"})
    before = sorted(case.rglob("*"))
    assert run(str(case), "--accept").exit_code == 1
    assert sorted(case.rglob("*")) == before


def test_cases_are_the_folders_with_steps(tmp_path: Path) -> None:
    write(tmp_path, {"b/steps.txt": "", "a/steps.txt": "", "c/drops/steps.txt": "", "README.md": ""})
    assert [f.name for f in find_cases(tmp_path)] == ["a", "b"]
    assert find_cases(tmp_path / "a") == [tmp_path / "a"]


def test_reading_a_bad_case_raises_what_reads_as_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"a/steps.txt": "fly"})
    with pytest.raises(BadCase, match=r"^a/steps.txt, line 1: unknown step 'fly'; known: drop"):
        read_case(tmp_path / "a")


def test_the_readme_of_the_fixtures_tells_every_step() -> None:
    told = (Path(__file__).parents[2] / "fixtures" / "README.md").read_text()
    assert {row[3:].split("`")[0].split()[0] for row in told.splitlines() if row.startswith("| `")} == set(_STEPS)
    example = told.partition("    # A finished drawing")[2].partition("###")[0]
    assert example.split("\n")[1:4] == ["    drop drawing.json", "    once", "    move pending/* approved/"]
