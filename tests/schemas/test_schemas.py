"""What is written and printed for programs is as the published JSON Schemas say; `jsonschema` holds it against them."""

from __future__ import annotations

import datetime
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from recursion_gate.cli import main
from recursion_gate.core.errors import Refusal
from recursion_gate.core.paths import Root
from recursion_gate.core.receipt import OF_ENTRY
from recursion_gate.core.settings import Settings
from recursion_gate.formats import drops
from recursion_gate.schemas.registry import SCHEMAS, schema

from ..support.samples import AWKWARD, texts
from ..support.world import World

HERE = Path(__file__).parents[2]


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def problems(name: str, data: Any) -> list[str]:
    """Why `data` is not what the schema `name` describes."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(data)]


@pytest.fixture
def world(root: Root) -> World:
    """Alex: approved, edited, linked, rejected, with a reason, evidence only, by hand; some still wait."""
    world = World(root)
    when = {"created_at": "2026-11-24T10:00:00Z"}
    world.stage("c0", "Learned how tides work.", **when)
    world.stage("c1", "Wrote about a lighthouse.", skill_tag="WRITE", meta={"a": [1, None, {"b": 0.5}]}, **when)
    world.stage("c2", "Built a kite; it flew.", skill_tag="WORK", suggested_ix_section=None, score="9/10", **when)
    world.stage("c3", "Nothing much.", topic="", **when)
    world.stage("c4", "Learned how the tides work!", source="analyst", link_to_evidence_id="c0", **when)
    world.stage("c5", "Hates drawing.", source="", **when)
    world.stage("c6", "I love drawing.", skill_tag="STEWARD", **when)
    card = world.card("c1")
    card.write_text(card.read_text().replace("Wrote about a lighthouse.", "Wrote about two lighthouses."))
    world.approve("c0", "c1", "c2", "c4")
    world.reject("c3")
    knowledge = world.place.home / "self-knowledge.md"
    knowledge.write_text(knowledge.read_text() + "* by hand\n")
    world.reconcile()
    return world


def printed(world: World, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(main, ["--root", str(world.root.path), *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


# -- schemas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one_and_cites_only_what_is_there(name: str) -> None:
    made = schema(name)
    Draft202012Validator.check_schema(made)
    said = json.dumps(made)
    assert "contract" not in said
    assert "docs/format.md" not in said or (HERE / "docs" / "format.md").is_file()


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_schema_takes_just_anything(name: str) -> None:
    assert problems(name, [{}] if name == "gate" else {})
    assert problems(name, None)
    assert problems(name, {"whatever": 1})


# -- what is printed and written --------------------------------------------------------------------------------------

ANSWERS = [
    ("snapshot", ["snapshot"]),
    ("record", ["record"]),
    ("edge", ["edge"]),
    ("export", ["export"]),
    ("brief", ["brief"]),
    ("brief", ["brief", "--most", "1"]),
    ("voice-prompt", ["voice", "prompt"]),
    ("voice-prompt", ["voice", "prompt", "--budget", "700"]),
    ("voice-ask", ["voice", "ask", "How do tides work?"]),
    *(("context", ["context", role]) for role in ("staging", "reader", "merge", "planner")),
    ("context", ["context", "merge", "--list"]),
    ("context", ["context", "reader", "--budget", "2000"]),
    ("context", ["context", "reader", "--no-record"]),
    ("spec", ["spec"]),
    ("spec", ["spec", "all"]),
    ("spec", ["spec", "schema"]),
]


@pytest.mark.parametrize(
    ("name", "words"), ANSWERS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_a_command_prints_is_what_its_schema_says(world: World, name: str, words: list[str]) -> None:
    answer = printed(world, *words, "--json")
    assert problems(name, answer) == []
    for field in answer:
        assert problems(name, {k: v for k, v in answer.items() if k != field}), f"{field} may be missing"
    assert problems(name, answer | {"more": 1})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["pending"], 0),
        (["show", "c5"], 0),
        (["receipts"], 0),
        (["verify"], 0),
        (["status"], 1),
        (["doctor"], 0),
        (["undo", "c4"], 0),
        (["correct", "c2", "It crashed.", "--yes"], 0),
        (["forget", "c3", "--yes"], 0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_the_commands_of_people_and_proofs_print_is_what_their_schemas_say(
    world: World, words: list[str], code: int
) -> None:
    answer = printed(world, *words, "--json", code=code)
    assert problems(words[0], answer) == []
    assert answer
    one = answer[0] if isinstance(answer, list) else answer
    # Of a candidate what was not given is left out; of a receipt what was forgotten.
    given = {"pending": {"source"}, "receipts": {*OF_ENTRY, "salt"}}.get(words[0], set())
    for field in one.keys() - given:
        less = {k: v for k, v in one.items() if k != field}
        assert problems(words[0], [less] if isinstance(answer, list) else less), f"{field} may be missing"


def test_what_an_import_answers_is_what_its_schema_says(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Task,Date\nSwept the hall,2026-11-24\n,\nFed the cat,soon\n")
    for words in (["--dry-run"], []):
        answer = printed(world, "import", str(tmp_path / "a.csv"), *words, "--json")
        assert problems("import", answer) == []
        assert answer["left_out"]
        for field in answer:
            assert problems("import", {k: v for k, v in answer.items() if k != field}), f"{field} may be missing"


def test_the_list_of_forms_is_what_its_schema_says(world: World) -> None:
    answer = printed(world, "import", "--forms", "--json")
    assert problems("import-forms", answer) == []
    assert problems("import-forms", [{"form": "csv"}])


def test_what_an_analysis_answers_is_what_its_schema_says(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "t.txt").write_text("Alex: I learned that water is wet.\nTutor: Good.\n" * 3)
    for words in (["--dry-run"], []):
        answer = printed(world, "analyse", str(tmp_path / "t.txt"), "--rules", *words, "--json")
        assert problems("analyse", answer) == []
        assert answer["candidates"]
        for field in answer:
            assert problems("analyse", {k: v for k, v in answer.items() if k != field}), f"{field} may be missing"


def test_faults_and_edits_are_described_too(world: World) -> None:
    world.move(world.card("c5"), "approved").write_text("")
    (world.place.home / "self-evidence.md").write_text("- ACT-2026-11-24-x \u2014 Mine.\n")
    assert problems("verify", printed(world, "verify", "--json", code=1)) == []
    assert problems("doctor", printed(world, "doctor", "--json", code=1)) == []


def test_an_empty_record_and_a_question_without_an_answer_are_described_too(root: Root) -> None:
    world = World(root)
    for name, words in ANSWERS:
        if words[:2] != ["voice", "ask"]:
            assert problems(name, printed(world, *words, "--json")) == []
    assert problems("voice-ask", printed(world, "voice", "ask", "Who?", "--json", code=1)) == []


def test_what_export_all_and_import_archive_print_is_described(world: World, tmp_path: Path) -> None:
    import zipfile

    (world.place.home / "photo.png").symlink_to("/nowhere")
    file = tmp_path / "alex.zip"
    answer = printed(world, "export", "--all", str(file), "--json")
    assert problems("export-all", answer) == []
    assert answer["size"] == file.stat().st_size
    with zipfile.ZipFile(file) as archive:
        assert problems("archive", json.loads(archive.read("manifest.json"))) == []
        assert json.loads(archive.read("schemas/export-all.schema.json")) == schema("export-all")
    other = Root(tmp_path / "other")
    for folder in (other.inbox, other.homes, other.receipts):
        folder.mkdir(parents=True)
    assert problems("archive", printed(World(other), "import-archive", str(file), "--json")) == []


def test_gate_and_receipts_are_what_their_schemas_say(world: World) -> None:
    assert len(world.gate()) == 2
    assert problems("gate", world.gate()) == []
    receipts = world.receipts()
    assert [r["action"] for r in receipts] == ["approved"] * 4 + ["rejected"]
    for receipt in receipts:
        assert problems("receipt", receipt) == []
        assert problems("receipt", receipt | {"more": 1})
    assert problems("gate", [{**world.gate()[0], "status": "approved"}])


# -- drops ------------------------------------------------------------------------------------------------------------


def refused(drop: Any) -> str:
    """Why the daemon refuses `drop`; "" when it takes it."""
    try:
        drops.parse("drop.json", json.dumps(drop).encode(), 1_764_000_000_000_000_000, Settings())
    except Refusal as refusal:
        return refusal.problem
    return ""


TEXT = {"raw_text": "Baked bread."}


@pytest.mark.parametrize(
    "drop",
    [
        {},
        [],
        {"raw_text": ""},
        {"raw_text": " \n\u3000"},
        {"raw_text": "\u0007"},
        {"raw_text": "\u202e\u2066"},
        {"raw_text": "x" * 20_001},
        {"text": "x" * 20_001},
        {"raw_text": "x", "text": "x"},
        {"raw_text": 1},
        TEXT | {"skilltag": "WORK"},
        TEXT | {"skill_tag": "WORKS"},
        TEXT | {"skill_tag": None},
        TEXT | {"created_at": "yesterday"},
        TEXT | {"created_at": "2026-13-01"},
        TEXT | {"created_at": "2026-11-24T25:00:00Z"},
        TEXT | {"created_at": "0026-11-24"},
        TEXT | {"created_at": 1764000000},
        TEXT | {"mind_category": "curiosity", "suggested_ix_section": "IX-A"},
        TEXT | {"mind_category": "Knowledge", "suggested_ix_section": "ix-c"},
        TEXT | {"mind_category": "values"},
        TEXT | {"suggested_ix_section": "IX-D"},
        TEXT | {"status": "approved"},
        TEXT | {"id": "../x"},
        TEXT | {"id": "ACT-2026-11-24-x"},
        TEXT | {"id": "act-x"},
        TEXT | {"id": "x" * 129},
        TEXT | {"link_to_evidence_id": ""},
        TEXT | {"score": True},
        TEXT | {"mind_category": "IX-A. KNOWLEDGE", "suggested_ix_section": "curiosity"},
        TEXT | {"suggested_ix_section": "IX-A. CURIOSITY"},
        TEXT | {"skill_tag": "writes"},
        TEXT | {"source": "x" * 2_001},
        TEXT | {"evidence_summary": "x" * 2_001},
        TEXT | {"meta": []},
    ],
    ids=lambda drop: json.dumps(drop)[:60],
)
def test_what_the_daemon_refuses_the_schema_refuses(drop: Any) -> None:
    assert refused(drop)
    assert problems("drop", drop)


@pytest.mark.parametrize(
    "drop",
    [
        TEXT,
        {"text": "x" * 20_000},
        {"raw_text": "\u0007x"},
        TEXT | {"created_at": None, "source": None, "meta": None, "id": None},
        TEXT | {"created_at": " 2026-11-24 "},
        TEXT | {"created_at": "20261124T163000Z"},
        TEXT | {"created_at": "2026-11-24 16:30:00.123456789+0100"},
        TEXT | {"skill_tag": " steward\n", "suggested_ix_section": "ix-b", "mind_category": "CURIOSITY"},
        TEXT | {"suggested_ix_section": None, "mind_category": "curiosity"},
        TEXT | {"suggested_ix_section": "IX-A", "mind_category": None},
        TEXT | {"score": 9},
        TEXT | {"score": 4.5},
        TEXT | {"skill_tag": "Writing", "suggested_ix_section": "IX-A. KNOWLEDGE", "mind_category": "ix_a"},
        TEXT | {"skill_tag": "thinking", "suggested_ix_section": "Curiosity"},
        TEXT | {"suggested_ix_section": "IX-C (Personality)", "mind_category": "IX-C: personality"},
        TEXT | {"source": "x" * 2_000, "score": "9/10", "status": "pending", "meta": {"any": [1, None]}},
    ],
    ids=lambda drop: json.dumps(drop)[:60],
)
def test_what_the_daemon_takes_the_schema_takes(drop: Any) -> None:
    assert refused(drop) == ""
    assert problems("drop", drop) == []


_WORDS = st.sampled_from(["think", "WORK", "Steward", "x", "", " WRITE ", "IX-A", "ix-b", "IX-C", "IX-", None, 1])
_SHORT = st.one_of(st.none(), st.integers(), texts(0, 2), st.sampled_from(["x" * 2_000, "x" * 2_001]))
_IDS = st.one_of(st.none(), st.from_regex(r"\A[A-Za-z0-9._/ -]{0,5}\Z"), st.sampled_from(["x" * 128, "x" * 129, "-x"]))
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "raw_text": st.one_of(texts(0, 3), st.sampled_from([*AWKWARD, "x" * 20_001, None])),
    "text": texts(0, 3),
    "skill_tag": _WORDS,
    "suggested_ix_section": _WORDS,
    "mind_category": st.sampled_from(["knowledge", "Curiosity", " PERSONALITY", "values", "", None]),
    "created_at": st.sampled_from(["2026-11-24", "2026-11-24T16:30Z", "24.11.2026", "", None, "now"]),
    "status": st.sampled_from(["pending", "Pending", None]),
    "id": _IDS,
    "link_to_evidence_id": _IDS,
    "meta": st.one_of(st.none(), st.dictionaries(texts(0, 1), st.none() | st.integers(), max_size=2), texts(0, 1)),
    "skilltag": st.just("WORK"),
    **dict.fromkeys(("source", "activity_type", "evidence_summary", "source_id", "topic", "score"), _SHORT),
}


@given(
    st.sets(st.sampled_from(sorted(_FIELDS)), max_size=4).flatmap(
        lambda names: st.fixed_dictionaries({name: _FIELDS[name] for name in names})
    ),
    st.booleans(),
)
def test_schema_and_daemon_refuse_the_same_drops(drop: dict[str, Any], with_text: bool) -> None:
    if with_text and "text" not in drop:
        drop = TEXT | drop
    assert bool(problems("drop", drop)) == bool(refused(drop)), refused(drop) or problems("drop", drop)


@given(st.from_regex(schema("drop")["properties"]["created_at"]["anyOf"][0]["pattern"], fullmatch=True))
@example("2028-02-29T23:59:59,5-2359")
def test_each_instant_that_the_schema_takes_on_a_day_that_there_is_the_daemon_takes(moment: str) -> None:
    day = moment.strip()
    digits = day[:10].replace("-", "")[:8]
    try:
        datetime.datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        assume(False)
    assume(1000 < int(digits[:4]) < 9999)  # at the ends of the calendar an offset leads out of it
    assert refused(TEXT | {"created_at": moment}) == ""


@given(texts(0, 3))
def test_a_text_says_something_to_the_schema_when_it_does_to_the_daemon(text: str) -> None:
    assert bool(problems("drop", {"raw_text": text})) == bool(refused({"raw_text": text}))


def test_every_drop_of_the_fixtures_is_taken_or_refused_by_both() -> None:
    seen = 0
    for path in sorted(HERE.glob("fixtures/*/drops/*.json")):
        try:
            drop = json.loads(path.read_text("utf-8-sig"))
        except ValueError:
            continue
        seen += 1
        assert bool(problems("drop", drop)) == bool(refused(drop)), path
    assert seen > 30
