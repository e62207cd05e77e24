"""Lines of the last receipts that the Record lacks: after a stop, or for a reader in mid-merge."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.model import Receipt
from ..formats import record_edit
from . import jsonl

__all__ = ["missing"]

#: A line and the Record file that it is in.
Place = tuple[str, str]


def missing(
    receipts: Sequence[Receipt],
    text: Callable[[str], bytes],
    ledger: Path,
) -> list[tuple[Receipt, str, str]]:
    """The lines of `receipts`, the last ones of the chain, that do not stand in the Record: receipt, file and line, in
    order. `text` gives a Record file as it stands.

    A line can be an earlier receipt's too, where both link to the same evidence and say the same: then it must stand
    there once for each. Only where that can be the receipts before these, in the file `ledger`, are read. Raises
    OSError.
    """
    wanted = [(receipt, file, lines[-1]) for receipt in receipts for file, lines in receipt.lines.items() if lines]
    there = {(file, line): record_edit.count(text(file), line) for _, file, line in wanted}
    made_here = {receipt.evidence_id for receipt in receipts if "self-evidence.md" in receipt.lines}
    linked = {r.evidence_id for r, file, line in wanted if there[file, line] and r.evidence_id} - made_here
    before = _earlier(ledger, receipts[0].seq, linked) if linked else Counter[Place]()
    # Of a line that stands there more often than before these receipts, the first ones have it.
    have = Counter({place: max(0, count - before[place]) for place, count in there.items()})
    late = []
    for receipt, file, line in wanted:
        if have[file, line] > 0:
            have[file, line] -= 1
        elif file in record_edit.HEADINGS:
            late.append((receipt, file, line))
    return late


def _earlier(ledger: Path, before: int, evidence: set[str]) -> Counter[Place]:
    """How often the receipts `before` that number put which line into which file, of those that name this evidence."""
    ids = [name.encode() for name in evidence]
    found: Counter[Place] = Counter()
    for number, (_, line) in enumerate(jsonl.forwards(ledger, sys.maxsize), 1):
        if number >= before:
            break
        if any(name in line for name in ids):
            lines: dict[str, list[str]] = json.loads(line).get("lines", {})
            found.update((file, added[-1]) for file, added in lines.items() if added)
    return found
