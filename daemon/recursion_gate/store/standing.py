"""What became of each decision: told by going through the receipts from the newest to the oldest. Reads only.

A decision stands unless it was taken back, its entry was superseded or retracted, or all of it was forgotten (contract,
promise 11). Only what comes later can say so, hence the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from ..core.model import act_key, id_hash
from ..core.paths import Place
from ..core.receipt import Receipt
from . import jsonl

__all__ = ["Became", "Standing", "standing"]

#: What became of a decision. ``stands``: nothing did.
Became = Literal["stands", "undone", "superseded", "retracted", "forgotten"]


class Standing:
    """Told of the receipts one by one, newest first, it says what became of each."""

    def __init__(self) -> None:
        self._undone: set[str] = set()
        self._forgotten: set[str] = set()
        self._gone: dict[str, Became] = {}

    def of(self, candidate_id: str, action: str, supersedes: str | None, retracts: str | None) -> Became | None:
        """What became of this decision; None where the receipt is about an earlier one: that was taken back, or
        forgotten."""
        if action == "undone":
            self._undone.add(candidate_id)
            return None
        if action == "forgotten":
            self._forgotten.add(candidate_id)
            return None
        if candidate_id in self._undone:
            self._undone.discard(candidate_id)  # it waited again: an older decision on it was taken back before
            return "forgotten" if candidate_id in self._forgotten else "undone"
        became: Became = "stands"
        if action == "approved":
            became = self._gone.get(id_hash(candidate_id), "stands")
            if target := supersedes or retracts:
                self._gone[act_key(target)] = "superseded" if supersedes else "retracted"
        return "forgotten" if candidate_id in self._forgotten else became

    def of_line(self, line: bytes) -> Became | None:
        """The same of a receipt as it is written; None also where it is none."""
        head = jsonl.HEAD.match(line)
        if head is None:
            return None
        target = head["target"].decode(errors="replace") if head["target"] else None
        supersedes, retracts = (target, None) if head["what"] == b"supersedes" else (None, target)
        return self.of(head["id"].decode(), head["action"].decode(), supersedes, retracts)


def standing(place: Place, lines: Iterable[bytes]) -> Iterator[Receipt]:
    """The decisions that stand among these receipts, which come newest first. Raises Parked."""
    known = Standing()
    for line in lines:
        if known.of_line(line) == "stands":
            receipt = jsonl.receipt(place, line)
            if not receipt.is_erased:
                yield receipt
