"""Numbers and counts in a sentence."""

from __future__ import annotations

from recursion_gate.core.text import numbers, quoted


def test_numbers_read_as_a_sentence() -> None:
    assert numbers([3]) == "3"
    assert numbers([4, 3, 3]) == "3 and 4"
    assert numbers([1, 2, 3]) == "1, 2 and 3"
    assert numbers(range(1, 15), limit=3) == "1, 2, 3 and 11 more"


def test_a_value_is_quoted_so_that_what_nobody_can_see_shows() -> None:
    assert quoted("TINK") == "'TINK'"
    assert quoted("WORK\u200b\x1b\ud800") == r"'WORK\u200b\x1b\ud800'"
    assert quoted("x" * 41) == f"'{'x' * 40}…'"
    assert [quoted(each) for each in (2, 1.5, True, None, ["é"])] == ["2", "1.5", "true", "null", '["é"]']
    assert quoted(10**5000) == "a very long number"
