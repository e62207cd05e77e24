"""Take a decision back: receipt -> Record files -> gate (contract, "A merge"). Its card is then made as any is."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from ..core.clock import now, salt
from ..core.model import instant
from ..core.receipt import OF_ENTRY, Receipt
from ..formats.record_change import taken_back
from .actions import Undo
from .merge import change_gate, plan_steps, write_receipts
from .observations import Request
from .record_files import RecordFiles
from .refuse import discard
from .user_state import UserState

__all__ = ["draft_of", "undo"]


def undo(state: UserState, action: Undo) -> None:
    """Raises BeingSaved before anything is written, OSError, Parked."""
    receipt, request = action.receipt, action.request
    texts = RecordFiles(state)
    draft = draft_of(request, receipt.candidate_id, "undone")
    draft |= {name: getattr(receipt, name) for name in (*OF_ENTRY, "skill_tag", "suggested_ix_section")}
    removed, old = taken_back(receipt, lambda: state.ledger.linked(receipt), texts.text)
    draft |= {
        "evidence_id": receipt.evidence_id,
        "supersedes": receipt.supersedes,
        "retracts": receipt.retracts,
        "undoes": receipt.seq,
        "undone_at": instant(now()),
        "lines": {},
        "removed": removed,
        "sha256": hashlib.sha256(request.seen.data).hexdigest(),
        "card": os.path.basename(request.path).encode(errors="replace").decode(),
        "salt": salt(f"{receipt.candidate_id} {receipt.seq}"),
        "old": old,
        "old_salt": receipt.old_salt,  # so that the spots of its lines can be found again
    }
    plan_steps(texts, draft)
    texts.plan()
    [made] = write_receipts(state, [draft])
    texts.write()
    change_gate(state, [made])
    state.events.say("undone", made.candidate_id, seq=made.seq, undoes=receipt.seq, via=made.via, by=made.by)
    state.ledger.put_into_index()
    discard(state, request.path, request.seen.mark, "its entry waits again")


def draft_of(request: Request, candidate_id: str, action: str) -> dict[str, Any]:
    """A receipt but for its place in the chain, of what a file in undo/ asks for."""
    draft: dict[str, Any] = {name: field.get_default() for name, field in Receipt.model_fields.items()}
    for name in ("seq", "prev_hash", "hash"):
        del draft[name]
    return draft | {"candidate_id": candidate_id, "action": action, "via": request.via or "folder", "by": request.by}
