"""However odd a Record file is that somebody has edited by hand, to read it takes time in proportion to its length."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from recursion_gate.formats import record_edit, record_parse

#: Each was read in a time that grew with the square of the lines: twice the lines, four times the time.
ODD: dict[str, Callable[[int], str]] = {
    "fences that nothing closes": lambda n: "```py\nx\n" * n,
    "fences of another sign": lambda n: "~~~ a\n" * n,
    "fences of many lengths": lambda n: "".join("`" * (3 + i % 50) + "x\n" for i in range(n)),
    "comments that nothing closes": lambda n: "<!-- x\n" * n,
    "comments in the middle of a line": lambda n: "a <!-- b\n" * n + "-->\n",
    "a heading with many blanks": lambda n: "# a" + " " * n + "b\n",
    "tasks": lambda n: "- [ ] • x\n" * n,
}


def _seconds(text: str) -> float:
    """The least of three: what else runs on the machine can only add to it."""
    took = []
    for _ in range(3):
        began = time.process_time()
        record_parse.parse({"self-evidence.md": text})
        record_edit.insert(text.encode(), "Activity Log", ["- x"])
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.parametrize("kind", ODD)
def test_a_file_that_is_longer_takes_longer_by_as_much_and_not_by_its_square(kind: str) -> None:
    """Sixteen times the lines took 256 times as long; up to 64 times is let pass, since clocks are coarse."""
    few, many = _seconds(ODD[kind](2_000)), _seconds(ODD[kind](32_000))
    assert many < 64 * max(few, 0.004), f"{few:.4f} s and {many:.4f} s"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<!-- - a -->\n- b\n", ["b"]),
        ("<!-- - a\n- b\n-->\n- c\n", ["c"]),
        ("<!-- a\n- b\n", ["b"]),
        ("<!--> - a -->\n- b\n", ["b"]),
        ("<!-- a --> <!-- b\n- c\n-->\n", ["c -->"]),
        ("- a <!-- b\n- c\n", ["a <!-- b", "c"]),
        ("```\n- a\n```\n- b\n", ["b"]),
        ("````\n- a\n```\n- b\n````\n- c\n", ["c"]),
        ("```\n- a\n~~~\n- b\n```\n- c\n", ["c"]),
        ("```\n- a\n```\n- b\n```\n- c\n", ["b ```", "c"]),
        ("~~~~\n- a\n~~~\n- b\n", ["a ~~~", "b"]),
    ],
)
def test_comments_and_code_are_no_entries_and_where_nothing_closes_them_they_are_text(
    text: str, read: list[str]
) -> None:
    found = record_parse.parse({"self-knowledge.md": f"## Topics\n\n{text}"}).knowledge
    assert [entry.text for entry in found] == read


@pytest.mark.parametrize(
    ("heading", "section"), [("## A b ##", "A b"), ("## A#", "A#"), ("##  A  ", "A"), ("## #", ""), ("##", "")]
)
def test_a_heading_is_read_as_it_is_written_to(heading: str, section: str) -> None:
    (entry,) = record_parse.parse({"self-knowledge.md": f"{heading}\n- x\n"}).knowledge
    assert entry.section == section
