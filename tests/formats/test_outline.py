"""One outline for those who write a Record file and those who read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.formats import outline as outlines
from recursion_gate.formats.record_edit import HEADINGS, insert
from recursion_gate.formats.record_parse import parse

FILE = "self-knowledge.md"
LINE = "- • Knows it — ACT-2026-11-24-abcdefgh12345678"

_LINES = (
    f"## {HEADINGS[FILE]}", f"## {HEADINGS[FILE]} ##", f"# {HEADINGS[FILE]}", "## Next", "# Top", "### Sub", "##",
    "---", "- - -", "***", "```", "```py", "````", "~~~", "~~~ `", "``` x`y", " ```", "    ## code", "- item", "", "  ",
    "text", "<!--", "-->", "<!-- a -->", " <!-- a --> ## Next", "- a <!-- b", "title: x", "\ufeff## Next",
)  # fmt: skip
_texts = st.builds(
    lambda start, lines: start + "".join(line + end for line, end in lines),
    st.sampled_from(["", "\ufeff", "---\nx: y\n---\n"]),
    st.lists(st.tuples(st.sampled_from(_LINES), st.sampled_from(["\n", "\n", "\r\n"])), max_size=14),
)


@given(_texts)
def test_a_line_is_read_in_the_section_that_it_was_put_into(text: str) -> None:
    new, _ = insert(text.encode(), HEADINGS[FILE], [LINE])
    read = [entry for entry in parse({FILE: new.decode()}).knowledge if entry.raw == LINE.removeprefix("- • ")]
    assert [entry.own for entry in read] == [True]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```\n## Code\n```\n## Text\n", ["Text"]),
        ("``` a`b\n## Text\n```\n", ["Text"]),  # CommonMark: no such sign behind a fence of them
        ("~~~ a`b\n## Code\n~~~\n", []),
        ("````\n```\n## Code\n````\n## Text\n", ["Text"]),
        ("```\n## Text\n", ["Text"]),
        ("```\n## Code\n``` x\n## Code\n  ```  \n## Text\n", ["Text"]),
        ("~~~\n<!--\n~~~\n-->\n## Text\n", ["Text"]),
        ("---\n## Front\n---\n<!--\n## Comment\n-->\n## Text\n", ["Text"]),
    ],
)
def test_the_headings_that_show_are_the_same_to_writer_and_reader(text: str, shown: list[str]) -> None:
    assert [outlines.title(mark).decode() for mark in outlines.outline(text.encode()).marks if mark["level"]] == shown
    assert [e.section for e in parse({FILE: text + "\n- x\n"}).knowledge] == [shown[-1] if shown else ""]
