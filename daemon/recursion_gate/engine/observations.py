"""Observations of a user's folders: plain data from `observe_drops` and `observe_cards`, for `decide`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from ..core.errors import Refusal
from ..core.model import Candidate
from ..core.receipt import Receipt
from ..disk.untrusted import Mark, Seen
from ..formats.cards import Verdict
from ..formats.drops import Proposal

__all__ = [
    "Card",
    "DecidedCards",
    "Drop",
    "EntryCards",
    "Folder",
    "Forgotten",
    "Leftover",
    "Odd",
    "Preview",
    "Request",
    "Strange",
    "Torn",
    "Unreadable",
]

Folder = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop that has rested: its proposals, or why it cannot be read."""

    path: str
    mark: Mark
    size: int
    proposals: tuple[Proposal, ...] = ()
    refusal: Refusal | None = None
    #: The ids that it names, where it cannot be read.
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a candidate at the gate, as it stands in approved/ or rejected/."""

    path: str
    folder: Folder
    seen: Seen
    verdict: Verdict
    staged: Candidate
    crc: int = 0  # of the bytes that were let go


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A card that has been edited so that it can no longer be read."""

    path: str
    mark: Mark
    folder: Folder
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Strange:
    """A card that somebody may have written who may not decide."""

    path: str
    mark: Mark
    who: str


@dataclass(frozen=True, slots=True)
class Leftover:
    """A card of a candidate that has been decided."""

    path: str
    seen: Seen
    receipt: Receipt
    is_very_card: bool  # the one that was decided on
    is_edited: bool
    came_since: bool  # somebody has put it here after the decision


@dataclass(frozen=True, slots=True)
class Torn:
    """The rest of a waiting candidate's card after a power cut."""

    path: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A card of a candidate that was forgotten."""

    path: str
    seen: Seen
    receipt: Receipt


Odd = Unreadable | Strange | Leftover | Torn | Forgotten


@dataclass(frozen=True, slots=True)
class EntryCards:
    """The cards of one candidate in approved/ and rejected/; and where its card in pending/ has a note, that note and
    when it was put there."""

    staged: Candidate
    cards: tuple[Card, ...]
    note: tuple[str, int] | None


@dataclass(slots=True)
class DecidedCards:
    """All that stands in approved/ and rejected/."""

    found: dict[str, list[Card]] = field(default_factory=lambda: defaultdict(list))
    odd: list[Odd] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)  # never staged
    held: set[str] = field(default_factory=set)  # ids whose card is there, decided or not yet readable
    unsettled: set[str] = field(default_factory=set)  # of these, where a card may still be being written
    is_whole: bool = True  # or it goes on in the next turn: then nothing is known of the order, or of contradictions


@dataclass(frozen=True, slots=True)
class Request:
    """A file in undo/: a copy of a decided card, or what `undo` and `forget` have put there."""

    path: str
    seen: Seen
    #: The candidate, or the entry, that it names; None: it is no such file.
    named: str | None
    #: Whether it asks that the entry be forgotten.
    forget: bool = False
    via: str | None = None
    by: str | None = None
    #: Whether it had to rest before it was read: it does not end as a card does, and is not signed.
    rested: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """A card in pending/ of an entry that links to another one."""

    path: str
    data: bytes
    staged: Candidate
