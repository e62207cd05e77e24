"""Carry out decisions: receipts -> Record files -> gate -> the cards under receipts/ (contract, "A merge").

The receipt is written first and is the decision (see `store.ledger`): after it, the Record files and the gate follow,
and if a stop comes between, `recover` does them at the next look. All decisions of one turn share their writes; each
has its own receipt, in the order in which the people decided, and the bytes are those of one at a time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from ..core.clock import now
from ..core.model import Candidate, Receipt, act_id, instant
from ..disk import atomic
from ..formats import cards, record_edit
from ..permissions import ownership
from ..store import baseline
from .actions import Approve, Decision, Reject
from .filing import file_cards
from .record_files import RecordFiles
from .refuse import discard
from .user_state import UserState

__all__ = ["merge", "take_off_the_gate"]


def merge(state: UserState, decided: Sequence[Approve | Reject], texts: RecordFiles) -> None:
    """Carry out these decisions, in this order. Raises BeingSaved before anything is written, OSError, Parked."""
    moment = instant(now())
    drafts: list[dict[str, Any]] = []
    for action in decided:
        decision = action.decision
        if isinstance(action, Reject):
            drafts.append(_draft(decision, decision.staged, None, moment))
            continue
        candidate, evidence = decision.verdict.candidate, action.linked_to or act_id(decision.staged)
        draft = _draft(decision, candidate, evidence, moment)
        drafts.append(draft)
        for addition in record_edit.additions(candidate, evidence, linked=action.linked_to is not None):
            texts.add(addition.file, addition.line, draft["lines"])
    texts.plan()
    place, ledger = state.place, state.ledger
    if ledger.seq == 0:
        if not os.path.lexists(place.baseline):
            atomic.replace(place.baseline, baseline.bytes_of(place))  # synced: it cannot be made again
        atomic.sync_folder(place.receipts)
    state.hooks.check()
    receipts = ledger.append(drafts)
    texts.write()
    take_off_the_gate(state, receipts)
    state.events.say_all((r.action, r.candidate_id, {"seq": r.seq, "via": r.via, "by": r.by}) for r in receipts)
    ledger.put_into_index()
    file_cards(place, [(r, a.decision.cards[0].seen.data) for a, r in zip(decided, receipts, strict=True)])
    for action, receipt in zip(decided, receipts, strict=True):
        for card in action.decision.cards:
            discard(state, card.path, card.seen.mark, f"it is {receipt.action}")


def _draft(decision: Decision, candidate: Candidate, evidence: str | None, moment: str) -> dict[str, Any]:
    """A receipt but for its place in the chain."""
    card, staged = decision.cards[0], decision.staged
    action, verdict = card.folder, card.verdict
    via = cards.via_of(card.seen.data, verdict.via, action) if ownership.is_unmoved(card.seen.stat) else None
    return {
        "candidate_id": staged.id,
        "action": action,
        "merged_at": moment if action == "approved" else None,
        "rejected_at": moment if action == "rejected" else None,
        "via": via or "folder",
        "by": ownership.wrote(card.path, card.seen.stat) if via else None,
        "reason": verdict.reason,
        "source": staged.source,
        "raw_text": candidate.raw_text,
        "skill_tag": candidate.skill_tag,
        "suggested_ix_section": candidate.suggested_ix_section,
        "evidence_id": evidence,
        "lines": {},
        "candidate": staged.as_json(),
        "approved": candidate.as_json() if verdict.edited and candidate != staged else None,
        "sha256": hashlib.sha256(card.seen.data).hexdigest(),
        "card": os.path.basename(card.path).encode(errors="replace").decode(),
    }


def take_off_the_gate(state: UserState, receipts: Sequence[Receipt]) -> None:
    """Remove from the gate those that these receipts decide. Raises OSError."""
    for receipt in receipts:
        state.gate.discard(receipt.candidate_id)
    state.hooks.check()
    state.gate.save()
