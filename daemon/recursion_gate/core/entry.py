"""An entry that was approved, and what has become of it: superseded, retracted, linked to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import Refusal
from .model import act_key, looks_like_act_id
from .receipt import Receipt
from .words import CATEGORY_OF, FILE_OF, SKILLS

__all__ = ["Entry", "check_undo", "entry_of", "seed_receipt"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was approved, and what has become of it."""

    receipt: Receipt
    #: The receipt that supersedes or retracts it.
    gone: Receipt | None
    #: The approvals that link to it, as far as they were asked for.
    linked: list[Receipt]
    #: Why its lines cannot be told, where no receipt knows them.
    unclear: str = ""

    @property
    def is_seed(self) -> bool:
        """Whether it stood in the Record before the first receipt: its `receipt` is made up, with the lines that name
        it."""
        return self.receipt.seq == 0

    @property
    def key(self) -> str:
        """The `act_key` of its names."""
        return act_key(self.receipt.candidate_id)

    @property
    def problem(self) -> str | None:
        """Why it cannot be superseded, retracted or linked to, in words; None where it stands."""
        if self.unclear:
            return self.unclear
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
    key = act_key(own.candidate_id)
    later: dict[str, Receipt] = {}
    for receipt in concerning:
        if receipt.action == "approved":
            later[receipt.candidate_id] = receipt
        elif receipt.action != "forgotten":
            later.pop(receipt.candidate_id, None)
    gone = next((r for r in later.values() if r.target and act_key(r.target) == key), None)
    return Entry(own, gone, [r for r in later.values() if r is not gone])


def seed_receipt(act: str, lines: Mapping[str, str], text: str = "") -> Receipt:
    """In the place of the receipt that an entry from before the first one lacks; `seq` is 0."""
    section = next((section for section in CATEGORY_OF if FILE_OF[section] in lines), None)
    evidence = lines.get("self-evidence.md", "").rpartition(" — ")[2].strip()
    skill = next((skill for skill in SKILLS if FILE_OF[skill] in lines or skill == evidence), "THINK")
    fields = {name: field.get_default() for name, field in Receipt.model_fields.items()}
    fields |= {"seq": 0, "candidate_id": act, "action": "approved", "evidence_id": act, "via": "folder"}
    fields |= {"lines": {file: [line] for file, line in lines.items()}, "raw_text": text, "salt": ""}
    fields |= {"skill_tag": skill, "suggested_ix_section": section, "prev_hash": "", "hash": ""}
    return Receipt.model_construct(None, **fields)


def check_undo(
    candidate_id: str, last: Receipt | None, gone: Receipt | None, linked: Sequence[Receipt], *, waits: bool
) -> Receipt:
    """The decision on a candidate that can be taken back. `last` is its last receipt, `gone` what supersedes or
    retracts its entry, `linked` the approvals that link to it, `waits` whether it is at the gate. Raises Refusal where
    there is none, or a later entry rests on it."""
    if waits:
        raise Refusal(
            f"'{candidate_id}' still waits: there is no decision to take back",
            "Decide with its card, which is in pending/.",
        )
    if last is None or last.action not in ("approved", "rejected"):
        done = f"it was {last.message}" if last else "it was never staged"
        raise Refusal(f"there is no decision on '{candidate_id}' to take back: {done}", "Delete this file.")
    if last.is_erased:  # a retraction: what it says goes with its entry
        raise Refusal(
            f"the decision on '{candidate_id}' cannot be taken back: what it said was forgotten with {last.target}",
            "Delete this file.",
        )
    later = ([gone] if gone else []) + list(linked)
    if later:
        how = {r.seq: "links to it" for r in linked}
        said = ", ".join(f"{r.candidate_id} {how.get(r.seq) or _about(r)}" for r in later[:3])
        more = f" and {len(later) - 3} more" if len(later) > 3 else ""
        first = f"Take that back first: recursion-gate undo {later[-1].candidate_id}"
        stands = last.evidence_id and last.evidence_id not in {r.target for r in later}
        instead = f"; or, if the entry is wrong: recursion-gate retract {last.evidence_id}" if stands else ""
        raise Refusal(f"the approval of '{candidate_id}' cannot be taken back: {said}{more}", first + instead)
    return last


def _about(receipt: Receipt) -> str:
    return "supersedes it" if receipt.supersedes else "retracts it"
