"""Receipts: the hash covers salted digests of what they say of entries, so that this can be erased."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recursion_gate.core.receipt import OF_ENTRY, Receipt, canonical, chain_hash, erase, line_of

from ..support.samples import candidate, draft

OLD: dict[str, Any] = {
    "removed": {"self-evidence.md": ["- ACT-1 — a secret — 2026-11-24 — THINK"]},
    "lines": {"self-evidence.md": ["- ACT-1 — ~~a secret~~ (superseded by ACT-2) — 2026-11-24 — THINK"]},
    "spots": {},
}


def line(**more: Any) -> bytes:
    """A receipt as it is written."""
    data = {name: field.get_default() for name, field in Receipt.model_fields.items()}
    data |= {"seq": 1, **draft(candidate(raw_text="My own words."), "approved"), **more, "prev_hash": "0" * 64}
    data["hash"] = chain_hash(data)
    return line_of(data)


WITH_OLD = line(supersedes="ACT-1", salt="5" * 32, old=OLD, old_salt="1" * 32)


@pytest.mark.parametrize(
    ("which", "gone", "there"),
    [
        ({"entry": True}, "My own words.", "a secret"),
        ({"old": True}, "a secret", "My own words."),
        ({"entry": True, "old": True}, "a secret", "ACT-1"),
    ],
)
def test_what_is_erased_is_gone_and_the_chain_is_as_it_was(which: dict[str, bool], gone: str, there: str) -> None:
    after = erase(WITH_OLD, **which)
    assert gone in WITH_OLD.decode()
    assert gone not in after.decode()
    assert there in after.decode()
    assert len(after) == len(WITH_OLD)
    assert Receipt.model_validate_json(after).hash == json.loads(WITH_OLD)["hash"] == chain_hash(json.loads(after))
    assert line_of(vars(Receipt.model_validate_json(after))) == after
    assert erase(after, **which) == after
    assert not [salt for salt in ("5" * 32, "1" * 32) if which.keys() == {"entry", "old"} and salt in after.decode()]


def test_the_rest_can_be_erased_later() -> None:
    one, other = erase(WITH_OLD, entry=True), erase(WITH_OLD, old=True)
    assert erase(one, old=True) == erase(other, entry=True)


def test_even_the_shortest_receipt_has_room_for_what_erasing_leaves() -> None:
    short = line(raw_text="a", source=None, card="", candidate={}, lines={})
    assert len(erase(short, entry=True)) == len(short)


@pytest.mark.parametrize("field", [*OF_ENTRY, "salt", "old", "old_salt", "candidate_id", "evidence_id", "action"])
def test_every_field_counts_for_the_hash(field: str) -> None:
    data = json.loads(WITH_OLD)
    changed = {**data, field: {"x": 1} if isinstance(data.get(field), dict) else "changed"}
    assert chain_hash(changed) != data["hash"]


def test_the_digest_of_one_text_differs_from_receipt_to_receipt() -> None:
    one, other = (json.loads(erase(line(salt=salt * 32), entry=True)) for salt in "ab")
    assert one["erased"]["entry"] != other["erased"]["entry"]


def test_a_null_says_the_same_as_nothing() -> None:
    assert chain_hash({"seq": 1, "reason": None}) == chain_hash({"seq": 1})
    assert canonical({"a": None}) != canonical({})
