"""What the last receipts still lack in the Record: after a stop, or for a reader in mid-merge."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.receipt import Receipt
from ..core.words import HEADINGS
from ..formats import record_edit
from ..formats.record_change import Step, steps
from . import jsonl

__all__ = ["is_unfinished", "missing"]

#: A line and the Record file that it is in.
Place = tuple[str, str]


def is_unfinished(receipt: Receipt, waiting: Callable[[str], bool]) -> bool:
    """Whether the gate, which is written last, does not show this decision yet: its candidate is still `waiting`, or,
    where a decision was taken back, does not wait again."""
    return waiting(receipt.candidate_id) is (receipt.action != "undone")


def missing(
    receipts: Sequence[Receipt],
    text: Callable[[str], bytes],
    ledger: Path,
) -> list[tuple[Receipt, Step]]:
    """What `receipts`, the last ones of the chain, do in the Record and is not done there, in order. `text` gives a
    Record file as it stands.

    A line can be an earlier receipt's too, where both link to the same evidence and say the same: then it must stand
    there once for each. Only where that can be the receipts before these, in the file `ledger`, are read. Raises
    OSError.
    """
    wanted = [(receipt, step) for receipt in receipts for step in steps(receipt)]
    there = {_place(step): record_edit.count(text(step.file), _place(step)[1]) for _, step in wanted}
    made_here = {receipt.evidence_id for receipt in receipts if "self-evidence.md" in receipt.lines}
    shared = {
        name for receipt, step in wanted if there[_place(step)] for name in (receipt.evidence_id, receipt.target)
    } - (made_here | {None})
    before = _earlier(ledger, receipts[0].seq, {name for name in shared if name}) if shared else Counter[Place]()
    # Of a line that stands there more often than before these receipts, the first ones have it. One that a person has
    # written, and a receipt has taken out, counts as less than none.
    have = Counter({place: max(0, count - max(0, before[place])) for place, count in there.items()})
    late = []
    for receipt, step in wanted:
        place = _place(step)
        if step.into is None:
            done = there[place] < max(1, before[place])
        else:
            done = have[place] > 0
            have[place] -= done
        if not done and step.file in HEADINGS:
            late.append((receipt, step))
    return late


def _place(step: Step) -> Place:
    """The line that tells whether a step is done: it stands there then, or no longer."""
    return step.file, step.out[-1] if step.into is None else step.into


def _earlier(ledger: Path, before: int, evidence: set[str]) -> Counter[Place]:
    """How often each line stands in each file, by the receipts `before` that number which name this evidence."""
    ids = [name.encode() for name in evidence]
    found: Counter[Place] = Counter()
    for number, (_, line) in enumerate(jsonl.forwards(ledger, sys.maxsize), 1):
        if number >= before:
            break
        if any(name in line for name in ids):
            receipt = json.loads(line)
            old = receipt.get("old") or {}
            for group, sign in ((receipt.get("lines"), 1), (old.get("lines"), 1)):
                found.update({(file, lines[-1]): sign for file, lines in (group or {}).items() if lines})
            for group in (receipt.get("removed"), old.get("removed")):
                found.subtract({(file, lines[-1]): 1 for file, lines in (group or {}).items() if lines})
    return found
