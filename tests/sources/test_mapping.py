"""Columns are guessed or told; a wrong one is named."""

from __future__ import annotations

import pytest
from recursion_gate.sources.entry import Entry, LeftOut, Options, WrongOption
from recursion_gate.sources.mapping import Mapper, guessed, parse_map, value_at


def item(record: dict[str, object], *given: str, strict: bool = True) -> Entry:
    made = Mapper(list(record), Options(map=parse_map(given)), strict=strict).item(record, "line 2")
    assert isinstance(made, Entry)
    return made


def test_columns_are_known_by_their_heads_in_any_case() -> None:
    made = guessed(["ID", "Completed At", "TASK", "Category", "Points", "Link"])
    assert {field: template.columns[0] for field, template in made.items()} == {
        "text": "TASK",
        "created_at": "Completed At",
        "source_id": "ID",
        "topic": "Category",
        "score": "Points",
        "url": "Link",
    }


def test_a_field_is_a_column_or_a_template_or_the_same_words_everywhere() -> None:
    record: dict[str, object] = {
        "Task": "Swept",
        "Room": "Hall",
        "Sure": "80 %",
        "Labels": "a; b,a",
        "When": "24.11.2026",
    }
    made = item(
        record,
        "text={Task} the {Room}.",
        "skill_tag==WORK",
        "confidence=Sure",
        "tags=Labels",
        "date=When",
    )
    assert made.fields == {
        "raw_text": "Swept the Hall.",
        "skill_tag": "WORK",
        "confidence": 0.8,
        "tags": ["a", "b"],
        "created_at": "2026-11-24",
    }


def test_a_path_leads_into_objects_and_lists_and_a_plain_name_comes_first() -> None:
    record = {"a": {"b": [{"c": 1}]}, "a.b": "plain"}
    assert value_at(record, "a.b[0].c") == 1
    assert value_at(record, "a.b") == "plain"
    assert value_at(record, "A") == {"b": [{"c": 1}]}
    assert value_at(record, "a.b[7].c") is None
    assert value_at(record, "nothing") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("text", "write FIELD=COLUMN"),
        ("txt=Task", "did you mean 'text'"),
        ("colour=Task", "unknown field 'colour'"),
        ("text=Taks", "there is no column 'Taks'; did you mean 'Task'?"),
        ("text={Task} in {Where}", "there is no column 'Where'"),
    ],
)
def test_a_wrong_column_or_field_is_named(given: str, message: str) -> None:
    with pytest.raises(WrongOption) as caught:
        Mapper(["Task", "Room"], Options(map=parse_map([given])), strict=True)
    assert message in str(caught.value)


def test_a_table_without_a_column_for_the_text_asks_which_one() -> None:
    with pytest.raises(WrongOption, match=r"The columns are 'A', 'B'\. For example --map text=A"):
        Mapper(["A", "B"], Options(), strict=True)
    with pytest.raises(WrongOption, match=r"The columns are '7', 'B c'\. For example --map 'text=B c'"):
        Mapper(["7", "B c"], Options(), strict=True)


def test_a_table_without_heads_is_told_to_be_one() -> None:
    with pytest.raises(WrongOption, match="looks like an entry: put a line above it"):
        Mapper(["2026-11-24", "Washed the car", "5"], Options(), strict=True)


@pytest.mark.parametrize(
    ("heads", "text", "at"),
    [
        (("Aufgabe", "Datum", "Kategorie"), "Aufgabe", "Datum"),
        (("Fecha", "Tarea"), "Tarea", "Fecha"),
        (("Titre", "Jour"), "Titre", "Jour"),
        (("Tag", "Task", "Data"), "Task", None),  # English: neither is a date
    ],
)
def test_the_heads_of_other_languages_are_known(heads: tuple[str, ...], text: str, at: str | None) -> None:
    found = Mapper(heads, Options(), strict=True).fields
    assert (found["text"], found.get("created_at")) == (text, at)


def test_a_row_without_text_is_left_out_and_so_is_one_whose_date_cannot_be_read() -> None:
    mapper = Mapper(["Task", "Date"], Options(), strict=True)
    assert mapper.item({"Task": " ", "Date": ""}, "line 2") == LeftOut("line 2", "no text")
    assert mapper.item({"Task": "x", "Date": "soon"}, "line 3") == LeftOut("line 3", "a date that cannot be read")


def test_the_identity_does_not_depend_on_what_the_map_adds_in_words() -> None:
    record: dict[str, object] = {"Task": "Swept", "Date": "24.11.2026"}
    assert item(record).identity == item(record, "skill_tag==WORK", "rationale=={Date}!").identity
    assert item(record).identity != item(record | {"Date": "25.11.2026"}).identity
    assert item(record | {"id": 1}).identity != item(record | {"id": 1, "Task": "Other"}).identity
