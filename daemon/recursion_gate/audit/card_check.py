"""Cards against gate and receipts: those in the inbox, which are handles, and the decided ones, which are pictures.

Neither proves anything (contract: "The gate", "The tree"): the daemon creates a missing card again, and people may
clear away decided cards as they like. But a decided card of which no receipt knows shows that receipts are gone.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress

from ..core.errors import BadSettings
from ..core.paths import STATES, Place, Root, is_ignored
from ..core.receipt import Receipt
from ..core.settings import Settings, load_settings
from ..core.text import count
from ..store import filed, gate_reader
from .findings import Finding
from .fingerprints import fingerprint, surplus

__all__ = ["Filed", "say_what_differs"]


def _largest(place: Place) -> int:
    """The daemon's limit for a card, in bytes."""
    try:
        return load_settings(Root(place.root)).max_card_bytes
    except BadSettings:  # for `doctor` to say
        return Settings().max_card_bytes


class Filed:
    """The decided cards in the months' folders: `read`, then `expect` for each receipt, then `settle`."""

    def __init__(self, place: Place, found: Callable[[Finding], None]) -> None:
        self._limit = _largest(place)
        self._place, self._found = place, found
        self._here = array("q")
        self._due = array("q")

    def read(self) -> None:
        """List them. Raises OSError."""
        for path in filed.cards_of(self._place):
            self._here.append(fingerprint(os.fsencode(path)))

    def expect(self, receipt: Receipt) -> None:
        """The card of `receipt` may be here, under one of the two names that `engine.filing` gives it."""
        if self._here:
            for path in filed.names_of(receipt):
                self._due.append(fingerprint(path.encode(errors="replace")))

    def settle(self, receipts: Callable[[], Iterator[Receipt]]) -> list[str]:
        """Say which cards were decided according to their place, but not according to any receipt; gives their
        candidates."""
        unknown = surplus(self._here, self._due)
        if not unknown:
            return []
        named: dict[str, str] = {}
        for path in filed.cards_of(self._place):
            if fingerprint(os.fsencode(path)) in unknown:
                candidate_id = filed.id_in(self._place.receipts / path, self._limit)
                if candidate_id:
                    named[candidate_id] = path
        if named:
            for receipt in receipts():
                named.pop(receipt.candidate_id, None)  # a copy that somebody made
        for candidate_id, path in named.items():
            display_path = self._place.display_path(self._place.receipts / path)
            self._found(
                Finding(
                    "fault",
                    "card-without-receipt",
                    display_path,
                    f"the card of {candidate_id} is filed here as decided, but there is no receipt of it",
                    "Receipts are gone, or older than this: put back the newest copy of merge-receipts.jsonl.",
                    self._place.user,
                )
            )
        return list(named)


def say_what_differs(place: Place, found: Callable[[Finding], None]) -> None:
    """Note the candidates that have no card, and the cards in pending/ that have no candidate: the daemon sees to
    both. Raises OSError, Parked."""
    missing, extra = _differing(place)
    if missing or extra:  # it may just be at it
        again = _differing(place)
        missing, extra = missing & again[0], extra & again[1]
    path = place.display_path(place.pending)
    if missing:
        message = f"{count(len(missing), 'candidate')} at the gate without a card: the daemon creates it again"
        found(Finding("note", "card-missing", path, message, "", place.user))
    if extra:
        message = (
            f"{count(len(extra), 'file')} here of no candidate at the gate: the daemon stages it or clears it away"
        )
        found(Finding("note", "card-extra", path, message, "", place.user))


def _differing(place: Place) -> tuple[set[str], set[str]]:
    """The ids at the gate without a card, and the names of the files in pending/ that are none."""
    ids: set[str] = set()
    limit = _largest(place)
    files_there: dict[str, str | None] = {}
    for state in STATES[:3]:  # pending/ first: a card that is being moved is seen twice, at worst
        folder = place.state(state)
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(folder):
                if is_ignored(name):
                    continue
                candidate_id = filed.id_in(folder / name, limit)
                if state == "pending":
                    files_there[name] = candidate_id
                if candidate_id:
                    ids.add(candidate_id)
    waiting = {c.id for c in gate_reader.read(place)}
    extra = {n for n, i in files_there.items() if i not in waiting and os.path.lexists(place.pending / n)}
    return waiting - ids, extra
