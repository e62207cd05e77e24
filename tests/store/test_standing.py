"""What became of each decision, told from the newest to the oldest."""

from __future__ import annotations

import pytest
from recursion_gate.core.model import id_hash
from recursion_gate.store.standing import Standing

Said = tuple[str, str, str | None, str | None]


def act(candidate_id: str) -> str:
    return f"ACT-2026-11-24-{id_hash(candidate_id)}"


def approved(candidate_id: str, *, supersedes: str | None = None, retracts: str | None = None) -> Said:
    return candidate_id, "approved", supersedes and act(supersedes), retracts and act(retracts)


def said(candidate_id: str, action: str) -> Said:
    return candidate_id, action, None, None


@pytest.mark.parametrize(
    ("receipts", "became"),
    [
        ([approved("a"), said("b", "rejected")], ["stands", "stands"]),
        ([approved("a"), said("a", "undone")], ["undone", None]),
        ([approved("a"), said("a", "undone"), said("a", "rejected")], ["undone", None, "stands"]),
        ([said("a", "rejected"), said("a", "undone"), approved("a")], ["undone", None, "stands"]),
        ([approved("a"), approved("b", supersedes="a")], ["superseded", "stands"]),
        ([approved("a"), approved("b", retracts="a")], ["retracted", "stands"]),
        ([approved("a"), approved("b", supersedes="a"), said("b", "undone")], ["stands", "undone", None]),
        (
            [approved("a"), approved("b", supersedes="a"), approved("c", supersedes="b")],
            ["superseded", "superseded", "stands"],
        ),
        ([approved("a"), said("a", "forgotten")], ["forgotten", None]),
        ([approved("a"), said("a", "undone"), said("a", "forgotten")], ["forgotten", None, None]),
        # Forgetting the correction brings nothing back.
        ([approved("a"), approved("b", supersedes="a"), said("b", "forgotten")], ["superseded", "forgotten", None]),
    ],
)
def test_what_became_of_each(receipts: list[Said], became: list[str | None]) -> None:
    known = Standing()
    assert [known.of(*receipt) for receipt in reversed(receipts)][::-1] == became
