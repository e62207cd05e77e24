"""What has become of an entry, from the receipts that name it."""

from __future__ import annotations

from typing import Any

import pytest
from recursion_gate.core.entry import entry_of
from recursion_gate.core.model import act_id
from recursion_gate.core.receipt import Receipt

from ..support.samples import candidate, draft

A = candidate(1)
ACT = act_id(A)


def receipt(seq: int, number: int, action: str = "approved", **more: Any) -> Receipt:
    made = draft(candidate(number), "rejected" if action == "rejected" else "approved") | {"action": action, **more}
    return Receipt.model_validate({**made, "seq": seq, "prev_hash": "0", "hash": "0"})


OWN = receipt(1, 1)


@pytest.mark.parametrize(
    ("later", "problem", "linked"),
    [
        ([], None, []),
        ([receipt(2, 2, supersedes=ACT)], "it was superseded by", []),
        ([receipt(2, 2, retracts=ACT, evidence_id=None)], "it was retracted on 2026-11-25", []),
        ([receipt(2, 2, evidence_id=ACT)], None, [2]),
        ([receipt(2, 2, supersedes=ACT), receipt(3, 2, "undone", supersedes=ACT)], None, []),
        ([receipt(2, 2, evidence_id=ACT), receipt(3, 2, "undone", evidence_id=ACT)], None, []),
        ([receipt(2, 2, "rejected", evidence_id=None)], None, []),
    ],
)
def test_what_has_become_of_it(later: list[Receipt], problem: str | None, linked: list[int]) -> None:
    for named in (ACT, A.id):
        entry = entry_of(named, OWN, later)
        assert entry is not None
        assert (entry.problem or "").startswith(problem or "nothing") if problem else entry.problem is None
        assert [r.seq for r in entry.linked] == linked


@pytest.mark.parametrize("own", [None, receipt(1, 1, "rejected"), receipt(2, 1, "undone"), receipt(2, 1, "forgotten")])
def test_what_is_not_approved_is_no_entry(own: Receipt | None) -> None:
    assert entry_of(A.id, own, []) is None


def test_an_act_id_of_another_date_means_another_entry() -> None:
    assert entry_of(ACT.replace("2026", "2025"), OWN, []) is None


def test_a_retraction_is_nothing_that_could_be_retracted() -> None:
    entry = entry_of("cand", receipt(1, 1, retracts="ACT-9", evidence_id=None), [])
    assert entry is not None
    assert entry.problem is not None
