"""The body of a webhook and the drop that it gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.core.hooks import Hook
from recursion_gate.sources.webhook import NotMapped, drop, identity, left_out, read

BODY: dict[str, Any] = {
    "data": {"title": "a kite", "n": 3.0, "none": None, "no": [], "long": "a  b\nc", "yes": True},
    "items": [{"name": "one"}, {"name": "two", "deep": [{"x": 1}]}, {}],
    "a.b": "dotted",
}


def hook(text: str = "x", **more: Any) -> Hook:
    return Hook(user="alex", text=text, secret_env="S", **more)


def made(text: str = "x", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(drop(BODY, hook(text, **more), "kites"))
    return found


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Built {data.title}", "Built a kite"),
        ("{ data.n } of {items[0].name}", "3 of one"),
        ("{items[].name}", "one, two"),
        ("{items[].deep[].x}", "1"),
        ("{items[1].deep[0].x}", "1"),
        ("{a.b}", "dotted"),
        ("{data.long}", "a b c"),
        ("{data.title}[ for {data.none}][ or {data.no}][ with {items[9].name}]", "a kite"),
        ("{data.title}[ ({data.n})]", "a kite (3)"),
        ("[sic] {data.title}", "[sic] a kite"),
    ],
)
def test_a_template_is_filled_with_what_is_at_its_paths(template: str, text: str) -> None:
    assert made(template)["raw_text"] == text


def test_words_of_the_body_are_no_template() -> None:
    event = {"a": "{b}[{c}]", "b": "secret"}
    assert json.loads(drop(event, hook("{a}"), "x"))["raw_text"] == "{b}[{c}]"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("data.titel", "nothing there; 'data' has 'title', 'n'"),
        ("nope", "nothing there; it has 'data', 'items', 'a.b'"),
        ("items[3].name", "nothing there; 'items' is a list of 3"),
        ("items.name", "nothing there; 'items' is a list of 3"),
        ("items[999999]", "nothing there"),
        ("data.title.x", "nothing there"),
        ("data.none", "null there"),
        ("data", "an object is there, not a text; it has 'title'"),
        ("data.no[]", "nothing there"),
        ("__class__", "nothing there"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_what_is_there(path: str, said: str) -> None:
    for settings in (hook(f"{{{path}}}"), hook("x", fields={"topic": path})):
        with pytest.raises(NotMapped, match=r"nothing|null|object") as caught:
            drop(BODY, settings, "x")
        assert caught.value.path == path
        assert said in str(caught.value)


def test_fields_are_paths_words_or_constants() -> None:
    fields = {"topic": "data.titel?", "score": "data.n", "rationale": "of {data.title}", "activity_type": "=quiz"}
    found = made(fields=fields | {"tags": "items[].name", "meta": "data", "confidence": "data.n"}, section="none")
    assert found == {
        "raw_text": "x",
        "source": "kites",
        "suggested_ix_section": None,
        "score": "3",
        "rationale": "of a kite",
        "activity_type": "quiz",
        "tags": ["one", "two"],
        "meta": BODY["data"],
        "confidence": 3.0,
    }


def test_a_date_that_means_two_days_is_not_guessed() -> None:
    event = {"at": "3/4/2026"}
    with pytest.raises(NotMapped, match="day_first"):
        drop(event, hook(created_at="at"), "x")
    assert json.loads(drop(event, hook(created_at="at", day_first=True), "x"))["created_at"] == "2026-04-03"
    with pytest.raises(NotMapped, match="no date"):
        drop({"at": "soon"}, hook(created_at="at"), "x")


def test_the_identity_is_the_events_own_then_the_messages_then_the_body() -> None:
    event = {"id": 7, "v": 1}
    own = hook(id=["id", "v"])
    assert identity(event, own, "msg_1", b"1") == identity(event, own, "msg_2", b"2")
    assert identity(event | {"v": 2}, own, "msg_1", b"1") != identity(event, own, "msg_1", b"1")
    assert identity(event, hook(), "msg_1", b"1") == identity(event, hook(), "msg_1", b"2")
    assert identity(event, hook(), None, b"1") != identity(event, hook(), None, b"2")
    # One can never pass for the other.
    assert identity({"id": "x"}, hook(id="id"), None, b"") != identity({}, hook(), "x", b"")
    with pytest.raises(NotMapped, match="empty"):
        identity({"id": ""}, hook(id="id"), None, b"")


def test_what_a_hook_is_not_for_is_left() -> None:
    settings = hook(only={"data.title": "a kite", "data.yes": True})
    assert left_out(BODY, settings) is None
    assert left_out({"data": {"title": "a boat"}}, settings) == "data.title"
    assert left_out({"data": {"title": "a kite"}}, settings) == "data.yes"


def test_a_form_with_a_name_twice_is_a_list() -> None:
    assert read(b"a=1&a=2&b=x+%C3%A4&c=", "form") == {"a": ["1", "2"], "b": "x ä", "c": ""}
    with pytest.raises(Refusal, match="UTF-8"):
        read(b"a=%ff", "form")
    with pytest.raises(Refusal, match="more than"):
        read(b"a=1&" * 2_000, "form")


@given(st.binary() | st.text().map(str.encode), st.sampled_from(["json", "form"]))
def test_any_bytes_are_an_event_or_a_refusal(data: bytes, form: Any) -> None:
    try:
        event = read(data, form)
    except Refusal:
        return
    assert isinstance(event, dict)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=10,
)
_PATHS = st.text("abc.[]0 ", min_size=1).filter(str.strip)


@given(st.dictionaries(st.text("abc"), _JSON), _PATHS)
def test_any_path_into_any_body_gives_a_drop_or_names_the_path(event: dict[str, Any], path: str) -> None:
    try:
        drop(event, hook("x", fields={"topic": path, "tags": path, "meta": path}, created_at=path), "x")
    except NotMapped as err:
        named = err.path
    else:
        named = path.strip()
    assert named == path.strip()
