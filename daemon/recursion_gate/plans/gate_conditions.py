"""What tasks ask of the gate: how many candidates of a source wait, and how many are decided."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

from ..core.errors import GateError
from ..core.paths import Root, valid_user
from ..disk.untrusted import Mark, mark_at
from ..reading.snapshot import snapshot
from ..store import jsonl
from .model import GateCondition

__all__ = ["GateAnswers"]


@dataclass(slots=True)
class _Counts:
    """The candidates of one user, by source, as of some bytes of its gate and its receipts."""

    marks: tuple[Mark | None, Mark | None] = (None, None)
    size: int = 0
    waiting: Counter[str | None] = field(default_factory=Counter)
    decided: dict[str, str | None] = field(default_factory=dict)


class GateAnswers:
    """Answers conditions; reads of a user's receipts only those that came since it last looked."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._of: dict[str, _Counts] = {}
        #: How many conditions did not hold since this was set to 0.
        self.unmet = 0

    def holds(self, condition: GateCondition) -> bool:
        """Whether the gate holds what `condition` asks. No where it cannot be read: somebody has to mend that first."""
        try:
            waiting, decided = self._count(condition)
        except (GateError, OSError):
            waiting, decided = 1, 0
            fits = False
        else:
            least = condition.at_least
            fits = waiting + decided >= least if condition.state == "staged" else decided >= least and not waiting
        self.unmet += not fits
        return fits

    def _count(self, condition: GateCondition) -> tuple[int, int]:
        counts = self._counts(condition.user)
        if condition.source is None:
            return counts.waiting.total(), len(counts.decided)
        return counts.waiting[condition.source], list(counts.decided.values()).count(condition.source)

    def _counts(self, user: str) -> _Counts:
        place = self._root.place(user)
        if not valid_user(user):
            raise GateError(f"there is no user '{user}'")
        marks = (mark_at(place.gate), mark_at(place.ledger))
        counts = self._of.setdefault(user, _Counts())
        if counts.marks == marks and marks[0] is not None:
            return counts
        taken = snapshot(self._root, user)
        if taken.size < counts.size:  # an older copy was put back
            counts = self._of[user] = _Counts()
        for _, line in jsonl.forwards(place.ledger, taken.size, counts.size) if os.path.exists(place.ledger) else ():
            receipt = jsonl.receipt(place, line)
            if receipt.action == "undone":
                counts.decided.pop(receipt.candidate_id, None)
            else:
                counts.decided[receipt.candidate_id] = receipt.source
        counts.waiting = Counter(candidate.source for candidate in taken.gate)
        counts.size, counts.marks = taken.size, marks
        return counts
