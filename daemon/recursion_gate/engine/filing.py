"""The cards as they were decided, in ``receipts/<user>/<month>/``, for people to browse."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from ..core.errors import Refusal
from ..core.model import id_hash
from ..core.receipt import Receipt
from ..disk import atomic, untrusted
from ..formats import cards
from ..store.ledger import Ledger
from .refuse import numbered

__all__ = ["file_cards", "filed"]

#: From so many cards on, one sync of the disk costs less than one of each file.
_MANY = 8

#: Bytes; no card is as large.
_CARD_LIMIT = 16 << 20


def file_cards(ledger: Ledger, decided: Collection[tuple[Receipt, bytes]]) -> None:
    """Put the cards as they were decided into the month's folder; on disk when this returns, since the cards themselves
    are removed next. Raises OSError."""
    place, again = ledger.place, ledger.taken_back()
    months: dict[str, tuple[str, os.stat_result]] = {}
    for receipt, data in decided:
        which = receipt.at[:7]
        if which not in months:
            month = os.fspath(place.month(receipt.at))
            atomic.make_folder(month)
            months[which] = (month, os.stat(month))
        first = _first_name(again, receipt)
        _file_card(*months[which], receipt, data, first, sync=len(decided) < _MANY)
    if len(decided) >= _MANY:
        atomic.sync_disk(place.receipts)
    else:
        for month, _ in months.values():
            atomic.sync_folder(month)
            atomic.sync_folder(place.receipts)


def _first_name(again: Collection[str], receipt: Receipt) -> int:
    """Where a decision was taken back, the card of the next one gets a name of its own, though it may be the same to
    the byte: when it was filed tells when it was decided on (`filed`)."""
    return 1 if again and id_hash(receipt.candidate_id) in again else 0


def _file_card(month: str, inside: os.stat_result, receipt: Receipt, data: bytes, first: int, *, sync: bool) -> None:
    for taken in range(first, 1000):
        target = f"{month}/{_name(receipt, taken)}"
        if atomic.create(target, data, sync=sync, inside=inside):
            return
        there = Path(target).read_bytes() if os.path.isfile(target) else None
        if there == data:
            return
        if there is not None and cards.is_torn(there, data):
            atomic.replace(target, data, sync=sync)
            return
    raise OSError(f"no free name for the card of {receipt.candidate_id} in {month}")


def _name(receipt: Receipt, taken: int) -> str:
    number = f"-{receipt.seq}-{taken}" if taken > 1 else f"-{receipt.seq}" if taken else ""
    return numbered(receipt.card, number)


def filed(ledger: Ledger, receipt: Receipt) -> os.stat_result | None:
    """The card of `receipt` in its month's folder, where it is whole. Raises OSError."""
    month = ledger.place.month(receipt.at)
    for taken in range(_first_name(ledger.taken_back(), receipt), 2):
        with contextlib.suppress(Refusal, FileNotFoundError):
            seen = untrusted.look(month / _name(receipt, taken), _CARD_LIMIT)
            if hashlib.sha256(seen.data).hexdigest() == receipt.sha256:
                return seen.stat
    return None
