"""A trigger gives the evidence and one suggested line, the same each time, and only where the drop leaves it open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recursion_gate.core.errors import BadSettings
from recursion_gate.core.paths import Root
from recursion_gate.core.settings import Settings, Trigger, load_settings
from recursion_gate.formats import drops
from recursion_gate.formats.drops import Proposal
from recursion_gate.formats.triggers import as_staged, expanded, line_id

QUIZ = {
    "id": "quiz-7",
    "text": "Took the tides quiz: 9 of 10.",
    "activity_type": "quiz",
    "topic": "Tides",
    "score": "9/10",
    "created_at": "2026-11-24T16:30:00Z",
    "source": "quiz-agent",
}


def given(settings: Settings | None = None, **fields: Any) -> list[Proposal]:
    made = {k: v for k, v in {**QUIZ, **fields}.items() if v is not ...}
    read = drops.parse("a.json", json.dumps(made).encode(), 0, settings or Settings())
    return list(expanded(read, settings or Settings()))


def test_a_quiz_gives_its_evidence_and_a_line_that_links_to_it() -> None:
    evidence, line = (proposal.candidate for proposal in given())
    assert (evidence.id, evidence.suggested_ix_section, evidence.raw_text) == ("quiz-7", None, QUIZ["text"])
    assert (line.id, line.suggested_ix_section, line.mind_category) == ("quiz-7-line", "IX-A", "knowledge")
    assert line.raw_text == "Tides: shown in a quiz (9/10, 2026-11-24)"
    assert (line.link_to_evidence_id, line.source) == ("quiz-7", "quiz-agent")
    assert (line.created_at, line.skill_tag, line.activity_type) == (evidence.created_at, "THINK", None)


@pytest.mark.parametrize(
    ("fields", "words", "section"),
    [
        ({"score": ...}, "Tides: shown in a quiz (2026-11-24)", "IX-A"),
        ({"topic": ...}, "Took the tides quiz: 9 of 10: shown in a quiz (9/10, 2026-11-24)", "IX-A"),
        ({"activity_type": "Assessment"}, "Tides: shown in an assessment (9/10, 2026-11-24)", "IX-A"),
        ({"activity_type": "read completion"}, "Tides: read and understood (2026-11-24)", "IX-A"),
        ({"activity_type": "write-demonstration"}, "Tides: shown in writing (2026-11-24)", "IX-C"),
        ({"activity_type": "work_project"}, "Tides: applied in a project (2026-11-24)", "IX-B"),
    ],
)
def test_each_type_has_its_words(fields: dict[str, Any], words: str, section: str) -> None:
    line = given(**fields)[1].candidate
    assert (line.raw_text, line.suggested_ix_section) == (words, section)


@pytest.mark.parametrize(
    "fields",
    [
        {"activity_type": "manual"},
        {"activity_type": ...},
        {"suggested_ix_section": "IX-A"},
        {"suggested_ix_section": None},
        {"mind_category": "curiosity"},
        {"link_to_evidence_id": "other"},
    ],
)
def test_a_drop_that_says_itself_where_its_line_goes_is_left_as_it_is(fields: dict[str, Any]) -> None:
    (only,) = given(**fields)
    assert only.candidate.id == "quiz-7"


def test_a_drop_that_brings_its_own_line_gets_no_second_one() -> None:
    own = {"id": "mine", "text": "Knows spring tides.", "link_to_evidence_id": "quiz-7"}
    data = "\n".join(json.dumps(each) for each in (QUIZ, own))
    read = drops.parse("a.jsonl", data.encode(), 0, Settings())
    assert [proposal.candidate.id for proposal in expanded(read, Settings())] == ["quiz-7", "mine"]


def test_an_id_that_the_line_would_have_is_left_to_whoever_gave_it() -> None:
    data = "\n".join(json.dumps(each) for each in (QUIZ, {"id": "quiz-7-line", "text": "Mine."}))
    read = drops.parse("a.jsonl", data.encode(), 0, Settings())
    assert [p.candidate.raw_text for p in expanded(read, Settings())] == [QUIZ["text"], "Mine."]
    assert len(as_staged(read, Settings())) == 2


def test_the_settings_switch_and_word_them(root: Root) -> None:
    root.settings.write_text(
        "[triggers]\nassessment = false\n\n[triggers.quiz]\nline = 'Was asked about {topic}[ and got {score}]'\n"
        "\n[triggers.flashcards]\nsection = 'IX-B'\nline = 'Repeats {topic} ({source})'\n"
    )
    settings = load_settings(root)
    assert settings.triggers["assessment"] is False
    quiz = given(settings, text="Wants to try harder ones.", score=...)[1].candidate
    assert (quiz.raw_text, quiz.suggested_ix_section) == ("Was asked about Tides", "IX-B")  # the section from its words
    cards = given(settings, activity_type="flashcards")[1].candidate
    assert (cards.raw_text, cards.suggested_ix_section) == ("Repeats Tides (quiz-agent)", "IX-B")
    assert len(given(settings, activity_type="assessment")) == 1
    assert len(given(settings, activity_type="work_project")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("triggers = 1", "'triggers' must be a table"),
        ("[triggers]\nquiz = true", "[triggers.quiz] must have a line"),
        ("[triggers.quiz]\nsection = 'IX-A'", "'line' in [triggers.quiz] must be words"),
        ("[triggers.quiz]\nline = '{nothing}'", "'line' in [triggers.quiz] must be words"),
        ("[triggers.quiz]\nline = 'x {'", "'line' in [triggers.quiz] must be words"),
        ("[triggers.quiz]\nline = 'x'\nsection = 'IX-D'", "'section' in [triggers.quiz] must be IX-A"),
        ("[triggers.quiz]\nline = 'x'\nlin = 'y'", "unknown setting 'lin' in [triggers.quiz]; did you mean 'line'?"),
    ],
)
def test_a_wrong_table_is_named(root: Root, text: str, message: str) -> None:
    root.settings.write_text(text)
    with pytest.raises(BadSettings) as caught:
        load_settings(root)
    assert message in str(caught.value)


def test_the_lines_id_is_the_same_each_time_and_an_id() -> None:
    assert line_id("a") == line_id("a") == "a-line"
    long = line_id("a" * 128)
    assert (long == line_id("a" * 128), len(long) <= 128, long != line_id("b" * 128)) == (True, True, True)


def test_the_candidates_that_a_door_answers_with_are_those_that_are_staged() -> None:
    read = drops.parse("a.json", json.dumps(QUIZ).encode(), 0, Settings())
    assert as_staged(read, Settings()) == [given()[0].candidate]


def test_words_of_a_drop_are_never_read_as_holes() -> None:
    settings = Settings(triggers={"quiz": Trigger("{topic} [{score}]")})
    assert given(settings, topic="{score} [x] {date}", score="}{")[1].candidate.raw_text == "{score} [x] {date} }{"
