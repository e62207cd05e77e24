"""An analyst's answer: read in each of its forms, or refused in words that the analyst can act on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.sources.analyst_answer import Malformed, read_answer
from recursion_gate.sources.conversation import Message
from recursion_gate.sources.exchanges import Exchange, Talk

TALK = Talk("t", "", "", "", "", ())
ONE = [Exchange(TALK, (Message("m1", "Alex", "I learned that ice floats."),), "Alex")]
TWO = [*ONE, Exchange(TALK, (Message("m2", "Alex", "I love ice."),), "Alex")]
RIGHT = {
    "mind_category": "knowledge",
    "signal_type": "knowledge",
    "summary": "Says so.",
    "profile_target": "IX-A. KNOWLEDGE",
    "suggested_entry": "Learned that ice floats.",
}
YAML = "\n".join(f"{name}: {value}" for name, value in RIGHT.items())


@pytest.mark.parametrize("text", ["NONE", "none.", " **NONE** ", "```\nNONE\n```", "[]", "{}", "No signal"])
def test_nothing_is_said_in_many_ways(text: str) -> None:
    assert read_answer(text, ONE) == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RIGHT),
        json.dumps([RIGHT]),
        f"Sure:\n```json\n{json.dumps(RIGHT)}\n```\nBye",
        YAML,
        f"```yaml\n{YAML}\n```",
        "- " + YAML.replace("\n", "\n  "),
        f"---\n{YAML}\n---\n",
        YAML.replace("IX-A. KNOWLEDGE", "knowledge").replace("mind_category: knowledge", "mind_category: IX-A"),
    ],
)
def test_each_form_is_read(text: str) -> None:
    (finding,) = read_answer(text, ONE)
    assert (finding.section, finding.entry, finding.exchange) == ("IX-A", "Learned that ice floats.", ONE[0])


def test_several_are_told_apart_and_one_exchange_gives_one() -> None:
    answers = [RIGHT | {"exchange": 2, "priority_score": 4}, RIGHT | {"exchange": "1"}, RIGHT | {"exchange": 1}]
    found = read_answer(json.dumps(answers), TWO)
    assert [(finding.exchange.key, finding.priority) for finding in found] == [("m2", 4), ("m1", None)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"summary": ""}, "these fields are missing: summary"),
        ({"suggested_entry": None, "signal_type": []}, "missing: signal_type, suggested_entry"),
        ({"mind_category": "hobby"}, "mind_category must be knowledge, curiosity or personality"),
        ({"profile_target": "IX-D"}, "profile_target must be IX-A, IX-B or IX-C"),
        ({"profile_target": "IX-B"}, "profile_target is IX-B, but knowledge belongs to IX-A"),
        ({"priority_score": 9}, "priority_score must be 1, 2, 3, 4 or 5"),
        ({"exchange": 3}, "exchange must be a number from 1 to 2"),
        ({"approve": True}, "unknown field 'approve'"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, object], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_answer(json.dumps(RIGHT | {"exchange": 1} | change), TWO)


@pytest.mark.parametrize("text", ["", "I think NONE of this", "[1, 2]", "a: &x [1]\nb: *x", "x" * 60_000, "[" * 5_000])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_answer(text, ONE)


@given(st.text(max_size=300) | st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists).map(json.dumps))
def test_any_text_is_an_answer_or_refused(text: str) -> None:
    try:
        assert len(read_answer(text, TWO)) <= 2
    except Malformed as err:
        assert str(err)  # noqa: PT017
