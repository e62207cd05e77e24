"""What the readers make of a Record: entries, edge, export, brief; also of files that people and others wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.model import Candidate, Drop, act_id
from recursion_gate.core.paths import Root
from recursion_gate.core.receipt import Receipt
from recursion_gate.formats import record_edit, record_parse
from recursion_gate.formats.record_parse import parse
from recursion_gate.reading import brief as brief_reader
from recursion_gate.reading import edge as edge_reader
from recursion_gate.reading import export as export_reader
from recursion_gate.reading import record as record_reader
from recursion_gate.reading.answer import cut
from recursion_gate.reading.likeness import Said, likenesses
from recursion_gate.reading.snapshot import Snapshot, snapshot
from recursion_gate.schemas import registry

from ..support.world import World


def knowledge(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(e.text, e.evidence_ids) for e in parse({"self-knowledge.md": text}).knowledge]


def evidence(text: str) -> list[tuple[str, str, str | None, str | None]]:
    return [(e.id, e.summary, e.date, e.skill) for e in parse({"self-evidence.md": text}).evidence]


# -- entries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text", "ids"),
    [
        ("- • Learned of tides — ACT-2026-11-24-abcdefghij", "Learned of tides", ("ACT-2026-11-24-abcdefghij",)),
        ("- • Read 1 — 2 pages — ACT-k3x9a1b", "Read 1 — 2 pages", ("ACT-k3x9a1b",)),
        ("- plain, by hand", "plain, by hand", ()),
        ("* star", "star", ()),
        ("+ plus", "plus", ()),
        ("3. third", "third", ()),
        ("• a bullet alone", "a bullet alone", ()),
        ("-• no blank", "no blank", ()),
        ("  - indented – ACT-1", "indented", ("ACT-1",)),
        ("- [x] done | ACT-1", "done", ("ACT-1",)),
        ("- in brackets (ACT-0007)", "in brackets", ("ACT-0007",)),
        ("- • dragons — seed", "dragons", ()),
        ("- • a dragon — ACT--p436yg2", "a dragon", ("ACT--p436yg2",)),
        ("- two of them — ACT-a, ACT-b.", "two of them", ("ACT-a", "ACT-b")),
        ("- says ACT-1 in the middle", "says ACT-1 in the middle", ()),
        ("- odd \u2028  white\tspace ", "odd white space", ()),
    ],
)
def test_a_list_item_is_an_entry_whoever_wrote_it(line: str, text: str, ids: tuple[str, ...]) -> None:
    assert knowledge(f"# K\r\n\r\n## Topics / Understanding\r\n{line}\r\n") == [(text, ids)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "# Heading\n\nProse — ACT-1\n",
        "---\n- front: matter\n---\n",
        "```\n- code\n```\n",
        "<!-- - hidden\n- too -->\n",
        "---\n- - -\n***\n* * *\n",
        "- (Placeholder: what was learned)\n- (e.g. dragons)\n- …\n- (none yet)\n",
        "- • (e.g. fact — ACT-XXXX or source)\n- •\n- • \n- **horizon** — (empty)\n",
        "-\n- \n",
        "-3 degrees\n",
    ],
)
def test_what_is_no_entry_is_passed_over(text: str) -> None:
    assert knowledge(text) == []


def test_what_an_entry_says_cannot_hide_the_entries_below_it() -> None:
    text = "- • <!-- begins — ACT-1\n- • ``` begins — ACT-2\n- • (e.g. so) — ACT-3\n- • last — ACT-4\n"
    assert [ids for _, ids in knowledge(text)] == [("ACT-1",), ("ACT-2",), ("ACT-3",), ("ACT-4",)]


def test_an_item_that_goes_on_in_the_next_line_is_one_entry() -> None:
    assert knowledge("- begun\n  and ended — ACT-1\nlazily\n\nnot this\n- next\n") == [
        ("begun and ended — ACT-1 lazily", ()),
        ("next", ()),
    ]


def test_entries_know_their_line_and_their_section() -> None:
    text = "---\na: b\n---\n# K\n\n## Topics / Understanding ##\n\n- one\n\n<!-- x\ny -->\n## Notes\n- two\n"
    found = parse({"self-knowledge.md": text}).knowledge
    assert [(e.text, e.line, e.section, e.own) for e in found] == [
        ("one", 8, "Topics / Understanding", True),
        ("two", 13, "Notes", False),
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- ACT-1 — Read — 2026-11-24 — THINK", ("ACT-1", "Read", "2026-11-24", "THINK")),
        ("- ACT-1 — Read – a – b — 2026-11-24 — write", ("ACT-1", "Read – a – b", "2026-11-24", "WRITE")),
        ("- ACT-1 | Read | 2026-11-24 | WORK", ("ACT-1", "Read", "2026-11-24", "WORK")),
        ("| ACT-1 | Read | 2026-11-24 | WORK |", ("ACT-1", "Read", "2026-11-24", "WORK")),
        ("- ACT-1 - re-read - 2026-11-24 - STEWARD", ("ACT-1", "re-read", "2026-11-24", "STEWARD")),
        ("- ACT-1: Read (2026-11-24, THINK)", ("ACT-1", "Read", "2026-11-24", "THINK")),
        ("* **ACT-1** — Read — THINK — 2026-11-24", ("ACT-1", "Read", "2026-11-24", "THINK")),
        ("- ACT--p436yg2 — Drew — 2026-02-27 — WORK", ("ACT--p436yg2", "Drew", "2026-02-27", "WORK")),
        ("- ACT-1 — Read", ("ACT-1", "Read", None, None)),
        ("- ACT-2026-11-24-ab12 — Read", ("ACT-2026-11-24-ab12", "Read", "2026-11-24", None)),
        ("- ACT-1 — Read — 2026-11-24", ("ACT-1", "Read", "2026-11-24", None)),
        ("- ACT-1", ("ACT-1", "", None, None)),
        ("- ACT-1 — two\nlines — 2026-11-24 — WRITE", ("ACT-1", "two lines", "2026-11-24", "WRITE")),
    ],
)
def test_evidence_is_read_whoever_wrote_it(line: str, found: tuple[str, str, str | None, str | None]) -> None:
    assert evidence(f"## Activity Log\n\n{line}\n") == [found]


def test_a_table_of_evidence_after_a_list_is_read_row_by_row() -> None:
    text = "- ACT-1 — a — 2026-11-24 — THINK\n| id | what |\n|---|---|\n| ACT-2 | b |\n- no id\n"
    assert [e[0] for e in evidence(text)] == ["ACT-1", "ACT-2"]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(record_edit.fold)


@given(st.lists(st.tuples(_TEXTS, st.sampled_from(["IX-A", "IX-B", "IX-C", None])), min_size=1, max_size=6))
def test_what_a_merge_puts_in_is_what_the_reader_finds(these: list[tuple[str, Any]]) -> None:
    texts = dict.fromkeys(record_edit.HEADINGS, b"")
    wanted: dict[str, list[tuple[str, str]]] = {name: [] for name in texts}
    for number, (text, section) in enumerate(these):
        candidate = Candidate(
            id=f"c{number}",
            raw_text=text,
            skill_tag="THINK",
            mind_category=None,
            suggested_ix_section=section,
            created_at="2026-11-24T10:00:00Z",
        )
        for addition in record_edit.additions(candidate, act_id(candidate), linked=False):
            texts[addition.file] = record_edit.insert(texts[addition.file], addition.heading, [addition.line])[0]
            wanted[addition.file].append((record_edit.fold(text), act_id(candidate)))
    known = parse({name: text.decode() for name, text in texts.items()})
    for name, file in (("knowledge", "self-knowledge.md"), ("personality", "self-personality.md")):
        assert [e.evidence_id for e in known.dimensions()[name]] == [i for _, i in wanted[file]]
    assert [e.id for e in known.evidence] == [i for _, i in wanted["self-evidence.md"]]
    assert [(e.date, e.skill) for e in known.evidence] == [("2026-11-24", "THINK")] * len(these)
    assert [e.evidence_id for e in known.skills["THINK"]] == [i for _, i in wanted["self-skill-think.md"]]


# -- edge -------------------------------------------------------------------------------------------------------------

K, C, P = "self-knowledge.md", "self-curiosity.md", "self-personality.md"


@pytest.mark.parametrize(
    ("texts", "skill", "suggestion", "rests_on"),
    [
        ({}, "THINK", "Keep reading", []),
        ({}, "WRITE", "Try a short story or journal entry", []),
        ({}, "WORK", "One small project", []),
        ({}, "STEWARD", "Take care of one thing", []),
        ({K: "- a — ACT-1\n- b — ACT-2\n", C: "- c — ACT-3\n"}, "THINK", "Continue with: b", ["ACT-2"]),
        ({K: "## Topics / Understanding\n- a — ACT-1\n## Notes\n- b\n"}, "THINK", "Continue with: a", ["ACT-1"]),
        ({C: "- c — d — ACT-3\n"}, "THINK", "Explore: c — d", ["ACT-3"]),
        ({"self-evidence.md": "- ACT-1 — A poem — 2026-11-24 — WRITE\n"}, "WRITE", 'Build on: "A poem"', ["ACT-1"]),
        ({"self-evidence.md": "- ACT-1 — A poem — 2026-11-24 — WRITE\n"}, "WORK", "One small project", []),
        ({"self-evidence.md": "- ACT-1 — A kite — 2026-11-24 — WORK\n"}, "WORK", 'Next: build on "A kite"', ["ACT-1"]),
        (
            {"self-evidence.md": "- ACT-1 — A kite — 2026-11-24 — WORK\n", P: "- playful — ACT-2\n"},
            "WORK",
            'One small project, in your own way: "playful"',
            ["ACT-2"],
        ),
        ({"self-evidence.md": "- ACT-1 — Plants — 2026-11-24 — STEWARD\n"}, "STEWARD", 'Keep up: "Plants"', ["ACT-1"]),
    ],
)
def test_the_edge_follows_its_rules(texts: Mapping[str, str], skill: str, suggestion: str, rests_on: list[str]) -> None:
    found = edge_reader.focus(parse(texts))[skill]
    assert (found.text, found.rests_on) == (suggestion, rests_on)


def test_a_long_entry_is_cut_between_words() -> None:
    assert cut("one two three four", 12) == "one two…"
    assert cut("x" * 20, 12) == "x" * 11 + "…"
    assert cut(" a \n b ", 12) == "a b"


# -- the answers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken(root: Root) -> Snapshot:
    """Alex: three approved, one rejected, two waiting."""
    world = World(root)
    for candidate_id, text, more in (
        ("c0", "Learned how tides work.", {}),
        ("c1", "I love drawing dragons.", {"skill_tag": "WRITE", "source": "analyst"}),
        ("c2", "Built a kite.", {"skill_tag": "WORK", "suggested_ix_section": None}),
        ("c3", "Nothing much.", {}),
        ("c4", "Learned how the tides work!", {"source": "analyst"}),
        ("c5", "I hate drawing dragons.", {"skill_tag": "WRITE", "source": "quiz"}),
    ):
        world.stage(candidate_id, text, created_at="2026-11-24T10:00:00Z", **more)
    for candidate_id in ("c0", "c1", "c2"):
        world.approve(candidate_id)
    world.reject("c3")
    world.reconciler.close()
    return snapshot(root, "alex")


def test_the_record_has_the_shape_of_the_companion_self_app(taken: Snapshot) -> None:
    answer = record_reader.record(taken).as_json()
    ids = [e["id"] for e in answer["evidence"]]
    assert {name: answer[name] for name in ("knowledge", "curiosity", "personality", "skills")} == {
        "knowledge": ["a seed line", f"Learned how tides work. — {ids[0]}"],
        "curiosity": [],
        "personality": [f"I love drawing dragons. — {ids[1]}"],
        "skills": {
            "THINK": [f"Learned how tides work. — {ids[0]}"],
            "WRITE": [f"I love drawing dragons. — {ids[1]}"],
            "WORK": [f"Built a kite. — {ids[2]}"],
            "STEWARD": [],
        },
    }
    assert (answer["evidenceCount"], answer["pendingCount"]) == (3, 2)
    assert set(answer["edge"]) == {"THINK", "WRITE", "WORK", "STEWARD"}
    assert answer["evidence"][2] == {
        "id": ids[2],
        "summary": "Built a kite.",
        "date": "2026-11-24",
        "skillTag": "WORK",
    }
    assert answer["entries"]["knowledge"][1] == {
        "text": "Learned how tides work.",
        "evidenceIds": [ids[0]],
        "file": "self-knowledge.md",
        "line": 6,
        "section": "Topics / Understanding",
    }
    assert answer["asOf"]["seq"] == 4
    assert answer["asOf"]["hash"] == taken.latest(1)[0].hash


def test_the_curriculum_profile_has_the_fields_of_the_companion_self_app_and_no_others(taken: Snapshot) -> None:
    answer = export_reader.export(taken).as_json()
    assert list(answer) == [
        "knowledge",
        "curiosity",
        "personality",
        "edge",
        "evidenceCount",
        "exportDate",
        "screen_time_target_minutes",
    ]
    assert answer["screen_time_target_minutes"] == 120
    assert answer["evidenceCount"] == 3
    assert answer["exportDate"] == taken.read_at


def test_the_brief_tells_what_waits_what_is_alike_what_contradicts_and_what_was_merged(taken: Snapshot) -> None:
    answer = brief_reader.brief(taken)
    assert [w.id for w in answer.waiting] == ["c4", "c5"]
    assert [(s.source, s.count) for s in answer.by_source] == [("analyst", 1), ("quiz", 1)]
    (same,) = answer.near_duplicates
    assert (same.id, same.other.at, same.other.file) == ("c4", "record", "self-knowledge.md")
    (against,) = answer.possible_conflicts
    assert (against.id, against.other.text) == ("c5", "I love drawing dragons.")
    assert [m.id for m in answer.merged_lately] == ["c2", "c1", "c0"]
    assert answer.edge_rests_on.think == [answer.merged_lately[2].evidence_id]


def test_the_brief_shows_the_first_of_many_and_counts_all(taken: Snapshot) -> None:
    answer = brief_reader.brief(taken, limit=1)
    assert (answer.pending_count, [w.id for w in answer.waiting], len(answer.merged_lately)) == (2, ["c4"], 1)


# -- likeness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("this", "other", "kind"),
    [
        ("Read chapter two of the dragon guide.", "read Chapter 2 of the dragon guide", "near-duplicate"),
        ("Read chapter 2 of the dragon guide.", "Read chapter 3 of the dragon guide.", ""),
        ("Learned about volcanoes and wrote a report", "Learned about volcanoes; wrote report", "near-duplicate"),
        ("Learned about volcanoes and wrote a report", "Learnd about volcanos and wrote a reprot", "near-duplicate"),
        ("Never wrote a report on volcanoes", "Wrote a reprot on volcanoes", "possible conflict"),
        ("Read about tides at home", "Read about tires at home", ""),
        ("I dislike maths", "I don't like maths", "near-duplicate"),
        ("I don’t like maths", "I like maths", "possible conflict"),
        ("Can swim 50 metres", "Cannot swim 50 metres", "possible conflict"),
        ("Prefers tea over coffee", "Prefers coffee over tea", "possible conflict"),
        ("Prefers tea over coffee", "Prefers tea over lemonade", ""),
        ("Built a kite", "Wrote a letter to grandma", ""),
        ("龙的故事读完了", "龙的故事读完了", "near-duplicate"),
        ("...", "!!!", "near-duplicate"),
    ],
)
def test_what_is_alike_and_what_contradicts(this: str, other: str, kind: str) -> None:
    found = likenesses([Said("this", this)], [Said("other", other)])
    assert [f.kind for f in found] == ([kind] if kind else [])
    assert likenesses([Said("other", other), Said("this", this)], []) == found


def test_ten_thousand_that_say_the_same_are_compared_with_the_first_only() -> None:
    found = likenesses([Said(n, "The very same words.") for n in range(10_000)], [])
    assert len(found) == 9_999
    assert {f.other for f in found} == {0}


# -- schemas ----------------------------------------------------------------------------------------------------------


def test_the_schema_of_a_drop_has_the_fields_of_a_drop_and_takes_words_in_any_case() -> None:
    import re

    made = registry.schema("drop")
    assert set(made["properties"]) == {*Drop.model_fields, "text"}
    assert made["additionalProperties"] is False
    for said in ("think", "thinking", "Writing", "STEWARDSHIP"):
        assert re.match(made["properties"]["skill_tag"]["pattern"], said)
    for said in ("thinkings", "thin", "no think"):
        assert not re.match(made["properties"]["skill_tag"]["pattern"], said)


def test_every_schema_is_json_of_the_named_dialect_and_every_field_of_ours_is_in_it() -> None:
    for name in registry.SCHEMAS:
        made = json.loads(json.dumps(registry.schema(name)))
        assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert made["title"]
        assert made["description"]
    assert set(registry.schema("receipt")["properties"]) == set(Receipt.model_fields)
    items = registry.schema("gate")["$defs"]["Candidate"]["properties"]
    assert set(items) == set(Candidate.model_fields)


def test_the_answers_have_the_fields_of_their_schemas(taken: Snapshot) -> None:
    for name, answer in {
        "record": record_reader.record(taken),
        "edge": edge_reader.edge(taken),
        "export": export_reader.export(taken),
        "brief": brief_reader.brief(taken),
    }.items():
        made = registry.schema(name)
        assert set(answer.as_json()) == set(made["properties"]) == set(made["required"]), name


def test_entries_names_the_skills_of_the_contract() -> None:
    assert list(record_parse.parse({}).skills) == ["THINK", "WRITE", "WORK", "STEWARD"]


def test_an_entry_below_a_lower_heading_is_still_in_its_section() -> None:
    known = parse(
        {"self-knowledge.md": "# K\n\n## Topics / Understanding\n\n### Moon\n\n- • It wanes. — ACT-2026-11-24-x\n"}
    )
    assert [entry.own for entry in known.knowledge] == [True]
