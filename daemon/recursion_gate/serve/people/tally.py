"""What the receipts say of each source, each day and the last reasons: counted once, then on from where it ended."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.paths import Place, Root
from ...store import jsonl

__all__ = ["Tallies", "Tally"]

_REASONS = 5


@dataclass(slots=True)
class Tally:
    """The decisions of one user that stand, counted."""

    #: approved, edited (approved after an edit) and rejected, by source.
    by_source: dict[str, Counter[str]] = field(default_factory=dict)
    #: The same by day, ``2026-11-26``.
    by_day: dict[str, Counter[str]] = field(default_factory=dict)
    #: The last reasons of rejections, the newest first, each once.
    reasons: list[str] = field(default_factory=list)
    #: Of each decision that may be taken back: its source, day and kind, by the number of its receipt.
    _of: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, receipt: Mapping[str, Any]) -> None:
        action, seq = receipt.get("action"), receipt.get("seq")
        if action == "undone":
            self._count(self._of.pop(receipt.get("undoes") or 0, None), -1)
        elif action in ("approved", "rejected") and isinstance(seq, int):
            kind = "edited" if action == "approved" and receipt.get("approved") else action
            day = str(receipt.get("merged_at") or receipt.get("rejected_at") or "")[:10]
            self._of[seq] = (receipt.get("source") or "", day, kind)
            self._count(self._of[seq], 1)
            reason = receipt.get("reason")
            if action == "rejected" and isinstance(reason, str) and reason:
                self.reasons = [reason, *(each for each in self.reasons if each != reason)][:_REASONS]

    def _count(self, what: tuple[str, str, str] | None, by: int) -> None:
        if what is not None:
            source, day, kind = what
            self.by_source.setdefault(source, Counter())[kind] += by
            self.by_day.setdefault(day, Counter())[kind] += by


@dataclass(slots=True)
class _User:
    lock: threading.Lock = field(default_factory=threading.Lock)
    tally: Tally = field(default_factory=Tally)
    end: jsonl.End = field(default_factory=jsonl.End)


class Tallies:
    """The tallies of a root's users."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._users: dict[str, _User] = {}

    def of(self, user: str) -> Tally:
        """The tally of `user` as of now; an empty one where this account may not read the receipts. Raises OSError."""
        known = self._users.setdefault(user, _User())
        with known.lock:
            try:
                self._update(self._root.place(user), known)
            except PermissionError:
                return Tally()
            return known.tally

    @staticmethod
    def _update(place: Place, known: _User) -> None:
        came = jsonl.since(place.ledger, known.end)
        lines = came.lines if came is not None else None
        if lines is None or any(b'"action":"forgotten"' in line[:300] for line in lines):
            # Put back, or erased in its place: what was counted may no longer be known.
            known.tally, known.end = Tally(), jsonl.End()
            came = jsonl.since(place.ledger, known.end)
            lines = came.lines if came is not None else []
        for line in lines:
            said = jsonl.fields(line)
            if said:
                known.tally.add(said)
        if came is not None and lines:
            known.end = jsonl.End(came.size, lines[-1] + b"\n")
