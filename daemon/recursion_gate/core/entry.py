"""An entry that was approved, and what has become of it: superseded, retracted, linked to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .model import act_key, id_hash, looks_like_act_id
from .receipt import Receipt

__all__ = ["Entry", "entry_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was approved, and what has become of it."""

    receipt: Receipt
    #: The receipt that supersedes or retracts it.
    gone: Receipt | None
    #: The approvals that link to it, as far as they were asked for.
    linked: list[Receipt]

    @property
    def problem(self) -> str | None:
        """Why it cannot be superseded, retracted or linked to, in words; None where it stands."""
        if self.receipt.retracts:
            return "it is a retraction, which only undo takes back"
        if self.gone is None:
            return None
        done = f"superseded by {self.gone.evidence_id}" if self.gone.supersedes else "retracted"
        return f"it was {done} on {self.gone.at[:10]}"


def entry_of(named: str, own: Receipt | None, concerning: Iterable[Receipt]) -> Entry | None:
    """The entry that `named`, an ACT id or the id of its candidate, means; None where the last receipt of that
    candidate, `own`, approves nothing. `concerning`: the receipts of others that name it, oldest first."""
    if own is None or own.action != "approved" or (looks_like_act_id(named) and own.evidence_id != named):
        return None
    key = id_hash(own.candidate_id)
    later: dict[str, Receipt] = {}
    for receipt in concerning:
        if receipt.action == "approved":
            later[receipt.candidate_id] = receipt
        elif receipt.action != "forgotten":
            later.pop(receipt.candidate_id, None)
    gone = next((r for r in later.values() if r.target and act_key(r.target) == key), None)
    return Entry(own, gone, [r for r in later.values() if r is not gone])
