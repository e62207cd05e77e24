"""Where a candidate's lines go, and that no other byte changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.core.model import Candidate, act_id
from recursion_gate.core.paths import RECORD_FILES
from recursion_gate.formats import record_edit, record_parse
from recursion_gate.formats.record_edit import HEADINGS, Change, additions, clean, effect, fold

from ..support.roots import RECORD
from ..support.samples import candidate, candidates, texts

# -- the lines ------------------------------------------------------------------------------------------------------


def test_approving_adds_the_contracts_three_lines() -> None:
    made = candidate(
        skill_tag="WORK", suggested_ix_section="IX-B", raw_text="Drew a\ndragon.", evidence_summary="Drawing"
    )
    assert additions(made, "ACT-2026-11-24-x", linked=False) == [
        Change("self-evidence.md", "Activity Log", "- ACT-2026-11-24-x — Drawing — 2026-11-24 — WORK"),
        Change("self-curiosity.md", "Interests", "- • Drew a dragon. — ACT-2026-11-24-x"),
        Change("self-skill-work.md", "Activity", "- • Drew a dragon. — ACT-2026-11-24-x"),
    ]


@pytest.mark.parametrize(
    ("section", "file", "heading"),
    [
        ("IX-A", "self-knowledge.md", "Topics / Understanding"),
        ("IX-B", "self-curiosity.md", "Interests"),
        ("IX-C", "self-personality.md", "Observed Voice / Expression"),
    ],
)
@pytest.mark.parametrize("skill", ["THINK", "WRITE", "WORK", "STEWARD"])
def test_the_section_and_the_skill_say_which_files(section: str, file: str, heading: str, skill: str) -> None:
    made = additions(candidate(suggested_ix_section=section, skill_tag=skill), "ACT-1", linked=False)
    assert [(a.file, a.heading) for a in made] == [
        ("self-evidence.md", "Activity Log"),
        (file, heading),
        (f"self-skill-{skill.lower()}.md", "Activity"),
    ]
    assert {a.file for a in made} <= set(RECORD_FILES)


def test_evidence_only_adds_no_dimension_line_and_a_link_no_second_evidence() -> None:
    made = candidate(suggested_ix_section=None)
    assert [a.file for a in additions(made, "ACT-1", linked=False)] == ["self-evidence.md", "self-skill-think.md"]
    assert [a.file for a in additions(made, "ACT-1", linked=True)] == ["self-skill-think.md"]
    assert [a.file for a in additions(candidate(), "ACT-1", linked=True)] == [
        "self-knowledge.md",
        "self-skill-think.md",
    ]


@given(candidates(), st.booleans())
def test_a_line_is_one_line_and_nothing_in_it_starts_anything(made: Candidate, linked: bool) -> None:
    for addition in additions(made, act_id(made), linked=linked):
        assert addition.line.startswith("- • " if addition.file != "self-evidence.md" else "- ACT-")
        assert len(addition.line.splitlines()) == 1
        assert addition.line.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in addition.line)
        assert not set(addition.line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        assert addition.line == addition.line.strip()


def test_the_effect_of_a_linked_entry_names_the_evidence_that_the_link_will_lead_to() -> None:
    first, second = candidate(1), candidate(2, link_to_evidence_id="cand-1764000000000-abc0001")
    third = candidate(3, link_to_evidence_id=second.id)
    gate = {c.id: c for c in (first, second, third)}
    assert [a.line[-len(act_id(first)) :] for a in effect(third, gate.get, lambda _: None)] == [act_id(first)] * 2
    del gate[first.id]
    assert effect(third, gate.get, {first.id: "ACT-9"}.get)[0].line.endswith("— ACT-9")
    assert effect(candidate(4, link_to_evidence_id="ACT-7"), gate.get, lambda _: None)[0].line.endswith("— ACT-7")


def test_entries_that_link_in_a_circle_still_have_a_card() -> None:
    one = candidate(1, link_to_evidence_id="cand-1764000000000-abc0002")
    two = candidate(2, link_to_evidence_id="cand-1764000000000-abc0001")
    assert effect(one, {one.id: one, two.id: two}.get, lambda _: None)


# -- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  a \t b\r\n\n c ", "a b c"),
        ("a\u2028b\x85c\x0bd\x1ce", "a b c d e"),
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("a\u202eb\u2066c", "abc"),
        ("a \x00 b", "a b"),
        ("\x1b[31mred", "[31mred"),
        ("龍の本 🐉 e\u0301", "龍の本 🐉 e\u0301"),
        ("# not\n---\na heading", "# not --- a heading"),
    ],
)
def test_text_is_folded_to_one_line(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(texts())
def test_folding_and_cleaning_are_done_once_and_say_the_same(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert clean(clean(text)) == clean(text)
    assert fold(clean(text)) == fold(text)
    assert "\r" not in clean(text)


def insert(text: str, heading: str, lines: list[str]) -> tuple[str, list[str]]:
    new, added = record_edit.insert(text.encode(), heading, lines)
    return new.decode(), added


def holds(text: str, line: str) -> bool:
    return record_edit.count(text.encode(), line) > 0


# -- where a line goes ----------------------------------------------------------------------------------------------

A = "- • new — ACT-2026-11-24-x"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("## H\n", "## H\n{A}\n"),
        ("## H\n\n- old\n", "## H\n\n- old\n{A}\n"),
        ("## H\n- old\n\n\n## Next\n", "## H\n- old\n{A}\n\n\n## Next\n"),
        ("## H\n- old\n# Next\n", "## H\n- old\n{A}\n# Next\n"),
        ("## H\n- old\n\n---\n\n## Next\n", "## H\n- old\n{A}\n\n---\n\n## Next\n"),
        ("## H\n- old\n---\n## Next\n", "## H\n- old\n{A}\n---\n## Next\n"),
        ("## H\n- old\n- - -\n## Next\n", "## H\n- old\n{A}\n- - -\n## Next\n"),
        ("## H\n- old\n\n---\n- more\n\n## Next\n", "## H\n- old\n\n---\n- more\n{A}\n\n## Next\n"),
        ("## H\n- old\n\n---\n", "## H\n- old\n\n---\n{A}\n"),
        ("## H\n### Sub\n- old\n\n## Next\n", "## H\n### Sub\n- old\n{A}\n\n## Next\n"),
        ("## H\n---\n### Sub\n- old\n", "## H\n---\n### Sub\n- old\n{A}\n"),
        ("## First\n\n## H\n\n## Next\n", "## First\n\n## H\n{A}\n\n## Next\n"),
        ("## H ##\n- old\n", "## H ##\n- old\n{A}\n"),
        ("   ##  H \t\n- old\n", "   ##  H \t\n- old\n{A}\n"),
        ("# H\n\ntext\n\n## H\n- old\n\n## Next\n", "# H\n\ntext\n\n## H\n- old\n{A}\n\n## Next\n"),
        ("## H\n- one\n## Next\n## H\n- two\n", "## H\n- one\n{A}\n## Next\n## H\n- two\n"),
        ("\ufeff## H\n- old\n## Next\n", "\ufeff## H\n- old\n{A}\n## Next\n"),
        ("## H\n- old  \n   \n\t\n## Next\n", "## H\n- old  \n{A}\n   \n\t\n## Next\n"),
        ("## H\n- old\n    ## not a heading\n", "## H\n- old\n    ## not a heading\n{A}\n"),
        ("## H\n- old\n##not a heading\n#\n", "## H\n- old\n##not a heading\n{A}\n#\n"),
    ],
)
def test_a_line_goes_to_the_end_of_its_own_section(before: str, after: str) -> None:
    assert insert(before, "H", [A]) == (after.replace("{A}", A), [A])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "## H\n{A}\n"),
        ("\ufeff", "\ufeff## H\n{A}\n"),
        ("\ufeff\ufeff", "\ufeff\ufeff\n## H\n{A}"),
        ("\n \n", "\n \n## H\n{A}\n"),
        ("# Title\n", "# Title\n\n## H\n{A}\n"),
        ("# Title", "# Title\n\n## H\n{A}"),
        ("### H\n- not this level\n", "### H\n- not this level\n\n## H\n{A}\n"),
        ("## Hx\n## xH\n## h\n", "## Hx\n## xH\n## h\n\n## H\n{A}\n"),
        ("# Title\r\n", "# Title\r\n\r\n## H\r\n{A}\r\n"),
        ("H\n--\n", "H\n--\n\n## H\n{A}\n"),
    ],
)
def test_a_section_that_is_missing_is_made_and_counted_as_added(before: str, after: str) -> None:
    text, added = insert(before, "H", [A])
    assert text == after.replace("{A}", A)
    assert [line for line in added if line] == ["## H", A]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("## H\n```\n## Next\n```\n- old\n", "## H\n```\n## Next\n```\n- old\n{A}\n"),
        ("```md\n## H\n```\n## H\n- old\n", "```md\n## H\n```\n## H\n- old\n{A}\n"),
        ("~~~~\n## H\n```\n~~~\n~~~~\n## H\n", "~~~~\n## H\n```\n~~~\n~~~~\n## H\n{A}\n"),
        ("## H\n- old\n```\n## Next\n", "## H\n- old\n```\n{A}\n## Next\n"),
        ("```code``` in a line\n## H\n- old\n## Next\n```\nx\n```\n", None),
        ("---\ntitle: x\n## H\n---\n## H\n- old\n", "---\ntitle: x\n## H\n---\n## H\n- old\n{A}\n"),
        ("\ufeff---\r\n## H\r\n---\r\n## H\r\n", "\ufeff---\r\n## H\r\n---\r\n## H\r\n{A}\r\n"),
        ("---\n\n## H\n- old\n", "---\n\n## H\n- old\n{A}\n"),
    ],
)
def test_what_stands_in_code_or_front_matter_is_no_heading(before: str, after: str | None) -> None:
    expected = after if after is not None else before.replace("- old\n", "- old\n{A}\n")
    assert insert(before, "H", [A]) == (expected.replace("{A}", A), [A])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!--\n## H\n-->\n## H\n- old\n", "<!--\n## H\n-->\n## H\n- old\n{A}\n"),
        ("## H\n- old\n\n<!-- for later:\n## Next\n-->\n", "## H\n- old\n\n<!-- for later:\n## Next\n-->\n{A}\n"),
        (" \t<!--\r\n## H\r\n-->\r\n## H\r\n", " \t<!--\r\n## H\r\n-->\r\n## H\r\n{A}\r\n"),
        ("<!-- a --> <!--\n## H\n-->\n", "<!-- a --> <!--\n## H\n-->\n{A}\n"),
        ("- a <!--\n## H\n-->\n", "- a <!--\n## H\n-->\n{A}\n"),
        ("<!-- not closed\n## H\n- old\n", "<!-- not closed\n## H\n- old\n{A}\n"),
        ("<!--\n```\n-->\n## H\n- old\n```\n## N\n```\n", "<!--\n```\n-->\n## H\n- old\n```\n## N\n```\n{A}\n"),
    ],
)
def test_what_stands_in_a_comment_is_no_heading(before: str, after: str) -> None:
    """As readers see it: a comment is what begins a line and is closed."""
    assert insert(before, "H", [A]) == (after.replace("{A}", A), [A])
    entries = record_parse.parse({"self-knowledge.md": after.replace("{A}", A)}).knowledge
    assert A.removeprefix("- • ") in [entry.raw for entry in entries]


def test_many_comments_take_no_longer_than_their_number() -> None:
    text = "<!--\n## H\n-->\n" * 50_000 + "<!-- x\n" * 50_000 + "## H\n"
    assert insert(text, "H", [A])[0] == text + A + "\n"


def test_line_ends_are_those_of_the_section_the_line_goes_to() -> None:
    assert insert("## H\r\n- old\r\n\r\n## N\r\n", "H", [A])[0] == f"## H\r\n- old\r\n{A}\r\n\r\n## N\r\n"
    assert insert("## H\r\n- old", "H", [A])[0] == f"## H\r\n- old\r\n{A}"
    assert insert("## N\r\n\r\n## H\n- old\n", "H", [A])[0] == f"## N\r\n\r\n## H\n- old\n{A}\n"


def test_a_missing_last_line_end_stays_missing() -> None:
    assert insert("## H\n- old", "H", [A])[0] == f"## H\n- old\n{A}"
    assert insert("## H", "H", [A])[0] == f"## H\n{A}"
    assert insert("## H\r", "H", [A, A])[0] == f"## H\r\n{A}\r\n{A}"
    assert insert("## H\n  ", "H", [A])[0] == f"## H\n{A}\n  "


@pytest.mark.parametrize("file", HEADINGS)
def test_every_file_of_a_new_user_has_its_section(file: str) -> None:
    text, added = insert(RECORD[file], HEADINGS[file], [A])
    assert added == [A]
    assert text.replace(A + "\n", "") == RECORD[file]


# -- any text at all ------------------------------------------------------------------------------------------------

_OUTLINE = (
    "## H", "# H", "### H", "## Next", "# Top", "### Sub", "## H ##", "##", "\ufeff## H", "    ## code", "---", "- - -",
    " ---", "***", "--", "```", "```py", "~~~", "``` x`y", "- item", "", "  ", "text", "title: x", A,
)  # fmt: skip
_lines = st.one_of(st.sampled_from(_OUTLINE), texts(0, 3))
_records = st.builds(
    lambda start, lines, end: start + "".join(line + newline for line, newline in lines) + end,
    st.sampled_from(["", "\ufeff", "---\nx: y\n---\n", "---\r\n---\r\n"]),
    st.lists(st.tuples(_lines, st.sampled_from(["\n", "\n", "\r\n", "\r"])), max_size=14),
    st.one_of(st.just(""), _lines),
)
_new = st.lists(candidates(), min_size=1, max_size=2).map(
    lambda made: [additions(c, act_id(c), linked=False)[-1].line for c in made]
)


@given(_records, _new)
def test_no_byte_changes_but_the_lines_that_are_put_in(text: str, lines: list[str]) -> None:
    new, added = insert(text, "H", lines)
    assert added[-len(lines) :] == lines
    assert added[: -len(lines)] in ([], ["## H"], ["", "## H"])
    blocks = [block for n in ("\n", "\r\n") for block in (n.join(added) + n, n + n.join(added))]
    if text.endswith("\r"):
        blocks.append("\n" + "\r\n".join(added))
    assert any(text[:at] + block + text[at:] == new for block in blocks for at in range(len(text) + 1))


@given(_records, _new)
def test_what_was_put_in_stands_there_as_whole_lines(text: str, lines: list[str]) -> None:
    new, _ = insert(text, "H", lines)
    assert all(holds(new, line) for line in lines)


@given(_records, _new)
def test_several_at_once_are_the_same_bytes_as_one_at_a_time(text: str, lines: list[str]) -> None:
    one_by_one = text
    for line in lines:
        one_by_one, _ = insert(one_by_one, "H", [line])
    assert insert(text, "H", lines)[0] == one_by_one


@given(_records)
def test_the_next_line_finds_the_same_section_and_stands_behind_the_last(text: str) -> None:
    new, _ = insert(text, "H", [A])
    again, added = insert(new, "H", ["- • later — ACT-2026-11-25-y"])
    assert added == ["- • later — ACT-2026-11-25-y"]
    assert again.index(added[0]) > new.index(A)


_plain_lines = st.lists(
    st.sampled_from(["## H", "## H", "## Next", "# Top", "### Sub", "---", "", "", "- item", "text", "#### H"]),
    max_size=12,
)


@given(_plain_lines.filter(lambda lines: lines[:1] != ["---"]))
def test_the_place_is_the_one_that_the_contract_says_read_line_by_line(lines: list[str]) -> None:
    new, _ = insert("".join(f"{line}\n" for line in lines), "H", [A])
    assert new.split("\n")[:-1] == _as_the_contract_says(lines)


def _as_the_contract_says(lines: list[str]) -> list[str]:
    if "## H" not in lines:
        return [*lines, *([""] if any(lines) else []), "## H", A]
    start = end = lines.index("## H") + 1
    while end < len(lines) and not lines[end].startswith(("# ", "## ")):
        end += 1
    if end < len(lines):  # a rule in front of the next heading, with nothing but blank lines in between
        rule = end - 1
        while rule >= start and not lines[rule]:
            rule -= 1
        if rule >= start and lines[rule] == "---":
            end = rule
    while end > start and not lines[end - 1]:
        end -= 1
    return [*lines[:end], A, *lines[end:]]


# -- odd texts do not take long -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "# " + " " * 200_000 + "\rx\n",
        "# x" + " " * 200_000 + "y\n",
        "## H" + " #" * 100_000 + "x\n",
        "```a\n" * 100_000,
        "```\n~~~\n" * 50_000,
        "`" * 300_000,
        "- " * 200_000 + "x",
        "---\n" * 100_000,
        "#\n" * 200_000,
        A * 20_000,
        "\n" * 500_000,
        "---\n" + "x\n" * 200_000,
    ],
)
def test_a_text_made_to_take_long_takes_a_line_all_the_same(text: str) -> None:
    new, _ = insert(text, "H", [A])
    assert holds(new, A)


# -- holds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [A, f"x\n{A}\ny", f"{A}\r\n", f"\ufeff{A}", f"x{A}\n{A}", f"{A} \n{A}"])
def test_a_whole_line_is_held(text: str) -> None:
    assert holds(text, A)


@pytest.mark.parametrize(
    "text", ["", A[:-1], f"{A}.", f"\n\ufeff{A}", f" {A}", f"x{A}\n", f"{A} \n", A.replace("new", "old")]
)
def test_a_part_of_a_line_is_not_held(text: str) -> None:
    assert not holds(text, A)


# -- links that link further ----------------------------------------------------------------------------------------


def _linked(count: int) -> dict[str, Candidate]:
    """So many candidates, each linked to the one before."""
    ids = [f"c{number}" for number in range(count)]
    return {i: candidate(id=i, link_to_evidence_id=ids[n - 1] if n else None) for n, i in enumerate(ids)}


@pytest.mark.parametrize("shared", [True, False])
@given(st.permutations(range(12)))
def test_in_any_order_of_asking_a_link_means_the_end_of_its_chain(shared: bool, order: list[int]) -> None:
    there = _linked(12)
    known: dict[str, str] | None = {} if shared else None
    for number in order:
        made = effect(there[f"c{number}"], there.get, lambda _: None, known)
        assert made == additions(there[f"c{number}"], act_id(there["c0"]), linked=number > 0)


@given(st.permutations(range(6)))
def test_links_that_end_in_a_circle_show_themselves_in_any_order_of_asking(order: list[int]) -> None:
    links = {"c0": "c1", "c1": "c2", "c2": "c1", "c3": "c0", "c4": "c3", "c5": "c4"}
    there = {i: candidate(id=i, link_to_evidence_id=link) for i, link in links.items()}
    known: dict[str, str] = {}
    for name in (f"c{number}" for number in order):
        assert effect(there[name], there.get, lambda _: None, known) == additions(there[name], links[name], linked=True)


def test_a_chain_of_any_length_is_walked_once() -> None:
    there, asked, known = _linked(5_000), [0], dict[str, str]()

    def waiting(candidate_id: str) -> Candidate | None:
        asked[0] += 1
        return there.get(candidate_id)

    for each in reversed(there.values()):
        assert effect(each, waiting, lambda _: None, known)[-1].line.endswith(act_id(there["c0"]))
    assert asked[0] <= 2 * len(there)
