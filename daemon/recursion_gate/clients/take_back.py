"""Take a decision back (contract, "Commands": `undo`): what that changes in the Record, and the request for it."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import Refusal
from ..core.receipt import Receipt, line_digest
from ..disk import atomic
from ..disk.deliver import deliver
from ..formats import record_change, signature
from ..store import gate_reader
from ..store.seeds import text_of
from .decide import Waiting
from .decided import Decided
from .person import check_person
from .requests import ask, asked

__all__ = ["diff", "take_back", "take_out"]

#: How long, in seconds, a daemon that is about a decision is waited for, and how long to look whether it was.
_PATIENCE, _A_MOMENT = 2.0, 0.4


def take_back(found: Decided, *, via: str = "cli", by: str | None = None) -> Path:
    """Ask the daemon to take the last decision on a candidate back; gives the request. Raises Refusal where the daemon
    would refuse that, NotAPerson, Parked, OSError."""
    check_person()
    found.check_undo()
    if found.candidate_id in asked(found.place):
        raise Refusal(f"'{found.candidate_id}': a request to take its decision back lies in undo/ already")
    return ask(found.place, "undone", found.candidate_id, via=via, by=by)


def take_out(item: Waiting, *, runs: bool, rests: bool) -> bool:
    """Move a card that is decided, and not carried out, back into pending/; False where it is carried out by now.

    Where a daemon `runs`, it may be about it just now: it has read the card, and its receipt comes in a moment. So it
    is given the time to end, unless a decision `rests` before it is carried out (`grace_seconds`), and when the card is
    moved it is looked at once more. Raises Refusal where the card cannot be moved, NotAPerson, OSError.
    """
    check_person()
    if runs and not rests and _is_decided(item, _PATIENCE):
        return False
    _move_back(item)
    return not (runs and _is_decided(item, _A_MOMENT))


def _is_decided(item: Waiting, seconds: float) -> bool:
    """Whether the candidate leaves the gate within so many seconds: its decision is carried out."""
    until = time.monotonic() + seconds
    while any(candidate.id == item.candidate.id for candidate in gate_reader.read(item.place)):
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True


def _move_back(item: Waiting) -> None:
    card, seen = item.look()
    target = item.place.pending / card.name
    if os.path.lexists(target):
        raise Refusal(f"there is a card of the same name in pending/: {card.name}", "Move this one by hand.")
    try:
        atomic.move(card, target)
        deliver(target.parent, target.name, signature.unsigned(seen.data), over=True)
    except FileNotFoundError:
        raise Refusal("it is being carried out just now", "Try again.") from None
    except OSError as err:
        raise OSError(err.errno, err.strerror, str(target.parent)) from err  # not the temporary name, or none at all


def diff(found: Decided, receipt: Receipt) -> Iterator[str]:
    """The change that taking the decision of `receipt` back makes in the Record, as a unified diff. Raises Parked,
    OSError."""
    text = text_of(found.place)

    def linked() -> list[Receipt]:
        entry = found.entry()
        return entry.linked if entry else []

    removed, old = record_change.taken_back(receipt, linked, text)
    fields = {"evidence_id": receipt.evidence_id, "removed": removed, "old": old}
    after: dict[str, bytes] = {}
    for step in record_change.steps(Receipt.model_construct(None, **fields)):
        before = after.get(step.file, text(step.file))
        after[step.file] = record_change.apply(before, step, line_digest(receipt.old_salt))[0]
    for file, new in after.items():
        old_lines, new_lines = (each.decode(errors="replace").splitlines() for each in (text(file), new))
        yield from difflib.unified_diff(old_lines, new_lines, file, file, n=1, lineterm="")
