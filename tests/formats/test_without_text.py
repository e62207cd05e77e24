"""What is kept of a file that names a forgotten candidate: its id, and nothing that could be its text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.formats.without_text import ids_in, without_text

GONE = frozenset({"a", "b"})


@pytest.mark.parametrize(
    ("data", "ids", "left"),
    [
        ('{"id": "a", "text": "Secret."}', {"a"}, '{"id": "a"}\n'),
        ('{\n  "id": "a",\n  "text": "Secret.",\n  "meta": {"id": "x"}\n}\n', {"a"}, '{"id": "a"}\n'),
        ('\ufeff{"id":"a","text":"Secret."', {"a"}, '{"id": "a"}\n'),
        ('{"text": "Secret.\nMore.", "id": "a"}', {"a"}, '{"id": "a"}\n'),
        ('{"id": "a", "text": "Secret."}\n{"id": "c", "text": "Kept."}\n', {"a", "c"},
         '{"id": "a"}\n{"id": "c", "text": "Kept."}\n'),
        ('{"id": "a", "text": "Secret.\n{and more"}\n{"id": "c", "text": "Kept."}', {"a", "c"},
         '{"id": "a"}\n{"id": "c", "text": "Kept."}\n'),
        ("---\nid: a\nsource: quiz\n---\n\nSecret.\n", {"a"}, "---\nid: a\n---\n"),
        ("---\r\nid: 'a'\r\nsource: [quiz\r\n---\r\n\r\nSecret.\r\n", {"a"}, "---\nid: a\n---\n"),
        ('[{"id": "a", "text": "Secret."}, {"id": "b", "text": "Secret."}]', {"a", "b"}, '{"id": "a"}\n{"id": "b"}\n'),
        ('{"id": "x", "text": "Kept."}', {"x"}, '{"id": "x", "text": "Kept."}\n'),
    ],
)  # fmt: skip
def test_only_the_id_is_left_of_what_was_forgotten(data: str, ids: set[str], left: str) -> None:
    raw = data.encode()
    assert ids_in(raw) == ids
    assert without_text(raw, GONE).decode() == left
    assert without_text(without_text(raw, GONE), GONE).decode() == left


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_OBJECTS = st.fixed_dictionaries({"id": st.sampled_from(["a", "b", "c", "x-1"]), "text": _TEXTS.map("Secret ".__add__)})


@given(st.lists(_OBJECTS, min_size=1, max_size=4), st.integers(0, 300), st.booleans())
def test_however_it_is_cut_short_no_forgotten_text_stays(objects: list[dict[str, str]], cut: int, pretty: bool) -> None:
    data = "\n".join(json.dumps(each, indent=2 if pretty and len(objects) == 1 else None) for each in objects)
    raw = data.encode()[: cut or None]
    named = ids_in(raw) & GONE
    left = without_text(raw, GONE).decode()
    if named:
        kept = [json.loads(line) for line in left.splitlines()]
        assert {each["id"] for each in kept if "text" not in each} == named
        assert all(each in objects for each in kept if "text" in each)
        assert not any(each["id"] in GONE for each in kept if "text" in each)
