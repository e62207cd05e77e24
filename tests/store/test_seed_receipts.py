"""What was decided about a Record before it came here."""

from __future__ import annotations

import pytest
from recursion_gate.core.errors import Parked
from recursion_gate.core.paths import Place
from recursion_gate.store.seed_receipts import SeedReceipt, as_lines, read

ONE = SeedReceipt(candidate_id="cand-1", evidence_id="ACT-x", merged_at="2026-04-01T14:46:04.605Z")


def test_what_was_written_is_read(place: Place) -> None:
    assert read(place) == []
    both = [ONE, ONE.model_copy(update={"candidate_id": "cand-2", "evidence_id": None})]
    place.seed_receipts.write_bytes(as_lines(both))
    assert read(place) == both


def test_a_file_that_is_none_parks(place: Place) -> None:
    place.seed_receipts.write_bytes(as_lines([ONE]) + b"{}\n")
    with pytest.raises(Parked, match=r"seed-receipts\.jsonl"):
        read(place)
