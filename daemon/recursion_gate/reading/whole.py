"""A whole snapshot as one answer: gate, Record and receipts, each as it is in its file."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from ..core.model import Candidate
from ..core.receipt import Receipt
from .answer import Answer, AsOf
from .snapshot import Snapshot

__all__ = ["SnapshotAnswer", "whole"]


class SnapshotAnswer(Answer):
    """Gate, Record and receipts of one user as of one moment between two merges."""

    model_config = ConfigDict(title="SnapshotAnswer")

    gate: list[Candidate] = Field(description="What waits, in the order it was staged, as in recursion-gate.json.")
    record: dict[str, str] = Field(description="The Record's files, by name, as they stand.")
    receipts: list[Receipt] = Field(description="The decisions, oldest first, as in merge-receipts.jsonl.")
    problems: list[str] = Field(description="What is wrong with the Record files, in words; mostly nothing.")
    user: str
    as_of: AsOf

    def as_json(self) -> dict[str, Any]:
        gate = [candidate.as_json() for candidate in self.gate]
        return {**super().as_json(), "gate": gate, "receipts": [receipt.as_json() for receipt in self.receipts]}


def whole(snapshot: Snapshot) -> SnapshotAnswer:
    """All of `snapshot`. Raises Parked, OSError."""
    return SnapshotAnswer(
        gate=list(snapshot.gate),
        record=dict(snapshot.texts),
        receipts=list(snapshot.receipts()),
        problems=list(snapshot.problems),
        user=snapshot.user,
        as_of=AsOf.of(snapshot),
    )
