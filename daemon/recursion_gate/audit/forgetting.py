"""What later receipts tell of earlier ones: taken back, superseded, retracted, forgotten; and whether what was erased
was forgotten, and what was forgotten is erased (contract, "A merge": `forget`)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from ..core.model import act_key, id_hash
from ..core.paths import Place
from ..core.receipt import Receipt
from ..store import jsonl
from ..store.jsonl import HEAD

__all__ = ["Later", "later"]


@dataclass(slots=True)
class Later:
    """Of the entries of which later receipts tell something."""

    #: By candidate and by `id_hash`, those that were taken back, superseded or retracted, with the number of the last
    #: receipt.
    of: dict[str, int] = field(default_factory=dict)
    #: By `id_hash`, the number of the receipt that forgets.
    forgotten: dict[str, int] = field(default_factory=dict)
    #: The candidate that the very last receipt forgets: the daemon may be at it just now.
    in_the_midst: str | None = None

    def erased_for_nothing(self, receipt: Receipt) -> bool:
        """Whether something in `receipt` was erased that no later receipt forgets: somebody else took it out."""
        erased = set(receipt.erased or ()) & {"entry", "old"}
        own, about = self._forgets(receipt)
        return ("entry" in erased and not own) or ("old" in erased and not about)

    def still_says(self, receipt: Receipt) -> str | None:
        """The candidate that was forgotten and of which `receipt` still says something, or what stands for it."""
        own, about = self._forgets(receipt)
        if own and receipt.salt:
            return receipt.candidate_id
        return receipt.target if about and (receipt.old or receipt.old_salt) else None

    def _forgets(self, receipt: Receipt) -> tuple[bool, bool]:
        """Whether a later receipt forgets the entry of this one, and the entry that it supersedes or retracts. What a
        retraction says goes with its entry."""
        own = self.forgotten.get(id_hash(receipt.candidate_id), 0) > receipt.seq
        about = receipt.target is not None and self.forgotten.get(act_key(receipt.target), 0) > receipt.seq
        return own or (about and receipt.retracts is not None), about


def later(place: Place, reach: int) -> Later:
    """Read the heads of the receipts in the first `reach` bytes. Raises OSError."""
    told = Later()
    ids: dict[str, int] = {}
    with suppress(FileNotFoundError):
        for _, line in jsonl.forwards(place.ledger, reach):
            head = HEAD.match(line)
            told.in_the_midst = None
            if head is None:
                continue
            candidate_id, seq = head["id"].decode(), int(head["seq"])
            if head["target"]:
                told.of.setdefault(act_key(head["target"].decode(errors="replace")), 0)
            if head["action"] == b"forgotten":
                told.in_the_midst = candidate_id
                told.forgotten[id_hash(candidate_id)] = seq
            if head["action"] in (b"undone", b"forgotten"):
                told.of[id_hash(candidate_id)] = ids[candidate_id] = seq
            elif candidate_id in ids:
                ids[candidate_id] = seq
    told.of |= ids
    return told
