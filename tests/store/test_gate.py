"""recursion-gate.json: what waits, in the order it was staged."""

from __future__ import annotations

import gc
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from recursion_gate.core.errors import Parked
from recursion_gate.core.model import Candidate
from recursion_gate.core.paths import Place
from recursion_gate.disk import untrusted
from recursion_gate.formats.gate_json import dump
from recursion_gate.store.gate import Gate

from ..support.samples import candidate, candidates, json_values, texts

same_folder = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def _load(place: Place, data: bytes) -> Gate:
    place.gate.write_bytes(data)
    return Gate.load(place)


def test_no_file_is_an_empty_gate(place: Place) -> None:
    gate = Gate.load(place)
    assert len(gate) == 0
    assert list(gate) == []
    assert not place.gate.exists()


def test_the_file_is_an_array_indented_by_two_in_utf_8_newest_last(place: Place) -> None:
    gate = Gate.load(place)
    gate.add(candidate(1, raw_text="龍 — é"))
    gate.add(candidate(2, suggested_ix_section=None))
    gate.save()
    text = place.gate.read_text("utf-8")
    assert text == json.dumps([c.as_json() for c in gate], indent=2, ensure_ascii=False) + "\n"
    assert [c["id"][-1] for c in json.loads(text)] == ["1", "2"]
    for made in json.loads(text):
        assert made.keys() >= {
            "id", "raw_text", "skill_tag", "mind_category", "suggested_ix_section", "created_at", "status",
        }  # fmt: skip


@pytest.mark.parametrize("depth", [1, 47])
def test_meta_takes_no_more_room_at_the_gate_than_in_its_drop(place: Place, depth: int) -> None:
    inner = "[" + ",".join(["0"] * 1_000) + "]"
    meta = json.loads('{"a":' * depth + inner + "}" * depth)
    gate = Gate.load(place)
    gate.add(candidate(1))
    without = gate.size
    gate.add(candidate(2, meta=meta))
    gate.save()
    drop = len(json.dumps(meta, separators=(",", ":")))
    assert gate.size - without <= without + drop + len('    "meta": ,\n')
    assert json.loads(place.gate.read_bytes())[1]["meta"] == meta
    assert gate.size + len(b"[\n,\n\n]\n") == place.gate.stat().st_size
    gate.discard(candidate(2).id)
    assert gate.size == without


def test_what_meta_holds_is_not_kept_as_objects(place: Place) -> None:
    gate = _load(place, dump([candidate(n, meta={"a": [[[n]]]}) for n in range(20)]))
    gate.add(candidate(20, meta={"a": [[[20]]]}))
    assert [c.meta for c in gate] == [{"a": [[[n]]]} for n in range(21)]
    gc.collect()
    assert not [o for o in gc.get_objects() if isinstance(o, Candidate) and o.meta and o.meta.get("a") == [[[7]]]]


def test_a_gate_in_another_form_of_json_is_read_too(place: Place) -> None:
    made = [candidate(n, meta={"a": [{"b": n}, {"c": n}]}) for n in range(3)]
    fields = [c.as_json() for c in made]
    for data in (json.dumps(fields), json.dumps(fields, indent=2) + "\n", json.dumps(fields, indent=1)):
        assert list(_load(place, data.encode())) == made


def test_an_empty_gate_is_an_empty_array(place: Place) -> None:
    gate = Gate.load(place)
    gate.add(candidate())
    gate.discard(candidate().id)
    gate.save()
    assert place.gate.read_bytes() == dump([]) == b"[]\n"


_unknown = st.dictionaries(texts(1, 2).map(lambda name: f"x-{name}"), json_values, max_size=2)


@st.composite
def _gates(draw: st.DrawFn) -> list[Candidate]:
    made = draw(st.lists(candidates(), max_size=3, unique_by=lambda c: c.id))
    return [Candidate.model_validate({**c.as_json(), **draw(_unknown)}) for c in made]


@same_folder
@given(_gates())
def test_any_gate_is_read_as_it_was_written_with_fields_that_are_unknown(place: Place, made: list[Candidate]) -> None:
    gate = _load(place, dump(made))
    assert list(gate) == made
    assert json.loads(place.gate.read_bytes()) == [c.as_json() for c in made]
    gate.save()
    assert place.gate.read_bytes() == dump(made)
    assert gate.unchanged()


@same_folder
@given(_gates(), candidates())
def test_adding_and_taking_out_leaves_the_other_bytes_as_they_were(
    place: Place, made: list[Candidate], one: Candidate
) -> None:
    gate = _load(place, dump(made))
    if one.id in gate:
        return
    gate.add(one)
    assert list(gate) == [*made, one]
    assert gate.get(one.id) == one
    gate.discard(one.id)
    assert one.id not in gate
    assert gate.get(one.id) is None
    gate.save()
    assert place.gate.read_bytes() == dump(made)


def test_numbers_that_json_can_hold_survive(place: Place) -> None:
    meta = {
        "big": 10**4000,
        "small": 5e-324,
        "minus": -0.0,
        "whole": 1.0,
        "long": 0.1 + 0.2,
        "huge": 1.7976931348623157e308,
    }
    [made] = _load(place, dump([candidate(meta=meta)]))
    assert made.meta == meta
    assert str(made.meta["minus"]) == "-0.0"


GOOD = candidate().as_json()
WRONG: list[dict[str, Any]] = [
    {"id": "../x"},
    {"id": 7},
    {"raw_text": None},
    {"skill_tag": "PLAY"},
    {"suggested_ix_section": "IX-D"},
    {"mind_category": "body"},
    {"status": "approved"},
    {"meta": []},
    {"created_at": None},
]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b"null",
        b"{}",
        b"[[]]",
        b"[null]",
        b"[]]",
        b"\xff\xfe[\x00]\x00",
        b"\x00" * 4096,
        b'[{"id": "a"}]',
        b"[" * 100_000,
        b'[{"id": "\\ud800"}]',
        *(json.dumps([{**GOOD, **change}]).encode() for change in WRONG),
        json.dumps([GOOD, GOOD]).encode(),
    ],
)
def test_a_gate_that_does_not_parse_parks_the_user_and_is_never_overwritten(place: Place, data: bytes) -> None:
    with pytest.raises(Parked) as caught:
        _load(place, data)
    assert str(caught.value).startswith("users/alex/recursion-gate.json: ")
    assert caught.value.remedy
    assert place.gate.read_bytes() == data


@same_folder
@given(_gates().filter(bool), st.data())
def test_any_torn_gate_is_seen_as_torn(place: Place, made: list[Candidate], data: st.DataObject) -> None:
    whole = dump(made)
    cut = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(Parked):
        _load(place, whole[:cut])


@same_folder
@given(st.binary(max_size=40))
def test_any_bytes_are_a_gate_or_park_the_user(place: Place, data: bytes) -> None:
    try:
        gate = _load(place, data)
    except Parked:
        return
    assert json.loads(data) == [c.as_json() for c in gate]


@same_folder
@given(
    before=st.lists(candidates(), unique_by=lambda c: c.id, max_size=4),
    after=st.lists(candidates(), unique_by=lambda c: c.id, max_size=4),
    spoil=st.sampled_from([b"", b"\n", b" ", b"x"]),
)
def test_a_second_look_with_the_first_at_hand_sees_what_a_look_without_it_sees(
    place: Place, before: list[Candidate], after: list[Candidate], spoil: bytes
) -> None:
    known = _load(place, dump(before))
    place.gate.write_bytes(dump([*before[1:], *(c for c in after if c.id not in {b.id for b in before})]) + spoil)
    try:
        plain = Gate.load(place)
    except Parked:
        with pytest.raises(Parked):
            Gate.load(place, known)
        return
    again = Gate.load(place, known)
    assert list(again) == list(plain)
    assert [again.element(each) for each in again.ids] == [plain.element(each) for each in plain.ids]
    assert (again.size, again.unchanged()) == (plain.size, True)


def test_a_second_look_takes_over_what_has_not_changed_and_sees_an_id_that_stands_twice(place: Place) -> None:
    made = [candidate(n) for n in range(3)]
    known = _load(place, dump(made))
    place.gate.write_bytes(dump([made[2], made[0].model_copy(update={"raw_text": "Another."})]))
    again = Gate.load(place, known)
    assert again.get(made[2].id) is known.get(made[2].id)
    assert [c.raw_text for c in again] == [made[2].raw_text, "Another."]
    place.gate.write_bytes(dump([made[0], made[0]]))
    with pytest.raises(Parked, match="twice"):
        Gate.load(place, known)


def test_a_folder_in_the_gates_place_is_an_error_of_the_system(place: Place) -> None:
    place.gate.mkdir()
    with pytest.raises(OSError):
        Gate.load(place)


@pytest.mark.parametrize("how", ["rewritten", "replaced", "removed"])
def test_a_gate_that_somebody_else_changed_is_seen_as_changed(place: Place, tmp_path: Path, how: str) -> None:
    gate = Gate.load(place)
    assert gate.unchanged()
    gate.add(candidate())
    gate.save()
    assert gate.unchanged()
    _CHANGES[how](place.gate, tmp_path)
    assert not gate.unchanged()


def test_a_gate_that_somebody_puts_there_while_it_is_read_is_seen_as_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.gate.write_bytes(b"[]\n")
    real = untrusted.open_plain

    def read_before_it_changes(path: Path) -> io.BytesIO:
        with real(path) as file:
            data = file.read()
        path.write_bytes(dump([candidate()]))
        return io.BytesIO(data)

    monkeypatch.setattr("recursion_gate.store.gate.open_plain", read_before_it_changes)
    gate = Gate.load(place)
    assert len(gate) == 0
    assert not gate.unchanged()


def _replace(gate: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(gate.read_bytes())
    other.rename(gate)


_CHANGES: dict[str, Any] = {
    "rewritten": lambda gate, _: gate.write_bytes(b"[]\n"),
    "replaced": _replace,
    "removed": lambda gate, _: gate.unlink(),
}
