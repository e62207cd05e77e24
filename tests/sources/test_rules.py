"""The rules on a labelled sample: `shaped` sentences are those that the rules were written with, `held out` those that
came after; half of each were written to look like what the rules look for, and are not. The figures of docs/sources.md
are these."""

from __future__ import annotations

from pathlib import Path

import pytest
from recursion_gate.sources import rules
from recursion_gate.sources.conversation import Message
from recursion_gate.sources.exchanges import Exchange, Talk

SAMPLE = Path(__file__).with_name("said_of_themselves.tsv")


def found(text: str) -> rules.Said | None:
    talk = Talk("t", "", "", "", "", ())
    return rules.find(
        Exchange(talk, (Message("1", "Alex", text), Message("2", "Bo", "I love old trains so much")), "Alex")
    )


def measured(part: str) -> tuple[int, int, int]:
    """Right, wrong, missed."""
    rows = [line.split("\t") for line in SAMPLE.read_text("utf-8").splitlines()]
    made = [(label == "1", found(text) is not None) for which, label, text in rows if which == part]
    return made.count((True, True)), made.count((False, True)), made.count((True, False))


@pytest.mark.parametrize(("part", "figures"), [("shaped", (89, 0, 35)), ("held out", (27, 13, 8))])
def test_the_figures_are_those_of_the_docs(part: str, figures: tuple[int, int, int]) -> None:
    assert measured(part) == figures


@pytest.mark.parametrize(
    ("text", "section", "skill"),
    [
        ("Hi!\nI learned that whales sing. Can you help me?", "IX-A", "THINK"),
        ("I wonder why the sky is blue.", "IX-B", "THINK"),
        ("I really love old clocks with bells", "IX-C", "THINK"),
        ("We built a raft from barrels", None, "WORK"),
        ("I wrote a poem about frost", None, "WRITE"),
    ],
)
def test_the_words_tell_the_section(text: str, section: str | None, skill: str) -> None:
    said = found(text)
    assert said is not None
    assert (said.section, said.skill) == (section, skill)


@pytest.mark.parametrize("text", ["", "I love it", "x" * 100_000, "I learned that " + "a " * 5_000, "(" * 50_000])
def test_nothing_is_found_in_what_says_nothing(text: str) -> None:
    assert found(text) is None


def test_others_words_do_not_count() -> None:
    assert found("ok") is None
