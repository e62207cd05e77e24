"""Which lines a reader takes for approved entries."""

from __future__ import annotations

import time

import pytest
from recursion_gate.audit.claims import claims, ids_at_the_ends


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


@pytest.mark.parametrize("line", ["- [ ] • x\n", "- • x — ACT-2026-01-01-a\n", "* a *b* c\n"])
def test_a_long_list_is_read_in_time_that_grows_with_its_length(line: str) -> None:
    """Sixteen times the lines took 256 times as long; up to 64 times is let pass, since clocks are coarse."""

    def seconds(lines: int) -> float:
        took = []
        for _ in range(3):
            began = time.process_time()
            claims((line * lines).encode())
            took.append(time.process_time() - began)
        return min(took)

    few, many = seconds(1_000), seconds(16_000)
    assert many < 64 * max(few, 0.004), f"{few:.4f} s and {many:.4f} s"
