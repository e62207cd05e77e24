"""Heads that somebody has written down elsewhere: they show that receipts were cut off, or made anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.paths import Place, Root
from ..store import jsonl
from ..store.baseline import NONE
from .findings import Finding, Proof

__all__ = ["Anchor", "anchors_in", "head", "look_for"]

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A receipt that was there when somebody wrote it down."""

    hash: str
    #: Whose chain it is in; None: any.
    user: str | None = None
    seq: int | None = None
    #: When that decision was taken, ISO 8601, where it is known.
    at: str | None = None


def anchors_in(text: str) -> list[Anchor]:
    """The anchors that `text` names: ``HASH``, ``USER:HASH``, or the lines that `receipts head` prints. Raises
    ValueError."""
    anchors = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        user, _, digest = words[-1].rpartition(":")
        if len(words) == 1 and _HASH.fullmatch(digest):
            anchors.append(Anchor(digest, user or None))
        elif len(words) == 3 and words[1].isdecimal() and _HASH.fullmatch(words[2]):
            anchors.append(Anchor(words[2], words[0], int(words[1])))
        else:
            raise ValueError(f"line {number} is neither a hash of 64 digits nor a line of 'receipts head'")
    if not anchors:
        raise ValueError("there is no head in it")
    return anchors


def head(place: Place) -> Anchor:
    """The last receipt of a user, as an anchor to be kept elsewhere; number 0 where there is none. Raises Parked,
    OSError."""
    last = jsonl.end(place.ledger).last
    if not last:
        return Anchor(NONE, place.user, 0)
    receipt = jsonl.receipt(place, last)
    return Anchor(receipt.hash, place.user, receipt.seq, receipt.at)


def look_for(anchors: Sequence[Anchor], root: Root, proofs: list[Proof]) -> None:
    """Say which anchors are in no chain."""
    checked = {proof.user: proof for proof in proofs}
    for anchor in anchors:
        if anchor.hash == NONE or not proofs:
            continue
        proof = checked.get(anchor.user or "")
        if anchor.user is None:
            if not any(anchor.hash in p.anchored for p in proofs):
                whose = "the chain" if len(proofs) == 1 else "any chain"
                path = root.place(proofs[0].user).display_path(root.receipts)
                _say_gone(proofs[0], path, f"the receipt with the hash {anchor.hash[:16]}... is not in {whose}")
        elif proof is None:
            if not root.place(anchor.user).home.is_dir():
                _say_gone(proofs[0], "users", f"the user {anchor.user}, of whom a head was noted, is not there")
        elif anchor.hash not in proof.anchored:
            which = f"receipt {anchor.seq}" if anchor.seq else f"the receipt with the hash {anchor.hash[:16]}..."
            gone = anchor.seq is not None and anchor.seq > proof.seq
            why = f"is gone: the chain ends at {proof.seq}" if gone else "is not the one that was noted"
            place = root.place(anchor.user)
            _say_gone(
                proof, place.display_path(place.ledger), f"{which} {why if anchor.seq else 'is not in the chain'}"
            )


def _say_gone(proof: Proof, path: str, problem: str) -> None:
    remedy = "Receipts were cut off or made anew. Put back a copy of receipts/ that is whole."
    proof.findings.insert(0, Finding("fault", "head-missing", path, problem, remedy, proof.user))
