"""One dropped file becomes its candidates, or a reason why not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.core.model import Candidate, Drop, act_id, infer_section
from recursion_gate.core.receipt import canonical
from recursion_gate.core.settings import Settings
from recursion_gate.core.words import CATEGORY_OF
from recursion_gate.formats import drops, fields

from ..support.samples import SKILLS, TEXT, candidates, ids, json_values, said, texts

MTIME = 1_764_000_000_123_456_789


def _parse(name: str, data: bytes | str | dict[str, Any], mtime_ns: int = MTIME, **settings: Any) -> list[Candidate]:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data.encode() if isinstance(data, str) else data
    return [p.candidate for p in drops.parse(name, raw, mtime_ns, Settings(**settings))]


def _one(data: bytes | str | dict[str, Any], name: str = "drop.json") -> Candidate:
    [made] = _parse(name, data)
    return made


def _refusal(name: str, data: bytes | str | dict[str, Any], **settings: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        _parse(name, data, **settings)
    return caught.value


# -- what is filled in ----------------------------------------------------------------------------------------------


def test_the_text_alone_is_enough() -> None:
    made = _one({"raw_text": TEXT}, "quiz 7.json")
    assert made.raw_text == TEXT
    assert (made.skill_tag, made.suggested_ix_section, made.mind_category) == ("THINK", "IX-A", "knowledge")
    assert made.created_at == "2025-11-24T16:00:00.123Z"
    assert made.source == "quiz 7.json"
    assert made.status == "pending"
    assert made.id.startswith("cand-1764000000123-")
    assert len(made.id) == len("cand-1764000000123-") + 7


def test_text_is_an_alias_of_raw_text() -> None:
    assert _one({"text": TEXT}).raw_text == TEXT
    assert "mean the same" in _refusal("a.json", {"text": "a", "raw_text": "a"}).remedy


def test_all_fields_are_kept_as_they_were_given() -> None:
    fields = {
        "id": "x.1",
        "raw_text": "I learned it",
        "skill_tag": "WORK",
        "mind_category": "personality",
        "suggested_ix_section": "IX-C",
        "created_at": "2026-11-24T16:30:00Z",
        "status": "pending",
        "source": "",
        "link_to_evidence_id": "ACT-2026-11-24-abc",
        "activity_type": "quiz",
        "evidence_summary": "short",
        "source_id": "17",
        "topic": "dragons",
        "score": "8/10",
        "meta": {"any": [1, None, {"x": 1.5}]},
    }
    assert _one(fields).as_json() == fields


@pytest.mark.parametrize("skill", ["work", "Work", " WORK "])
def test_the_skill_may_be_written_in_any_case(skill: str) -> None:
    made = _one({"raw_text": TEXT, "skill_tag": skill, "suggested_ix_section": "ix-b", "mind_category": "Curiosity"})
    assert (made.skill_tag, made.suggested_ix_section, made.mind_category) == ("WORK", "IX-B", "curiosity")


@given(st.sampled_from([None, *SKILLS]), said)
def test_without_a_section_the_words_decide_then_the_skill(skill: str | None, text: str) -> None:
    made = _one({"raw_text": text} | ({"skill_tag": skill} if skill else {}))
    assert made.suggested_ix_section == infer_section(text, skill or "THINK")
    assert made.mind_category == CATEGORY_OF[made.suggested_ix_section]


def test_a_null_section_means_evidence_only_and_is_not_guessed_over() -> None:
    for data, name in (
        ({"raw_text": "I learned it", "suggested_ix_section": None}, "a.json"),
        ("---\nsuggested_ix_section: null\n---\nI learned it", "a.md"),
        ("---\nsuggested_ix_section:\n---\nI learned it", "a.md"),
    ):
        made = _one(data, name)
        assert (made.suggested_ix_section, made.mind_category) == (None, None)


@pytest.mark.parametrize(
    ("category", "section"), [("knowledge", "IX-A"), ("curiosity", "IX-B"), ("personality", "IX-C")]
)
def test_a_category_alone_gives_its_section(category: str, section: str) -> None:
    assert _one({"raw_text": "I learned it", "mind_category": category}).suggested_ix_section == section


def test_a_category_that_contradicts_the_section_is_refused() -> None:
    refusal = _refusal("a.json", {"raw_text": TEXT, "mind_category": "curiosity", "suggested_ix_section": "IX-A"})
    assert refusal.problem == "mind_category says curiosity but IX-A is knowledge"


# -- the same drop again --------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=20), st.integers(0, 2**70), said)
def test_a_drop_that_is_read_again_gives_the_same_candidate(stem: str, mtime_ns: int, text: str) -> None:
    name, data = f"{stem}.json", canonical({"raw_text": text})
    [first], [again] = _parse(name, data, mtime_ns), _parse(name, data, mtime_ns)
    assert first == again
    assert Drop.model_validate({"raw_text": "x", "id": first.id}).id == first.id


def test_drops_that_differ_in_name_time_or_bytes_get_different_ids() -> None:
    made = [
        *_parse("a.txt", "one"),
        *_parse("b.txt", "one"),
        *_parse("a.txt", "one", MTIME + 1),
        *_parse("a.txt", "two"),
        *_parse("a.jsonl", '{"raw_text": "one"}\n{"raw_text": "one"}\n'),
    ]
    assert len({m.id for m in made}) == 6


def test_a_proposal_knows_whether_it_says_the_same_as_what_is_known() -> None:
    [proposal] = drops.parse("a.json", b'{"id": "a", "raw_text": "one", "topic": "x"}', MTIME, Settings())
    [later] = drops.parse("b.json", b'{"id": "a", "raw_text": "one", "topic": "x"}', MTIME + 10**12, Settings())
    [other] = drops.parse("a.json", b'{"id": "a", "raw_text": "two", "topic": "x"}', MTIME, Settings())
    [none] = drops.parse("a.json", b'{"id": "a", "raw_text": "one", "suggested_ix_section": null}', MTIME, Settings())
    assert later.says_the_same_as(proposal.candidate)
    assert not other.says_the_same_as(proposal.candidate)
    assert not none.says_the_same_as(proposal.candidate)


@pytest.mark.parametrize("mtime_ns", [0, -1, -(10**18), 10**18, 2**63, 2**93, -(2**93), 253_402_300_800 * 10**9])
def test_any_time_of_a_file_gives_an_instant_and_an_id(mtime_ns: int) -> None:
    [made] = _parse("a.txt", "hello", mtime_ns)
    assert Drop.model_validate({"raw_text": "x", "id": made.id, "created_at": made.created_at})
    assert act_id(made).count("-") == 4


# -- forms ----------------------------------------------------------------------------------------------------------


def test_a_text_file_is_all_text() -> None:
    assert _one("\ufeff---\nid: x\n---\nhello \n", "NOTE.TXT").raw_text == "---\nid: x\n---\nhello"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_markdown_has_fields_above_and_the_text_below(newline: str) -> None:
    text = newline.join(
        ["---", "id: 007", "skill_tag: work", "score: 1e3", "meta: {page: 12}", "---", "", "one", "two", ""]
    )
    made = _one(text, "a.md")
    assert (made.id, made.skill_tag, made.score, made.meta) == ("007", "WORK", "1e3", {"page": "12"})
    assert made.raw_text == "one\ntwo"


def test_markdown_without_front_matter_is_all_text() -> None:
    assert _one("# Today\n\n---\n\nread\n", "a.md").raw_text == "# Today\n\n---\n\nread"


def test_markdown_may_give_the_text_as_a_field_but_not_twice() -> None:
    assert _one("---\nraw_text: hello\n---\n", "a.md").raw_text == "hello"
    assert _one("---\ntext: hello\n---\n\n", "a.md").raw_text == "hello"
    assert _one("---\nraw_text:\n---\nhello", "a.md").raw_text == "hello"
    assert "given twice" in _refusal("a.md", "---\ntext: a\n---\nb").problem


def test_a_word_for_nothing_is_nothing_but_in_quotes_a_word() -> None:
    made = _one('---\ntopic: none\nscore: "none"\nsource: ~\n---\nhello', "a.md")
    assert (made.topic, made.score, made.source) == (None, "none", "a.md")


def test_jsonl_is_a_candidate_a_line_all_or_none() -> None:
    lines = ['{"raw_text": "one"}', "", '{"text": "two", "skill_tag": "write"}\r', '{"raw_text": "three"}']
    assert [m.raw_text for m in _parse("a.jsonl", "\n".join(lines))] == ["one", "two", "three"]
    assert _refusal("a.jsonl", "\n".join([*lines, '{"raw_txt": "four"}'])).problem.startswith("line 5: unknown field")
    assert "line 3: this is not valid JSON" in _refusal("a.jsonl", '{"text": "a"}\n\n{"text": }\n').problem


def test_jsonl_with_one_id_twice_or_too_many_lines_is_refused() -> None:
    assert "'a' is given twice" in _refusal("a.jsonl", '{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n').problem
    assert "more than 2 lines" in _refusal("a.jsonl", '{"text": "x"}\n' * 3, max_lines=2).problem
    assert len(_parse("a.jsonl", '{"text": "x"}\n' * 2, max_lines=2)) == 2


@pytest.mark.parametrize("name", ["a.pdf", "a", "json", "a.json.gz", "a.markdown", ".", "\udcff"])
def test_other_forms_are_refused(name: str) -> None:
    assert ".json, .jsonl, .md and .txt" in _refusal(name, '{"raw_text": "x"}').problem


# -- a card that is dropped -----------------------------------------------------------------------------------------

CARD = """---
id: cand-1-abc1234
skill_tag: WORK
suggested_ix_section: null
created_at: "2026-11-24T16:30:00Z"
source: quiz
note: it came back
---

First line
<!-- recursion-gate: quoted by the text itself -->
last line

<!-- recursion-gate: edit only above this line; below is what approving adds, unless edited since -->

self-evidence.md, "Activity Log":

    - ACT-2026-11-24-x — First line last line — 2026-11-24 — WORK
"""


def test_a_card_that_is_dropped_is_the_candidate_it_stands_for() -> None:
    made = _one(CARD, "work_first-line_abc1234.md")
    assert made.as_json() == {
        "id": "cand-1-abc1234",
        "raw_text": "First line\n<!-- recursion-gate: quoted by the text itself -->\nlast line",
        "skill_tag": "WORK",
        "mind_category": None,
        "suggested_ix_section": None,
        "created_at": "2026-11-24T16:30:00Z",
        "status": "pending",
        "source": "quiz",
    }


def test_a_card_without_its_id_is_not_taken_for_a_new_drop() -> None:
    for text in (
        CARD.replace("id: cand-1-abc1234\n", ""),
        CARD.partition("---\n\n")[2],
        CARD.replace("cand-1-abc1234", ""),
    ):
        refusal = _refusal("a.md", text)
        assert refusal.problem == "this looks like a card whose id line was taken out"
        assert "fresh card in pending/" in refusal.remedy


# -- what is wrong with it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"skilltag": "WORK"}, "unknown field 'skilltag'; did you mean 'skill_tag'?"),
        ({"Skill-Tag": "WORK"}, "unknown field 'Skill-Tag'; did you mean 'skill_tag'?"),
        ({"rawtext": "x"}, "unknown field 'rawtext'; did you mean 'raw_text'?"),
        ({"zzz": 1}, "unknown field; the fields are raw_text, id, "),
        ({"Anna told me that she is ill": 1}, "unknown field; the fields are raw_text, id, "),
        ({"source_id_anna": 1}, "unknown field; did you mean 'source_id'?"),
        ({"skill_tag": "PLAY"}, "skill_tag must be THINK, WRITE, WORK or STEWARD"),
        ({"skill_tag": None}, "skill_tag must be THINK, WRITE, WORK or STEWARD"),
        ({"suggested_ix_section": "IX-D"}, "suggested_ix_section must be IX-A, IX-B, IX-C or null (evidence only)"),
        ({"mind_category": "body"}, "mind_category must be knowledge, curiosity or personality"),
        ({"status": "approved"}, 'status may only be "pending"'),
        ({"created_at": "tomorrow"}, "created_at must be an ISO 8601 instant"),
        ({"created_at": 1764000000}, "created_at must be an ISO 8601 instant"),
        ({"id": "../../etc/passwd"}, "id must be 1 to 128 letters, digits"),
        ({"id": "x" * 129}, "id must be 1 to 128 letters, digits"),
        ({"id": 7}, "id must be 1 to 128 letters, digits"),
        ({"link_to_evidence_id": "a b"}, "link_to_evidence_id must be the id"),
        ({"meta": []}, "meta must be an object"),
        ({"score": True}, "score must be a number or text"),
        ({"score": [4]}, "score must be a number or text"),
        ({"topic": ["a"]}, "topic must be text"),
        ({"raw_text": 7}, "raw_text must be text"),
        ({"raw_text": None}, "raw_text must be text"),
        ({"raw_text": " \n\t"}, "raw_text is empty"),
        ({"raw_text": "\x00\u202a\x1b"}, "raw_text is empty"),
        ({"raw_text": "x" * 20_001}, "raw_text has 20,001 characters; the most allowed is 20,000"),
        ({"source": "x" * 2_001}, "source has 2,001 characters; the most allowed is 2,000"),
        ({"raw_text": "a\ud800"}, "raw_text holds half a character"),
        ({"topic": "\udfff"}, "topic holds half a character"),
        ({"meta": {"\udc00": 1}}, "meta holds half a character"),
        ({"meta": {"a": [["\udc00"]]}}, "meta holds half a character"),
        ({"\ud800": 1}, "a field holds half a character"),
        ({"raw_text": {"a": 1}}, "raw_text must be text"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(fields: dict[str, Any], problem: str) -> None:
    refusal = _refusal("a.json", {"raw_text": TEXT, **fields})
    assert refusal.problem.startswith(problem)
    assert not refusal.maybe_unfinished


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("skill_tag", "TINK", "'TINK'"),
        ("skill_tag", None, "null"),
        ("suggested_ix_section", "IX-D", "'IX-D'"),
        ("mind_category", "body\u200b\x1b[2J\n", r"'body\u200b\x1b[2J\n'"),
        ("status", "approved", "'approved'"),
        ("created_at", "yesterday", "'yesterday'"),
        ("created_at", 1764000000, "1764000000"),
        ("id", "../../etc/passwd", "'../../etc/passwd'"),
        ("id", "x" * 129, f"'{'x' * 40}…'"),
        ("id", "ACT-1", "'ACT-1'"),
        ("supersedes", ["moon"], "a list of 1"),
        ("skill_tag", "", "''"),
        ("skill_tag", "W\u041eRK", "a text of 4 characters"),
        ("skill_tag", "Anna told me", "a text of 12 characters"),
        ("created_at", "2026-13-45 10:00", "'2026-13-45 10:00'"),
        ("status", {"a": 1}, "an object"),
        ("confidence", 2, "2"),
        ("confidence", True, "true"),
        ("tags", ["x" * 61], "a list of 1"),
    ],
)
def test_a_reason_names_the_wrong_value_and_what_a_log_gets_does_not(field: str, value: Any, found: str) -> None:
    refusal = _refusal("a.json", {"raw_text": TEXT, field: value})
    assert refusal.in_full == f"{refusal.problem}; found {found}"
    assert found not in refusal.problem
    lines = json.dumps({"raw_text": TEXT}) + "\n" + json.dumps({"raw_text": TEXT, field: value})
    assert _refusal("a.jsonl", lines).in_full == f"line 2: {refusal.in_full}"


@pytest.mark.parametrize("field", list(Drop.model_fields))
@pytest.mark.parametrize("value", [["Anna told me that she is ill"], {"Anna": "Anna"}, "Anna is ill", "アンナは病気"])
def test_a_reason_does_not_repeat_what_a_person_did_or_said(field: str, value: Any) -> None:
    reason = ""
    try:
        _parse("a.json", {"raw_text": TEXT, field: value})
    except Refusal as refusal:
        reason = refusal.in_full
    if not reason:
        assert field in fields._SHORT or field in ("raw_text", "excerpt", "rationale", "meta", "tags")
    assert "Anna" not in reason
    assert "アンナ" not in reason


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("0001-01-01T00:00:00Z", "must be an ISO 8601 instant of the years 1000 to 9999"),
        ("2016-12-31T23:59:60Z", "has a second 60, which no clock here knows: write 59"),
        ("2016-12-31 23:59:60.5+00:00", "has a second 60, which no clock here knows: write 59"),
        ("2016-12-31T25:59:59Z", "must be an ISO 8601 instant of"),
        ("2016-12-31T23:59:601Z", "must be an ISO 8601 instant of"),
    ],
)
def test_the_reason_for_an_instant_that_iso_8601_has_and_a_drop_has_not_is_true(moment: str, why: str) -> None:
    assert _refusal("a.json", {"raw_text": TEXT, "created_at": moment}).problem.startswith(f"created_at {why}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("timestamp", "created_at"),
        ("createdAt", "created_at"),
        ("date", "created_at"),
        ("content", "raw_text"),
        ("body", "raw_text"),
        ("message", "raw_text"),
        ("rawText", "raw_text"),
        ("metadata", "meta"),
        ("type", "activity_type"),
        ("section", "suggested_ix_section"),
        ("Section", "suggested_ix_section"),
        ("category", "mind_category"),
        ("skill", "skill_tag"),
        ("agent", "source"),
        ("link", "link_to_evidence_id"),
        ("subject", "topic"),
        ("sorce", "source"),
    ],
)
def test_an_unknown_field_is_answered_by_its_meaning_before_its_spelling(name: str, meant: str) -> None:
    refusal = _refusal("a.json", {"raw_text": TEXT, name: "x"})
    assert refusal.problem == f"unknown field '{name}'; did you mean '{meant}'?"


CONTEXT: dict[str, Any] = {
    "rationale": "Said twice this week.",
    "excerpt": "A: What did you do?\nB: I built a kite.",
    "url": "https://example.org/1",
    "confidence": 0.75,
    "tags": ["kites", "wind"],
}


def test_the_reviewers_context_is_kept_from_every_form_of_a_drop() -> None:
    made = _one(json.dumps({"raw_text": TEXT, **CONTEXT}).encode())
    assert {name: getattr(made, name) for name in CONTEXT} == CONTEXT
    card = _one("---\nconfidence: 0.75\ntags: [kites, wind]\nurl: https://example.org/1\n---\n" + TEXT, "a.md")
    assert (card.confidence, card.tags, card.url) == (0.75, ["kites", "wind"], "https://example.org/1")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("confidence", 1.5, "confidence must be a number from 0 to 1"),
        ("confidence", "very", "confidence must be a number from 0 to 1"),
        ("confidence", True, "confidence must be a number from 0 to 1"),
        ("tags", "kites", "tags must be a list of at most 20 short texts (60 characters each)"),
        ("tags", ["x" * 61], "tags must be a list of at most 20 short texts (60 characters each)"),
        ("tags", ["x"] * 21, "tags must be a list of at most 20 short texts (60 characters each)"),
        ("excerpt", "x" * 10_001, "excerpt has 10,001 characters; the most allowed is 10,000"),
        ("rationale", "x" * 2_001, "rationale has 2,001 characters; the most allowed is 2,000"),
        ("url", 7, "url must be text"),
    ],
)
def test_context_that_cannot_be_used_is_named(field: str, value: Any, problem: str) -> None:
    assert _refusal("a.json", {"raw_text": TEXT, field: value}).problem == problem


def test_every_hint_names_a_field_and_no_field_is_taken_for_unknown() -> None:
    assert set(fields._MEANT.values()) <= set(Drop.model_fields)
    assert not fields._MEANT.keys() & set(fields.FIELDS)


@pytest.mark.parametrize(("given", "kept"), [(4, "4"), (-1, "-1"), (4.5, "4.5"), ("9/10", "9/10"), (0, "0")])
def test_a_score_is_a_number_or_text_and_kept_as_text(given: Any, kept: str) -> None:
    made = _one(json.dumps({"id": "a", "raw_text": TEXT, "score": given}).encode())
    assert made.score == kept
    [again] = drops.parse("b.json", json.dumps({"id": "a", "raw_text": TEXT, "score": given}).encode(), 1, Settings())
    assert again.says_the_same_as(made)


@pytest.mark.parametrize("spelt", ["knowledge", "Knowledge", "ix-a", "IX A", "IX-A. KNOWLEDGE", "IX-A knowledge",
                                   "ix_a: Knowledge", "IX-A", "IX-A (knowledge)", " IX-A "])  # fmt: skip
def test_a_section_may_be_spelt_by_its_code_or_its_name(spelt: str) -> None:
    for field in ("suggested_ix_section", "mind_category"):
        for made in (
            _one(json.dumps({"raw_text": TEXT, "skill_tag": "WORK", field: spelt}).encode()),
            _one(f'---\n{field}: "{spelt}"\nskill_tag: work\n---\n{TEXT}', "a.md"),
        ):
            assert (made.suggested_ix_section, made.mind_category) == ("IX-A", "knowledge")


@pytest.mark.parametrize(
    ("spelt", "skill"),
    [("Writing", "WRITE"), ("thinking", "THINK"), ("WORKING", "WORK"), ("stewardship", "STEWARD"), ("write", "WRITE")],
)
def test_a_skill_may_be_spelt_as_what_one_does(spelt: str, skill: str) -> None:
    assert _one(json.dumps({"raw_text": TEXT, "skill_tag": spelt}).encode()).skill_tag == skill


@pytest.mark.parametrize("spelt", ["IX-A. CURIOSITY", "IX-D", "IX-A.KNOWLEDGEABLE", "A", "thinking", "IX-AB"])
def test_a_spelling_that_means_no_section_is_refused(spelt: str) -> None:
    assert (
        "suggested_ix_section must be" in _refusal("a.json", {"raw_text": TEXT, "suggested_ix_section": spelt}).problem
    )


@pytest.mark.parametrize(
    "text", ["+++\nid = 1\n+++\nhello", "\n+++ \ntitle = 'x'\n", "\ufeff+++\r\nid = 1\r\n+++\r\nhello"]
)
def test_toml_front_matter_is_refused_not_staged_as_text(text: str) -> None:
    refusal = _refusal("a.md", text)
    assert "+++" in refusal.problem
    assert "---" in refusal.remedy
    assert not refusal.maybe_unfinished


def test_plus_signs_elsewhere_are_text() -> None:
    assert _one("Read\n+++\nmore", "a.md").raw_text == "Read\n+++\nmore"
    assert _one("+++ good", "a.md").raw_text == "+++ good"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('```json\n{"raw_text": "x"}\n```\n', "code fence"),
        ('~~~\n{"raw_text": "x"}\n~~~\n', "code fence"),
        ('{"raw_text": "x"}\n```\n', "code fence"),
        ('{\n  // what was done\n  "raw_text": "x"}', "comment (line 2, column 3)"),
        ('{"raw_text": "x", // what was done\n "topic": "y"}', "comment (line 1, column 19)"),
        ('{"raw_text": "x" /* done */}', "comment"),
        ('{"raw_text": "x" # done\n}', "comment"),
        ('# a drop\n{"raw_text": "x"}', "comment"),
        ('{"raw_text": "x"} // done', "comment"),
        ('{"raw_text": "x",}', "comma before the last }"),
        ('{"raw_text": "x",\n}\n', "comma before the last } (line 2, column 1)"),
        ('{"raw_text": "x", "meta": {"a": [1, 2,]}}', "comma before the last ]"),
        ("{'raw_text': 'x'}", "single quotes (line 1, column 2)"),
        ("{\"raw_text\": 'x'}", "single quotes"),
        ('{"raw_text": "x", \'topic\': "y"}', "single quotes"),
        ("{“raw_text”: “x”}", "curly quotes"),
        ('{"raw_text": “x”}', "curly quotes"),
        ('{"raw_text": "x", "meta": {"a": True}}', "True is a word of Python"),
        ('{"raw_text": "x", "meta": {"a": None}}', "None is a word of Python"),
        ('{raw_text: "x"}', "name is not in double quotes"),
        ('Here it is: {"raw_text": "x"}', "does not begin with {"),
        ("I read two chapters.", "does not begin with {"),
        ('{"raw_text": "a\nb"}', "goes on in another line"),
        ('{"raw_text": "C:\\dir"}', "a single \\"),
        ('{"raw_text": "she said "yes""}', "a text holds a double quote"),
        ('{"raw_text" "x"}', "colon is missing"),
        ('{"raw_text": }', "value is missing"),
        ('{"raw_text": "x"} {"raw_text": "y"}', "something follows after the last }"),
        ('[{"raw_text": "x"}]', "not a list"),
    ],
)
def test_json_that_is_not_quite_is_named_for_what_it_is(text: str, problem: str) -> None:
    refusal = _refusal("a.json", text)
    assert problem in refusal.problem
    assert refusal.remedy
    assert not refusal.maybe_unfinished
    for words in ("Expecting", "delimiter", "Extra data", "property name", "char "):
        assert words not in refusal.problem


@pytest.mark.parametrize(
    "head", ["source: a: b", "source", "source: @x", 'source: "x', "- a\nb: c", "\tid: x", 'source: "\\q"']
)
def test_front_matter_that_cannot_be_read_is_explained_without_the_words_of_a_parser(head: str) -> None:
    problem = _refusal("a.md", f"---\n{head}\n---\nhello").problem
    for words in ("mapping", "scalar", "token", "block", "expected", "document", "stream", "context"):
        assert words not in problem


def test_a_misspelt_text_is_named_not_reported_as_missing() -> None:
    assert _refusal("a.json", {"raw_txt": "x"}).problem == "unknown field 'raw_txt'; did you mean 'raw_text'?"
    assert _refusal("a.md", "---\nraw_txt: x\n---\n").problem == "unknown field 'raw_txt'; did you mean 'raw_text'?"
    assert _refusal("a.json", {"id": "a"}).problem == "raw_text is missing"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"raw_text":' * 100_000, "nested too deeply"),
        (b'{"raw_text": "x", "meta": {"a": ' + b"[" * 60 + b"]" * 60 + b"}}", "meta is nested too deeply"),
        (b'{"raw_text": "x", "meta": {"a": 1e400}}', "a number in it is too large"),
        (b'{"raw_text": "x", "meta": {"a": -1e400}}', "a number in it is too large"),
        (b'{"raw_text": "x", "meta": {"a": ' + b"9" * 5_000 + b"}}", "too many digits"),
        (b'{"raw_text": "x", "meta": {"a": NaN}}', "NaN is not valid JSON"),
        (b'{"raw_text": "x", "meta": {"a": -Infinity}}', "-Infinity is not valid JSON"),
        (b'{"raw_text": "x", "raw_text": "y"}', "the field 'raw_text' is given twice"),
        (b'{"raw_text": "x", "meta": {"a": 1, "a": 1}}', "a field is given twice"),
        (b'{"raw_text": "x"} {"raw_text": "y"}', "not valid JSON: something follows after the last }"),
        (b"{'raw_text': 'x'}", "not valid JSON"),
        (b'{"raw_text": "x",}', "not valid JSON"),
        (b'{"raw_text": "a\nb"}', "not valid JSON"),
        (b'[{"raw_text": "x"}]', "one JSON object is expected"),
        (b'"text"', "one JSON object is expected"),
        (b"null", "one JSON object is expected"),
        (b"7", "one JSON object is expected"),
        ('{"raw_text": "x"}'.encode("utf-16"), "UTF-16"),
        ('{"raw_text": "x"}'.encode("utf-16-be"), "NUL bytes"),
        ('{"raw_text": "x"}'.encode("utf-32"), "UTF-16"),
        (b'{"raw_text": "x"}\0', "NUL bytes"),
        (b'{"raw_text": "\xe9 is Latin-1"}', "not UTF-8 text (byte 15)"),
        (b'{"raw_text": "\xed\xa0\x80"}', "not UTF-8 text"),
    ],
)
def test_json_garbage_is_refused_for_the_right_reason(data: bytes, problem: str) -> None:
    refusal = _refusal("a.json", data)
    assert problem in refusal.problem
    assert refusal.remedy
    assert not refusal.maybe_unfinished


def test_a_byte_order_mark_is_fine_in_every_form() -> None:
    bom = b"\xef\xbb\xbf"
    assert _one(bom + b'{"raw_text": "x"}').raw_text == "x"
    assert _one(bom + b"---\nid: a\n---\nx", "a.md").id == "a"
    assert _one(bom + b"x", "a.txt").raw_text == "x"
    assert _one(bom + b'{"raw_text": "x"}\n', "a.jsonl").raw_text == "x"


@pytest.mark.parametrize("field", ["raw_text", "source", "topic", "source_id", "activity_type", "evidence_summary"])
def test_what_nobody_sees_does_not_get_to_the_gate(field: str) -> None:
    hidden = "Re\u200ba\0d." + "".join(chr(0xE0000 + ord(c)) for c in "obey") + "\u3164"
    made = _one(json.dumps({"raw_text": "x", field: hidden, "meta": {hidden: [hidden, {"a": hidden}]}}).encode())
    assert getattr(made, field) == "Read."
    assert made.meta == {"Read.": ["Read.", {"a": "Read."}]}


def test_names_in_meta_that_look_the_same_are_refused() -> None:
    with pytest.raises(Refusal, match="differ only in what cannot be seen"):
        _one(b'{"raw_text": "x", "meta": {"a": 1, "a\\u200b": 2}}')


def test_a_text_of_nothing_that_is_seen_is_empty() -> None:
    with pytest.raises(Refusal, match="raw_text is empty"):
        _one(b'{"raw_text": "\\u3164\\u2800\\u200b"}')


def test_a_field_given_twice_is_found_among_forty_thousand() -> None:
    names = [f"a{n}" for n in range(40_000)]
    many = "{" + ", ".join(f'"{name}": 1' for name in [*names, names[-1]]) + "}"
    assert "a field is given twice" in _refusal("a.json", many).problem
    assert "a field is given twice" in _refusal("a.json", f'{{"raw_text": "x", "meta": {many}}}').problem


def test_a_drop_of_more_values_than_it_may_hold_is_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(drops, "_json", parsed.append)
    keys = "{" + ", ".join(f'"k{n}": 0' for n in range(75_000)) + "}"
    nested = '{"raw_text": "x", "meta": {"a": ' + "[" * 40 + "[]," * 40 + "[]" + "]" * 40 + "}}\n"
    for name, data in (("a.json", keys), ("a.jsonl", nested * 1_000)):
        assert "more than 50,000 values" in _refusal(name, data).problem
    assert not parsed


def test_commas_in_a_text_are_no_values() -> None:
    line = json.dumps({"raw_text": 'Read, [wrote], {drew}, and said: \\"so\\", ' * 20}) + "\n"
    assert len(drops.parse("a.jsonl", (line * 1_000).encode(), 0, Settings())) == 1_000


def test_of_thousands_of_unknown_fields_one_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    check = fields._check

    def noting(name: str, *rest: Any) -> None:
        looked_at.append(name)
        check(name, *rest)

    monkeypatch.setattr(fields, "_check", noting)
    problem = _refusal("a.json", {"raw_text": "x", **{f"skilltag{n}\u00e9": n for n in range(20_000)}}).problem
    assert "unknown field 'skilltag0\u00e9'" in problem
    assert len(looked_at) <= 3  # that one, its name, its value


# -- cut short ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.md", "a.txt"])
@pytest.mark.parametrize("data", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_file_may_still_be_being_written(name: str, data: bytes) -> None:
    refusal = _refusal(name, data)
    assert refusal.problem == "the file is empty"
    assert refusal.maybe_unfinished


_objects = st.dictionaries(texts(0, 3), json_values, min_size=1, max_size=4)


@given(_objects, st.booleans(), st.data())
def test_any_beginning_of_a_json_object_may_still_be_being_written(
    fields: dict[str, Any], ascii_only: bool, data: st.DataObject
) -> None:
    whole = json.dumps(fields, ensure_ascii=ascii_only).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert _refusal("a.json", whole[:cut]).maybe_unfinished


WORDS = b'{"a": [true, false, null, -1.5e+10, -0.5E-3, "\\u00e9\\ud83d\\udc09\\n\\\\"], "b": {}, "c": "\xc3\xa9"}'


@pytest.mark.parametrize("cut", range(len(WORDS)))
def test_a_cut_inside_a_word_a_number_or_an_escape_is_a_cut(cut: int) -> None:
    refusal = _refusal("a.json", WORDS[:cut])
    assert refusal.maybe_unfinished


@pytest.mark.parametrize("data", ['{"a": x', '{"a" "b', "{,", '{"a": 1 2', '{"a": 1}]', "{'a", '{"a": nil', '{"a": 0x'])
def test_what_more_can_never_make_right_is_refused_at_once(data: str) -> None:
    assert not _refusal("a.json", data).maybe_unfinished


def test_front_matter_without_its_text_yet_may_still_be_being_written() -> None:
    for text in ("---\nid: a\n", "---\nid: a\n---\n", "---\nid: a\n---\n\n  \n"):
        assert _refusal("a.md", text).maybe_unfinished
    assert not _refusal("a.md", "---\nid: a b\n---\ntext").maybe_unfinished


# -- anything at all ------------------------------------------------------------------------------------------------

_names = st.builds(
    lambda stem, ending: stem + ending,
    st.one_of(texts(0, 3), st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=3)),
    st.sampled_from([".json", ".jsonl", ".md", ".txt", ".JSON", "", ".pdf"]),
)
_mtimes = st.integers(-(2**93), 2**93)


@given(_names, st.one_of(st.binary(), texts().map(str.encode)), _mtimes)
def test_any_bytes_under_any_name_at_any_time_are_candidates_or_a_refusal(
    name: str, data: bytes, mtime_ns: int
) -> None:
    _check_any(name, data, mtime_ns)


_near = st.dictionaries(
    st.one_of(st.sampled_from([*Drop.model_fields, "text"]), texts(0, 2)),
    st.one_of(json_values, st.sampled_from([*SKILLS, "IX-A", "knowledge", "pending", "2026-11-24", "a"]), ids),
    max_size=5,
)


@given(_names, _near, _mtimes)
def test_any_json_object_is_a_candidate_or_a_refusal(name: str, fields: dict[str, Any], mtime_ns: int) -> None:
    _check_any(name, json.dumps(fields).encode(), mtime_ns)


@given(st.lists(st.tuples(st.sampled_from([*Drop.model_fields, "note"]), texts(0, 3)), max_size=4), texts(), _mtimes)
def test_any_front_matter_is_a_candidate_or_a_refusal(lines: list[tuple[str, str]], body: str, mtime_ns: int) -> None:
    head = "\n".join(f"{name}: {value}" for name, value in lines)
    _check_any("a.md", f"---\n{head}\n---\n{body}".encode(), mtime_ns)


def _check_any(name: str, data: bytes, mtime_ns: int) -> None:
    with contextlib.suppress(Refusal):
        for made in _parse(name, data, mtime_ns):
            assert Candidate.model_validate_json(canonical(made.as_json())) == made
            assert Drop.model_validate(made.as_json())
            assert made.raw_text.strip()
            assert made.source is not None
            assert act_id(made)


@given(candidates())
def test_what_is_proposed_can_be_proposed_again_unchanged(made: Candidate) -> None:
    assert _one(canonical(made.as_json())) == made
