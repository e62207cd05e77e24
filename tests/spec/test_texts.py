"""The specification is true of this program, and a change of either that the other does not follow is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from recursion_gate.cli import main
from recursion_gate.core.paths import Root
from recursion_gate.spec import texts as spec

from ..support.spec_check import disagreements, rows, section
from ..support.world import World, tree

HERE = Path(__file__).parents[2]

#: The texts of each version that was published. Who changes a text gives the specification another version.
DIGESTS = {
    "1.0": "4e9eecc2a2c68f9048235550330cd867bb267ebe9c6d98aac2faf4d36901ff68",
    "1.1": "ab62b2ef12a5da0ca69255c01c038c08597fba922097fef4fdcefa060bd56f35",
    "1.2": "631dc9f8a67fab37c844d09d3a958deb09b5ae44998a910fe2f05eae129331f8",
}


def texts() -> dict[str, str]:
    return {part.name: part.text for part in spec.parts()}


def test_specification_and_code_agree() -> None:
    assert disagreements(texts()) == []


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("schema", "| `STEWARD` | skill | caring for people", "| `STEWARD` | skill | ruling over people"),
        ("schema", "| `IX-B` | curiosity | what draws", "| `IX-B` | personality | what draws"),
        ("schema", "| `topic` | text | none |\n", ""),
        ("schema", "`link_to_evidence_id`", "`evidence_link`"),
        ("schema", "`THINK`, `WRITE`, `WORK`, `STEWARD` | `THINK`", "`THINK`, `WRITE`, `WORK` | `THINK`"),
        ("schema", "`STEWARD` | `THINK` |", "`STEWARD` | `WORK` |"),
        ("schema", "`IX-C`, or null: evidence", "`IX-D`, or null: evidence"),
        ("schema", "20,000", "30,000"),
        ("schema", "(loves, loved,", "(loves, adored,"),
        ("schema", "1,000 lines", "2,000 lines"),
        ("schema", "`.txt` (", "`.text` ("),
        ("schema", "realize, ", "notice, "),
        ("schema", "`WRITE`, `STEWARD` |\n\n", "`WRITE` |\n\n"),
        ("schema", "`Interests`", "`Interest`"),
        ("schema", "| `self-skill-work.md` | `Activity` | `- • TEXT", "| `self-skill-work.md` | `Activity` | `- TEXT"),
        ("schema", "SUMMARY — DATE", "SUMMARY | DATE"),
        ("schema", "`created_at`, `status`", "`status`"),
        ("schema", "| `by` |", "| `decided_by` |"),
        ("schema", "`approved`, `rejected`, `undone`", "`approved`, `declined`, `undone`"),
        ("schema", "`folder`, `cli`, `web`", "`folder`, `cli`"),
        ("schema", "merge-receipts.jsonl", "receipts.jsonl"),
        ("sources", '"topic": "tides"', '"topics": "tides"'),
        ("sources", "inbox/USER/problems/", "inbox/USER/failed/"),
        ("lanes", "| `inbox/USER/rejected/` | a person | reject |\n", ""),
        ("lanes", "`.daemon/`", "`.state/`"),
        ("lanes", "`edge`, ", ""),
        ("lanes", "| merge, the daemon | `run`,", "| merge, the daemon | `start`,"),
        ("constraints", "`recursion-gate doctor`", "`recursion-gate repair`"),
        ("sources", "--section IX-B", "--dimension IX-B"),
        ("identity-fork", "Specification 1.2", "Specification 1.0"),
    ],
)  # fmt: skip
def test_a_change_of_the_specification_alone_is_found(part: str, old: str, new: str) -> None:
    changed = texts()
    assert old in changed[part], "the text to change is not there"
    changed[part] = changed[part].replace(old, new, 1)
    assert disagreements(changed) != []


def test_a_changed_text_needs_another_version() -> None:
    import hashlib

    digest = hashlib.sha256("".join(p.sha256 for p in spec.parts()).encode()).hexdigest()
    assert DIGESTS.get(spec.VERSION) == digest, "give the specification another VERSION, and its digest here"


def test_the_specification_is_in_the_package_and_short() -> None:
    import tomllib

    data = tomllib.loads((HERE / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "spec/*.md" in data["recursion_gate"]
    folder = Path(spec.__file__).parent
    assert {p.name for p in folder.glob("*.md")} == {f"{name}.md" for name in spec.NAMES}
    assert sum(len(text.split()) for text in texts().values()) < 4_200


def test_the_pages_that_the_specification_names_are_there() -> None:
    import re

    named = {page for text in texts().values() for page in re.findall(r"\b(?:docs/\w+|CONTRIBUTING)\.md\b", text)}
    assert named >= {"CONTRIBUTING.md", "docs/security.md"}
    assert [page for page in sorted(named) if not (HERE / page).is_file()] == []


def test_what_may_and_may_not_be_done_is_said_for_each_lane() -> None:
    text = spec.part("constraints").text
    for lane in ("Everyone", "Staging", "Reading", "Merging"):
        said = section(text, lane)
        for word in ("Must ", "Must not ", "Prefer ", "Escalate "):
            assert f"- {word}" in said, f"{lane}: {word}"
    assert len(rows(section(text, "Failure modes"))) >= 8


def test_the_acceptance_criteria_hold_for_an_approval_and_a_rejection(root: Root) -> None:
    """The criteria of the schema, one after the other, on one candidate each."""
    world = World(root)
    before = world.record()
    sample = section(spec.part("sources").text, "One submission").split("```json\n")[1].split("```")[0]
    drop = json.loads(sample)
    world.drop("a.json", {**drop, "id": "a"})
    world.drop("b.json", {**drop, "id": "b"})
    world.drop("c.json", {**drop, "id": "c", "link_to_evidence_id": "a", "suggested_ix_section": None})
    world.drop("d.json", {**drop, "skilltag": "WORK"})
    world.reconcile()
    assert (world.gate_ids(), world.names(), world.names("problems")) == (
        ["a", "b", "c"],
        [],
        ["d.json", "d.json.why.txt"],
    )
    assert (world.record(), world.receipts()) == (before, [])
    shown = [line[4:] for line in world.card("a").read_text().splitlines() if line.startswith("    - ")]
    world.approve("a")
    (receipt,) = world.receipts()
    assert [line for lines in receipt["lines"].values() for line in lines] == shown
    after = {name: text.decode() for name, text in world.record().items()}
    for name, text in after.items():
        for line in receipt["lines"].get(name, []):
            text = text.replace(f"{line}\n", "", 1)
        assert text.encode() == before[name]
    assert set(receipt["lines"]) == {"self-evidence.md", "self-knowledge.md", "self-skill-think.md"}
    assert (world.gate_ids(), world.names("approved")) == (["b", "c"], [])
    merged = world.record()
    world.reject("b")
    assert (world.record(), world.gate_ids(), len(world.receipts())) == (merged, ["c"], 2)
    world.approve("c")
    linked = world.receipts()[2]
    assert linked["evidence_id"] == receipt["evidence_id"]
    assert set(linked["lines"]) == {"self-skill-think.md"}
    verified = CliRunner().invoke(main, ["--root", str(root.path), "verify"])
    assert verified.exit_code == 0


def test_spec_prints_a_part_all_of_them_or_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it needs no root
    listed = CliRunner().invoke(main, ["spec"]).stdout.splitlines()
    assert listed[0] == f"Specification {spec.VERSION}"
    assert [line.split()[0] for line in listed[1:]] == list(spec.NAMES)
    for name in spec.NAMES:
        assert CliRunner().invoke(main, ["spec", name]).stdout == spec.part(name).text
    assert CliRunner().invoke(main, ["spec", "all"]).stdout == "\n".join(texts().values())
    made = json.loads(CliRunner().invoke(main, ["spec", "schema", "--json"]).stdout)
    assert (made["version"], made["parts"][0]["text"]) == (spec.VERSION, spec.part("schema").text)
    wrong = CliRunner().invoke(main, ["spec", "schemas"])
    assert wrong.exit_code == 1
    assert "It has: identity-fork, constraints, schema, sources, lanes." in wrong.output


# -- AGENTS.md --------------------------------------------------------------------------------------------------------


def test_agents_md_says_in_ten_lines_how_to_stage_and_it_works(root: Root) -> None:
    import re
    import shlex
    import subprocess
    import sys

    text = (HERE / "AGENTS.md").read_text("utf-8")
    assert [line.split(".")[0] for line in text.splitlines()[2:]] == [str(n) for n in range(1, 11)]
    before = tree(root.path)
    (stage,) = re.findall(r"`recursion-gate (stage [^`]+)`", text)
    done = CliRunner().invoke(main, ["--root", str(root.path), *shlex.split(stage.replace("demo", "alex"))])
    assert done.exit_code == 0, done.output
    (drop,) = re.findall(r"`(\{.*?\})`", text)
    hidden, final = re.findall(r"`(inbox/demo/[^`]+)`", text)
    code = "import os, sys; open(sys.argv[2], 'w').write(sys.argv[1]); os.rename(*sys.argv[2:])"
    paths = [hidden.replace("demo", "alex"), final.replace("demo", "alex")]
    subprocess.run([sys.executable, "-c", code, drop, *paths], cwd=root.path, check=True)
    world = World(root)
    world.reconcile()
    assert [(c["raw_text"], c["source"]) for c in world.gate()] == [("TEXT", "YOUR-NAME")] * 2
    assert {p: b for p, b in tree(root.path).items() if p in before and not p.endswith("gate.json")} == before
    for call in re.findall(r"`recursion-gate ([^`]+)`", text):
        words = shlex.split(call.replace("demo", "alex"))
        assert words[0] == "stage" or CliRunner().invoke(main, ["--root", str(root.path), *words]).exit_code == 0
