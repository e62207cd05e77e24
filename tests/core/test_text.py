"""Numbers and counts in a sentence."""

from __future__ import annotations

from recursion_gate.core.text import numbers


def test_numbers_read_as_a_sentence() -> None:
    assert numbers([3]) == "3"
    assert numbers([4, 3, 3]) == "3 and 4"
    assert numbers([1, 2, 3]) == "1, 2 and 3"
    assert numbers(range(1, 15), limit=3) == "1, 2, 3 and 11 more"
