"""Carry out decisions: receipts -> Record files -> gate -> the cards under receipts/ (contract, "A merge").

The receipt is written first and is the decision (see `store.ledger`): after it, the Record files and the gate follow,
and if a stop comes between, `recover` does them at the next look. All decisions of one turn share their writes; each
has its own receipt, in the order in which the people decided, and the bytes are those of one at a time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..core.clock import now, salt
from ..core.entry import Entry
from ..core.errors import NotYet
from ..core.model import Candidate, act_id, instant
from ..core.receipt import Old, Receipt, line_digest
from ..disk import atomic
from ..formats import record_edit, signature
from ..formats.record_change import Step, spot_of, standing_lines, steps
from ..permissions import ownership
from ..store import baseline
from .actions import Approve, Decision, Reject
from .filing import file_cards
from .record_files import RecordFiles
from .refuse import discard
from .user_state import UserState

__all__ = ["Moved", "change_gate", "merge", "plan_steps", "taken_out", "write_receipts"]


class Moved(NotYet):
    """A card is no longer where it was read: its decision may have been taken back. To be looked at anew."""


def merge(state: UserState, decided: Sequence[Approve | Reject], texts: RecordFiles) -> None:
    """Carry out these decisions, in this order. Raises BeingSaved or Moved before anything is written, OSError,
    Parked."""
    moment = instant(now())
    drafts: list[dict[str, Any]] = []
    door = state.settings.page_account
    for action in decided:
        decision = action.decision
        if isinstance(action, Reject):
            drafts.append(_draft(decision, decision.staged, None, moment, door))
            continue
        candidate, evidence = decision.verdict.candidate, action.linked_to or act_id(decision.staged)
        draft = _draft(decision, candidate, None if candidate.retracts else evidence, moment, door)
        if not candidate.retracts:
            added = record_edit.additions(candidate, evidence, linked=action.linked_to is not None)
            draft["lines"] = {each.file: [each.line] for each in added}
        if action.old is not None:
            draft["old"] = taken_out(action.old, record_edit.gone_as(candidate, evidence), draft, texts)
        drafts.append(draft)
        plan_steps(texts, draft)
    texts.plan()
    if not all(os.path.lexists(card.path) for action in decided for card in action.decision.cards):
        raise Moved(0)  # what is moved back before its receipt is written is taken back (contract, "A card")
    receipts = write_receipts(state, drafts)
    texts.write()
    change_gate(state, receipts)
    state.events.say_all((r.action, r.candidate_id, {"seq": r.seq, "via": r.via, "by": r.by}) for r in receipts)
    state.ledger.put_into_index()
    file_cards(state.ledger, [(r, a.decision.cards[0].seen.data) for a, r in zip(decided, receipts, strict=True)])
    for action, receipt in zip(decided, receipts, strict=True):
        for card in action.decision.cards:
            discard(state, card.path, card.seen.mark, f"it is {receipt.action}")


def write_receipts(state: UserState, drafts: Sequence[dict[str, Any]]) -> list[Receipt]:
    """Put the receipts on disk: the decisions are taken. Raises OSError."""
    place, ledger = state.place, state.ledger
    if ledger.seq == 0:
        if not os.path.lexists(place.baseline):
            atomic.replace(place.baseline, baseline.bytes_of(place))  # synced: it cannot be made again
        atomic.sync_folder(place.receipts)
    state.hooks.check()
    return ledger.append(drafts)


def plan_steps(texts: RecordFiles, draft: dict[str, Any]) -> None:
    """Want what the decision of `draft` does in the Record; what is really put in and taken out comes into the
    draft."""
    digest = line_digest(draft["old_salt"])
    for step in steps(Receipt.model_construct(None, **draft)):
        texts.add(step, digest, partial(_note, draft, step))


def _note(draft: dict[str, Any], step: Step, added: list[str], gone: list[str]) -> None:
    """Headings are made, and go, with the entry's own lines; and a line that somebody took out cannot go."""
    own = draft["lines"].get(step.file)
    if added and own and own[-1] == added[-1]:
        draft["lines"][step.file] = added
    own = draft["removed"].get(step.file)
    if own and step.out and own[-1] == step.out[-1]:
        draft["removed"][step.file] = gone or [own[-1]]


def taken_out(entry: Entry, why: str, draft: dict[str, Any], texts: RecordFiles) -> Old:
    """The lines of `entry` that the decision of `draft` takes out, as they stand in the Record; its evidence is struck,
    with the reason `why`. Raises BeingSaved, Parked, OSError."""
    old: Old = {"removed": {}, "lines": {}, "spots": {}}
    digest = line_digest(draft["old_salt"])
    for file, line in standing_lines(
        entry.receipt, lambda: texts.state.ledger.linked(entry.receipt), texts.text
    ).items():
        old["removed"][file] = [line]
        if file == "self-evidence.md":
            old["lines"][file] = [record_edit.strike(line, why)]
        elif file not in draft["lines"] and (spot := spot_of(texts.text_then(file), line, digest)):
            old["spots"][file] = spot
    return old


def _draft(decision: Decision, candidate: Candidate, evidence: str | None, moment: str, door: str) -> dict[str, Any]:
    """A receipt but for its place in the chain. `door` is the account of the people's page."""
    card, staged = decision.cards[0], decision.staged
    action, verdict = card.folder, card.verdict
    via = signature.via_of(card.seen.data, verdict.via, action) if ownership.is_unmoved(card.seen.stat) else None
    is_approval = action == "approved"
    signer = signature.signer_of(verdict.via)
    by = ownership.decided_by(card.path, card.seen.stat, signer, door) if via else None
    return {
        "candidate_id": staged.id,
        "action": action,
        "evidence_id": evidence,
        "supersedes": candidate.supersedes if is_approval else None,
        "retracts": candidate.retracts if is_approval else None,
        "undoes": None,
        "merged_at": moment if is_approval else None,
        "rejected_at": moment if action == "rejected" else None,
        "via": via or "folder",
        "by": by,
        "skill_tag": candidate.skill_tag,
        "suggested_ix_section": candidate.suggested_ix_section,
        "reason": verdict.reason,
        "source": staged.source,
        "raw_text": candidate.raw_text,
        "lines": {},
        "removed": {},
        "candidate": staged.as_json(),
        "approved": candidate.as_json() if verdict.edited and candidate != staged else None,
        "sha256": hashlib.sha256(card.seen.data).hexdigest(),
        "card": os.path.basename(card.path).encode(errors="replace").decode(),
        "salt": salt(staged.id),
        "old": None,
        "old_salt": salt(f"{staged.id} old") if is_approval and (candidate.supersedes or candidate.retracts) else None,
    }


def change_gate(state: UserState, receipts: Sequence[Receipt]) -> None:
    """Remove from the gate those that these receipts decide, and put back those whose decision is taken back. Raises
    OSError, Parked."""
    for receipt in receipts:
        if receipt.action != "undone":
            state.gate.discard(receipt.candidate_id)
        elif receipt.candidate_id not in state.gate:
            state.gate.add(state.as_staged(receipt))
    state.hooks.check()
    state.gate.save()
    if any(receipt.action == "undone" for receipt in receipts):  # before what asks for it goes: nothing else waits then
        atomic.sync_folder(state.place.home)
