"""What became of each decision: told by going through the receipts from the newest to the oldest. Reads only.

A decision stands unless it was taken back, its entry was superseded or retracted, or all of it was forgotten (contract,
promise 11). Only what comes later can say so, hence the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..core.model import act_key, id_hash
from ..core.paths import Place
from ..core.receipt import Receipt
from . import jsonl

__all__ = ["Became", "Gone", "Seeking", "Standing", "gone", "standing"]

#: What became of a decision. ``stands``: nothing did.
Became = Literal["stands", "undone", "superseded", "retracted", "forgotten"]


class Standing:
    """Told of the receipts one by one, newest first, it says what became of each."""

    def __init__(self) -> None:
        self._undone: set[str] = set()
        self._forgotten: set[str] = set()
        self._forgotten_keys: set[str] = set()
        self._gone: dict[str, Became] = {}

    @property
    def targets(self) -> frozenset[str]:
        """The `act_key` of each entry that was superseded or retracted."""
        return frozenset(self._gone)

    def is_gone(self, key: str) -> bool:
        """Whether the entry with this `act_key` was superseded, retracted or forgotten."""
        return key in self._gone or key in self._forgotten_keys

    def of(self, candidate_id: str, action: str, supersedes: str | None, retracts: str | None) -> Became | None:
        """What became of this decision; None where the receipt is about an earlier one: that was taken back, or
        forgotten."""
        if action == "undone":
            self._undone.add(candidate_id)
            return None
        if action == "forgotten":
            self._forgotten.add(candidate_id)
            self._forgotten_keys.add(id_hash(candidate_id))
            return None
        if candidate_id in self._undone:
            self._undone.discard(candidate_id)  # it waited again: an older decision on it was taken back before
            return "forgotten" if candidate_id in self._forgotten else "undone"
        became: Became = "stands"
        if action == "approved":
            became = self._gone.get(id_hash(candidate_id), "stands") if self._gone else "stands"
            if target := supersedes or retracts:
                self._gone[act_key(target)] = "superseded" if supersedes else "retracted"
        return "forgotten" if candidate_id in self._forgotten else became

    def of_line(self, line: bytes) -> Became | None:
        """The same of a receipt as it is written; None also where it is none."""
        head = jsonl.HEAD.match(line)
        if head is None:
            return None
        target = head["target"].decode(errors="replace") if head["target"] else None
        supersedes, retracts = (target, None) if head["what"] == b"supersedes" else (None, target)
        return self.of(head["id"].decode(), head["action"].decode(), supersedes, retracts)


def standing(place: Place, lines: Iterable[bytes]) -> Iterator[Receipt]:
    """The decisions that stand among these receipts, which come newest first. Raises Parked."""
    known = Standing()
    for line in lines:
        if known.of_line(line) == "stands":
            receipt = jsonl.receipt(place, line)
            if not receipt.is_erased:
                yield receipt


@dataclass(frozen=True, slots=True)
class Gone:
    """The entries that were approved once and stand no longer."""

    #: The `act_key` of each.
    keys: frozenset[str]
    #: By such a key, the receipts of the entries that stand and link to it, as they are written.
    linked: Mapping[str, list[bytes]]
    #: And of those that others link to, the own receipt.
    own: Mapping[str, bytes]


class Seeking:
    """Told of all of a user's receipts one by one, newest first, it finds what is gone. An entry from before the first
    receipt is where a receipt supersedes or retracts it."""

    def __init__(self) -> None:
        self._known = Standing()
        self._no_more: set[str] = set()
        self._stand: set[str] = set()
        self._links: dict[str, list[bytes]] = {}
        self._own: dict[str, bytes] = {}

    def tell(self, line: bytes) -> None:
        head, became = jsonl.HEAD.match(line), self._known.of_line(line)
        if head is None or became is None or head["action"] != b"approved":
            return
        candidate_id = head["id"].decode()
        if became == "stands":
            self._stand.add(candidate_id)
            # What is gone is known by now, since nothing can link to it any more.
            other = act_key(head["evidence"].decode(errors="replace")) if head["evidence"] else ""
            if self._known.is_gone(other) and other != id_hash(candidate_id):
                self._links.setdefault(other, []).append(line)
        elif candidate_id not in self._stand:
            key = id_hash(candidate_id)
            self._no_more.add(key)
            if key in self._links:
                self._own.setdefault(key, line)

    def found(self) -> Gone:
        return Gone(frozenset(self._no_more | self._known.targets), self._links, self._own)


def gone(lines: Iterable[bytes]) -> Gone:
    """What is gone by these receipts: all of a user, newest first. Raises what `lines` do."""
    seeking = Seeking()
    for line in lines:
        seeking.tell(line)
    return seeking.found()
