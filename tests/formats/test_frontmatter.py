"""YAML front matter, read as plain strings."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.errors import Refusal
from recursion_gate.formats import frontmatter

from ..support.samples import texts


def _split(text: str) -> tuple[dict[str, Any], str]:
    return frontmatter.split(text)


def _refusal(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        frontmatter.split(text)
    return caught.value


# -- quote ---------------------------------------------------------------------------------------------------------


@given(texts())
def test_what_is_quoted_reads_as_the_same_text_for_us_and_for_any_yaml_reader(text: str) -> None:
    line = f"x: {frontmatter.quote(text)}\n"
    assert line.count("\n") == 1
    assert _split(f"---\n{line}---\n")[0] == {"x": text}
    assert yaml.safe_load(line) == {"x": text}
    assert yaml.load(line, Loader=yaml.CSafeLoader) == {"x": text}


@given(st.text(alphabet="yesnoYESNOtrufalTRUFALl~.:-+_0123456789einf ", max_size=8))
def test_nothing_that_looks_like_a_number_a_truth_or_a_date_is_taken_for_one(text: str) -> None:
    assert yaml.safe_load(f"x: {frontmatter.quote(text)}\n") == {"x": text}


@pytest.mark.parametrize("plain", ["THINK", "IX-A", "quiz.json", "Dragon Guide (ch. 2)", "a/b"])
def test_a_plain_word_stays_readable(plain: str) -> None:
    assert frontmatter.quote(plain) == plain


def test_signs_that_turn_the_direction_of_the_text_are_written_out() -> None:
    assert frontmatter.quote("txt.\u202eexe") == '"txt.\\u202eexe"'


# -- split ---------------------------------------------------------------------------------------------------------


def test_a_text_without_front_matter_is_all_body() -> None:
    for text in ("", "hello\n", "--- not a fence\n", "----\nx: y\n---\n", "-- -\n"):
        assert _split(text) == ({}, text)


def test_fields_stay_what_the_person_typed() -> None:
    fields, body = _split("---\nid: 0123\ntopic: yes\nscore: 1e3\ncreated_at: 2026-11-24\n---\nbody\n---\nmore\n")
    assert fields == {"id": "0123", "topic": "yes", "score": "1e3", "created_at": "2026-11-24"}
    assert body == "body\n---\nmore\n"


@pytest.mark.parametrize("text", ["---\n---\nbody", "---\n# only a comment\n---\nbody", "---  \n\n--- \t\nbody"])
def test_front_matter_may_be_empty(text: str) -> None:
    assert _split(text) == ({}, "body")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_ends_and_blank_lines_above_make_no_difference(newline: str) -> None:
    text = newline.join(["", "  ", "---", "id: a", "---", "one", "two"])
    assert _split(text) == ({"id": "a"}, "one\ntwo")
    assert frontmatter.peek_id(text) == "a"


def test_null_is_nothing_but_in_quotes_it_is_a_word() -> None:
    fields, _ = _split('---\na: null\nb: ~\nc:\nd: None\ne: \'null\'\nf: ""\ng: "~"\n---\n')
    assert fields == {"a": None, "b": None, "c": None, "d": None, "e": "null", "f": "", "g": "~"}


def test_lists_and_maps_are_kept() -> None:
    fields, _ = _split("---\nmeta:\n  page: 12\n  tags: [a, b]\n---\n")
    assert fields == {"meta": {"page": "12", "tags": ["a", "b"]}}


@pytest.mark.parametrize("text", ["---\n", "---\nid: a\n", "---\nid: a\n---x\n", "---\nid: a\n --- \nbody"])
def test_front_matter_that_is_not_closed_may_still_be_being_written(text: str) -> None:
    refusal = _refusal(text)
    assert "not closed" in refusal.problem
    assert refusal.maybe_unfinished


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a: &x 1\nb: *x", "anchors"),
        ("a: &x 1", "anchors"),
        ("meta: &x {a: b}", "anchors"),
        ("a: !!python/object/apply:os.system [id]", "tag"),
        ("a: !x b", "tag"),
        ("- a\n- b", "name: value"),
        ("just words", "name: value"),
        ("[a]: b", "name: value"),
        ("meta: {? [a] : b}", "name: value"),
        ("a: 1\na: 2", "one field twice (its line 2)"),
        ('a\t"b: 1\na\t"b: 2', "one field twice (its line 2)"),
        ("meta: {a: 1, a: 2}", "one field twice (its line 1)"),
        ("a: b: c", "line 2"),
        ("ok: yes\nbad: [", "line"),
        ("a: \x07", "cannot be read"),
        ("a: b\n...\nc: d", "cannot be read"),
        ("meta: " + "[" * 21 + "]" * 21, "nested too deeply"),
    ],
)
def test_what_no_drop_needs_is_refused_with_the_reason(source: str, problem: str) -> None:
    refusal = _refusal(f"---\n{source}\n---\nbody")
    assert problem in refusal.problem
    assert not refusal.maybe_unfinished


def test_the_line_of_an_error_is_counted_from_the_top_of_the_file() -> None:
    assert "in line 5" in _refusal("\n\n---\nok: a\nbad: b: c\n---\n").problem


def test_a_yaml_bomb_is_refused_before_it_goes_off() -> None:
    bomb = "\n".join(
        ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    )
    assert "anchors" in _refusal(f"---\n{bomb}\n---\nbody").problem


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "a: ", "!", "&a ", '"', "'", "| ", "%", "#", "\t", "a,"])
def test_a_megabyte_of_yaml_is_refused_before_it_is_parsed(piece: str) -> None:
    with pytest.raises(Refusal):
        frontmatter.split("---\nmeta: " + piece * (1_000_000 // len(piece)) + "\n---\nbody")


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "a: ", "{a: ", "[a, ", "- - ", "a:\n  "])
def test_the_deepest_yaml_that_is_parsed_is_refused_not_a_crash(piece: str) -> None:
    with pytest.raises(Refusal):
        frontmatter.split("---\nmeta: " + piece * (99_000 // len(piece)) + "\n---\nbody")


@given(texts())
def test_any_text_gives_fields_or_a_refusal_and_nothing_else(text: str) -> None:
    for source in (text, f"---\n{text}\n---\nbody", f"---\nid: a\n{text}"):
        frontmatter.peek_id(source)
        with contextlib.suppress(Refusal):
            fields, body = frontmatter.split(source)
            assert all(isinstance(name, str) for name in fields)
            assert source.replace("\r\n", "\n").replace("\r", "\n").endswith(body)


# -- peek_id -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["id: cand-1-a", "id:cand-1-a", 'id: "cand-1-a"', "id: 'cand-1-a'  ", "id: cand-1-a  # mine", '"id" : cand-1-a'],
)
@pytest.mark.parametrize("rest", ["---\nbody", "bad: [\n---\nbody", "a: b: c\n", "a: 1\na: 2\n---\n"])
def test_the_id_is_known_even_where_the_rest_is_broken(line: str, rest: str) -> None:
    assert frontmatter.peek_id(f"---\nskill_tag: WORK\n{line}\n{rest}") == "cand-1-a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id: a\n",
        "---\nskill_tag: WORK\n---\nid: a\n",
        "---\nmeta:\n  id: a\n---\n",
        "---\nsource_id: a\n---\n",
        "---\nid: ../a\n---\n",
        "---\nid: a b\n---\n",
        "---\nid:\n---\n",
        "---x\nid: a\n---\n",
    ],
)
def test_an_id_that_is_not_the_cards_own_is_none(text: str) -> None:
    assert frontmatter.peek_id(text) is None


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True))
def test_any_id_as_we_write_it_is_found_again(candidate_id: str) -> None:
    text = f"---\nid: {frontmatter.quote(candidate_id)}\n---\n"
    assert frontmatter.peek_id(text) == frontmatter.split(text)[0]["id"] == candidate_id
