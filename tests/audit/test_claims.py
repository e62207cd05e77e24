"""Which lines a reader takes for approved entries."""

from __future__ import annotations

import pytest
from recursion_gate.audit.claims import ids_at_the_ends


@pytest.mark.parametrize(
    ("line", "looks"),
    [
        ("- ACT-2026-11-24-abc — Did it. — 2026-11-24 — THINK", True),
        ("- • Did it. — ACT-2026-11-24-abc", True),
        ("  * Did it (ACT-2026-11-24-abc).", True),
        ("| ACT-0001 | Did it |", True),
        ("| 1 | ACT-0001 | Did it |", True),
        ("| 1 | see ACT-0001 for more | Did it |", False),
        ("> - Did it — ACT-0001", True),
        ("> Did it — ACT-0001", False),
        ("- do I still like ACT-0001?", False),
        ("- <!-- ACT-0001 taken out -->", False),
        ("3. **ACT-0001** did it", True),
        ("Did it. — ACT-2026-11-24-abc", False),
        ("- see ACT-2026-11-24-abc, it was fun", False),
        ("## ACT-0001", False),
        ("<!-- ACT-0001 taken out -->", False),
        ("- • Did it.", False),
        ("", False),
        ("- x" + "ACT-a" * 100_000 + " x", False),  # and in no time
    ],
)
def test_what_a_reader_takes_for_an_approved_entry(line: str, looks: bool) -> None:
    assert bool(ids_at_the_ends(line)) is looks
