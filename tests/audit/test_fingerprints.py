"""Two heaps of lines compared as numbers differ where the lines do."""

from array import array
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from recursion_gate.audit.fingerprints import fingerprint, surplus, take

_lines = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=12)


@given(_lines, _lines)
def test_the_surplus_is_what_one_heap_has_more_of(these: list[bytes], those: list[bytes]) -> None:
    more = surplus(array("q", map(fingerprint, these)), array("q", map(fingerprint, those)))
    assert more == {fingerprint(line): n for line, n in (Counter(these) - Counter(those)).items()}


def test_each_is_taken_as_often_as_it_is_missing() -> None:
    less = {fingerprint(b"a"): 2}
    assert [take(less, b"a") for _ in range(3)] == [True, True, False]
    assert not take(less, b"b")
