"""Find an entry in the receipts, for those who have no index. Reads only."""

from __future__ import annotations

from ..core.entry import Entry, entry_of
from ..core.model import act_key, id_hash, looks_like_act_id
from ..core.paths import Place
from ..core.receipt import Receipt
from . import jsonl, seeds

__all__ = ["find"]


def find(place: Place, named: str) -> Entry | None:
    """The entry that `named` means, by reading all receipts: for those who have no index. One from before the first
    receipt is found by an account that may read the Record. Raises Parked, OSError."""
    key = act_key(named)
    parts = (key.encode(), f'"{named}"'.encode())
    own: Receipt | None = None
    concerning: list[Receipt] = []
    for _, line in jsonl.forwards(place.ledger, jsonl.end(place.ledger).size):
        if not any(part in line for part in parts):
            continue
        receipt = jsonl.receipt(place, line)
        if id_hash(receipt.candidate_id) == key:
            own = receipt
        elif any(other and act_key(other) == key for other in (receipt.evidence_id, receipt.target)):
            concerning.append(receipt)
    if own is not None:
        return entry_of(named, own, concerning)
    text = seeds.text_of(place)
    if not looks_like_act_id(named) or named not in seeds.ids(place, text):
        return None

    def linked(receipt: Receipt) -> list[Receipt]:
        entry = entry_of(named, receipt, concerning)
        return entry.linked if entry else []

    return seeds.seed(named, text, lambda made: entry_of(named, made, concerning), linked)
