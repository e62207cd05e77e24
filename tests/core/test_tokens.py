"""An estimate of tokens that every model's own count comes near."""

from __future__ import annotations

import pytest
from recursion_gate.core.tokens import tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t", 0),
        ("moon", 1),
        ("moonlight", 2),
        ("2026", 2),
        ("12, 13", 3),
        ("漢字", 2),
        ("naïve café", 2),
        ("read a book", 3),
        ("photosynthesis", 3),
        ("ACT-2026-11-24", 8),
    ],
)
def test_words_numbers_and_signs_are_counted(text: str, count: int) -> None:
    assert tokens(text) == count


def test_two_texts_together_are_no_more_than_both() -> None:
    assert tokens("Looked at the moon.") + tokens("Twice.") == tokens("Looked at the moon. Twice.")
