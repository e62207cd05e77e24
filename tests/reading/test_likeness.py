"""How texts are compared: the labelled pairs in tests/hints, and single cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from recursion_gate.reading.likeness import Index, Said, plain

from ..hints import CLASSES, Figures, found, measure, pairs

#: The least precision and recall of each class, in the half that no rule was made on.
FLOORS = {"same": (1.0, 1.0), "near": (0.97, 0.9), "conflicting": (0.97, 0.9), "unrelated": (0.9, 0.98)}


@pytest.fixture(scope="module")
def figures() -> dict[str, Figures]:
    return {each.name: each for each in measure()}


def test_the_set_is_large_enough_and_not_only_english() -> None:
    chosen, held_out = pairs()
    assert len(chosen) + len(held_out) >= 200
    for half in (chosen, held_out):
        assert len({pair.language for pair in half}) >= 20
        assert all(sum(pair.label == label for pair in half) >= 25 for label in CLASSES)
    assert not {(p.one, p.other) for p in chosen} & {(p.one, p.other) for p in held_out}


@pytest.mark.parametrize("name", ["chosen", "held out"])
@pytest.mark.parametrize("label", CLASSES)
def test_precision_and_recall_of_each_class(figures: dict[str, Figures], name: str, label: str) -> None:
    precision, recall = FLOORS[label]
    assert figures[name].precision(label) >= precision, figures[name].wrong
    assert figures[name].recall(label) >= recall, figures[name].wrong


def test_the_docs_give_the_figures(figures: dict[str, Figures]) -> None:
    docs = Path(__file__).parents[2].joinpath("docs", "reading.md").read_text("utf-8")
    for each in figures.values():
        assert each.row() in docs


def test_the_order_of_two_texts_makes_no_difference() -> None:
    for pair in (*pairs()[0], *pairs()[1]):
        assert found(pair.one, pair.other) == found(pair.other, pair.one), pair


def test_long_texts_that_begin_alike_do_not_have_the_same_words() -> None:
    beginning = "She told me about the long walk along the river. " * 20
    assert plain(beginning + "Then it rained.") != plain(beginning + "Then it snowed.")
    assert found(beginning + "Then it rained.", beginning + "Then it snowed.") == "near"


def test_signs_alone_are_the_same_only_if_they_are() -> None:
    assert found("🙂", "🙂") == "same"
    assert found("🙂", "🎉") == "unrelated"


def test_texts_of_one_name_are_not_compared_with_each_other() -> None:
    index = Index[int]()
    index.add(Said(1, "Built a kite.", "a"))
    assert index.nearest(Said(2, "Built a kite.", "a")) == []
    index.add(Said(3, "Built a kite.", "b"))
    index.add(Said(4, "Built a kite.", "c"))
    assert [a.other for a in index.nearest(Said(2, "Built a kite.", "a"))] == [3]
    assert [a.other for a in index.nearest(Said(2, "Built a kite.", "b"))] == [1]


def test_a_text_as_long_as_a_drop_may_be_is_compared_with_another() -> None:
    index = Index[int]()
    for text in ("n't" * 6_000, "ab " * 6_000, "ไ" * 20_000, "ない" * 10_000, "m" * 20_000, "over " * 4_000):
        index.add(Said(1, text))
        index.nearest(Said(2, text + "x"))
