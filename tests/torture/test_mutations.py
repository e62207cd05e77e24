"""The deliberate faults are up to date: their places in the program, their tests, their table in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import recursion_gate

from .mutations import MUTATIONS, table

TOP = Path(__file__).parents[2]


def test_each_deliberate_fault_finds_its_place_in_the_program() -> None:
    package = Path(recursion_gate.__file__).parent
    assert [m.about for m in MUTATIONS if (package / m.file).read_text("utf-8").count(m.was) != 1] == []


def test_each_test_that_must_catch_a_fault_is_there() -> None:
    for mutation in MUTATIONS:
        path, _, name = mutation.test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (TOP / path).read_text("utf-8"), mutation.about


def test_the_docs_list_the_deliberate_faults_and_count_them() -> None:
    page = (TOP / "docs" / "reliability.md").read_text("utf-8")
    assert table() in page, "python -m tests.torture.mutations --table"
    assert re.findall(r"(\d+) faults, all caught", page) == [str(len(MUTATIONS))]
