"""What waits, as `clients.decide.waiting` gives it, but read again only where a file has changed: with 3,000 cards a
page cannot open all of them each time. What is decided on is read anew by `clients.decide`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...clients.decide import Waiting
from ...core.errors import Refusal
from ...core.model import Candidate
from ...core.paths import Place, Root, is_ignored
from ...core.settings import Settings
from ...disk import untrusted
from ...formats import cards
from ...store.gate import Gate

__all__ = ["Desk"]

_STATES = ("pending", "approved", "rejected")
_Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class _Card:
    """A card as it was read: `of` is the candidate that it was compared with, `element` its bytes at the gate."""

    stamp: _Stamp
    id: str
    element: bytes = b""
    of: Candidate | None = None
    edited: Candidate | None = None
    problem: str = ""
    #: As it was given last: the same again as long as gate and card are.
    item: Waiting | None = None


@dataclass(slots=True)
class _User:
    lock: threading.Lock = field(default_factory=threading.Lock)
    gate: Gate | None = None
    cards: dict[str, _Card] = field(default_factory=dict)


class Desk:
    """The waiting entries of a root's users."""

    def __init__(self, root: Root, settings: Settings) -> None:
        self._root, self._settings = root, settings
        self._users: dict[str, _User] = {}

    def waiting(self, user: str) -> list[Waiting]:
        """All that waits for a decision on `user`, in the order it was staged, with its cards; those in approved/ and
        rejected/ wait for the daemon. Raises Parked, OSError."""
        known = self._users.setdefault(user, _User())
        place = self._root.place(user)
        with known.lock:
            if known.gate is None or not known.gate.unchanged():
                known.gate = Gate.load(place, known.gate)
            return self._listed(place, known, known.gate)

    def find(self, user: str, candidate_id: str) -> Waiting | None:
        """The one of this id; None where it waits no longer. Raises Parked, OSError."""
        return next((item for item in self.waiting(user) if item.candidate.id == candidate_id), None)

    def _listed(self, place: Place, known: _User, gate: Gate) -> list[Waiting]:
        found: dict[str, Waiting] = {}
        seen: dict[str, _Card] = {}
        limit = self._settings.max_card_bytes
        for state, entry, stamp in _entries(place):
            card = known.cards.get(entry.path)
            if card is None or card.stamp != stamp:
                card = _Card(stamp, _id_in(entry.path, limit))
            seen[entry.path] = card
            element = gate.element(card.id) if card.id else b""
            if not element:
                continue
            if card.of is None or card.element != element:
                card.of, card.element = gate.get(card.id), element
                assert card.of is not None
                self._read(card, entry.path, card.of)
                card.item = None
            if card.item is None or card.item.gate is not gate:
                path = card.item.card if card.item else Path(entry.path)
                card.item = Waiting(place, card.of, path, state, gate, card.edited, card.problem, limit)
            found[card.id] = card.item
        known.cards = seen
        return [found.get(each) or _without_card(place, gate, each) for each in gate.ids]

    def _read(self, card: _Card, path: str, candidate: Candidate) -> None:
        card.edited, card.problem = None, ""
        try:
            data = untrusted.look(path, self._settings.max_card_bytes).data
            if not cards.is_as_staged(data, candidate):
                verdict = cards.read(data, candidate, self._settings)
                card.edited = verdict.candidate if verdict.edited else None
        except Refusal as err:
            card.problem = err.in_full
        except FileNotFoundError:
            card.problem = "its card was moved away just now"


def _without_card(place: Place, gate: Gate, candidate_id: str) -> Waiting:
    candidate = gate.get(candidate_id)
    assert candidate is not None
    return Waiting(place, candidate, None, "pending", gate)


def _entries(place: Place) -> Iterator[tuple[str, os.DirEntry[str], _Stamp]]:
    for state in _STATES:
        try:
            there = os.scandir(place.state(state))
        except FileNotFoundError:
            continue
        with there:
            for entry in there:
                if not is_ignored(entry.name):
                    with suppress(FileNotFoundError):
                        st = entry.stat(follow_symlinks=False)
                        yield state, entry, (st.st_ino, st.st_mtime_ns, st.st_ctime_ns, st.st_size)


def _id_in(path: str, limit: int) -> str:
    try:
        return cards.id_of(untrusted.look(path, limit).data) or ""
    except (Refusal, FileNotFoundError):
        return ""
