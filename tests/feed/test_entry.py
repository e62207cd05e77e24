"""What an entry proposes, and its identity."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recursion_gate.core.errors import Refusal
from recursion_gate.feed.entry import Entry, key_of, proposal_of

MOMENT = "1732600000000-3"
AT = "2024-11-26T05:46:40.000Z"


def entry(*fields: tuple[str | bytes, str | bytes], id: str = "5-1") -> Entry:
    made = tuple((n.encode() if isinstance(n, str) else n, v.encode() if isinstance(v, str) else v) for n, v in fields)
    return Entry(id, made)


def said(*fields: tuple[str | bytes, str | bytes], id: str = "5-1") -> Any:
    return json.loads(proposal_of(entry(*fields, id=id), 1_000_000).data)


def why(*fields: tuple[str | bytes, str | bytes]) -> str:
    with pytest.raises(Refusal) as err:
        proposal_of(entry(*fields), 1_000)
    return err.value.problem


def test_plain_fields_are_the_drops_fields() -> None:
    assert said(("text", "Learned to whistle."), ("skill_tag", "WORK")) == {
        "text": "Learned to whistle.",
        "skill_tag": "WORK",
    }


def test_fields_that_are_no_text_in_a_drop_are_read_from_text() -> None:
    made = said(("text", "x"), ("tags", "music, birds"), ("meta", '{"n": 1}'), ("suggested_ix_section", "none"))
    assert made == {"text": "x", "tags": ["music", "birds"], "meta": {"n": 1}, "suggested_ix_section": None}
    assert said(("text", "x"), ("tags", '["a, b"]'))["tags"] == ["a, b"]


@pytest.mark.parametrize("name", ["drop", "json"])
def test_one_field_may_hold_the_whole_drop(name: str) -> None:
    assert said((name, '{"text": "x", "source": "tutor"}')) == {"text": "x", "source": "tutor"}
    assert proposal_of(entry((name, '{"text": "x", "source": "tutor"}')), 1_000).source == "tutor"


def test_an_entry_was_made_when_it_was_added_unless_it_says_otherwise() -> None:
    assert said(("text", "x"), id=MOMENT)["created_at"] == AT
    assert said(("json", ' {"text": "x"}'), id=MOMENT) == {"text": "x", "created_at": AT}
    assert said(("json", '{"text": "x", "created_at": "2020-01-01"}'), id=MOMENT)["created_at"] == "2020-01-01"
    assert said(("text", "x"), ("created_at", "2020-01-01"), id=MOMENT)["created_at"] == "2020-01-01"
    assert "created_at" not in said(("text", "x"), id="1-1")  # an id of the producer's own is no time


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([("text", b"\xff\xfe")], "not UTF-8 text (byte 1)"),
        ([(b"\xc3", "x")], "the name of a field is not UTF-8"),
        ([("json", "")], "'json' is empty"),
        ([("json", "{}"), ("trace", "7")], "beside 'json' there are other fields"),
        ([("json", "{}"), ("drop", "{}")], "beside 'drop' there are other fields"),
        ([("text", "a"), ("text", "b")], "given twice"),
        ([("text", "a"), ("meta", "{")], "the field 'meta' is not valid JSON"),
        ([("text", "a"), ("tags", "[1")], "the field 'tags' is not valid JSON"),
        ([("text", "x" * 1_000)], "the entry has 1,004 bytes; the most allowed is 1,000"),
    ],
)
def test_what_cannot_be_read_is_refused(fields: list[tuple[str | bytes, str | bytes]], problem: str) -> None:
    assert problem in why(*fields)


def test_an_entry_that_was_trimmed_is_refused() -> None:
    with pytest.raises(Refusal, match="deleted or trimmed before it was taken"):
        proposal_of(Entry("5-1", None), 1_000)


def test_a_json_that_is_no_object_goes_on_as_it_is() -> None:
    for text in ("[1]", "{", "[" * 100_000, '{"a": 1, "a": 2}'):
        assert proposal_of(entry(("json", text)), 1_000_000).data.decode() == text


def test_the_identity_of_an_entry_is_a_key_of_the_http_door() -> None:
    assert key_of(b"entries", "5-1") == "redis:entries:5-1"
    names = [b"entries", b"Entries", b"a b", b"a%20b", b"\xff", "Einträge".encode(), b"x" * 300, b"x" * 301]
    keys = [key_of(name, MOMENT) for name in names]
    assert len(set(keys)) == len(names)
    for key in keys:
        assert len(key) <= 200
        assert all("!" <= c <= "~" for c in key)
