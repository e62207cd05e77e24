"""The actions of a turn: `decide` gives them, `apply` performs them. To add one: a class here, a rule in
`decide`, a function in `apply`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..core.entry import Entry
from ..core.errors import Refusal
from ..core.model import Candidate
from ..core.receipt import Receipt
from ..disk.untrusted import Mark, Seen
from ..formats.cards import Verdict
from .observations import Card, Request

__all__ = [
    "Action",
    "Approve",
    "CreateCard",
    "Decision",
    "Discard",
    "FileCard",
    "Forget",
    "Refuse",
    "Reject",
    "RenewCard",
    "RestoreName",
    "ReturnWithNote",
    "Stage",
    "Undo",
    "Wait",
]


@dataclass(frozen=True, slots=True)
class Stage:
    """Put those candidates of one drop on the gate that are new, then take the drop away."""

    path: str
    mark: Mark
    #: Each with its bytes at the gate.
    candidates: tuple[tuple[Candidate, bytes], ...]
    #: The ids that are known already, each with what was decided, if it was.
    known: tuple[tuple[str, str | None], ...] = ()
    #: Whether to take the drop away at once, and not at the end of a flood.
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Move a file to problems/, with the reason beside it."""

    path: str
    mark: Mark
    refusal: Refusal
    what: str = "could not be staged"
    #: Whether the reason says that nothing of it is in the Record.
    record_too: bool = True
    #: The forgotten candidates that it names: it is kept without their texts.
    forgotten: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove a file that is done with."""

    path: str
    mark: Mark
    why: str


@dataclass(frozen=True, slots=True)
class RestoreName:
    """Give a card that a stop has left taken aside its own name again."""

    path: str


@dataclass(frozen=True, slots=True)
class FileCard:
    """Put the card that was decided on under receipts/, then remove it: what a stop has left."""

    path: str
    seen: Seen
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ReturnWithNote:
    """Put a candidate's card back into pending/ with a note, and take these cards away."""

    staged: Candidate
    cards: tuple[Card, ...]
    note: str


@dataclass(frozen=True, slots=True)
class CreateCard:
    """Create the card of a candidate in pending/."""

    candidate_id: str


@dataclass(frozen=True, slots=True)
class RenewCard:
    """Replace a card in pending/ whose preview shows what is no longer so, or (`only_hints`) which lacks hints, unless
    somebody has changed it since."""

    candidate_id: str
    path: str
    was: bytes
    now: bytes
    only_hints: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave a decision until another one is taken, or a file is free."""

    candidate_id: str
    why: str


@dataclass(slots=True)
class Decision:
    """A person's decision on one candidate. Copies of the card are one decision."""

    staged: Candidate
    cards: tuple[Card, ...]

    @property
    def is_approval(self) -> bool:
        return self.cards[0].folder == "approved"

    @property
    def verdict(self) -> Verdict:
        return self.cards[0].verdict

    @property
    def link(self) -> str:
        """The entry that it links to; "" where it links to none."""
        return (self.verdict.candidate.link_to_evidence_id if self.is_approval else None) or ""

    @property
    def target(self) -> str:
        """The entry that it supersedes or retracts; "" where there is none."""
        candidate = self.verdict.candidate
        return (candidate.supersedes or candidate.retracts if self.is_approval else None) or ""

    @property
    def order(self) -> tuple[int, str]:
        """When the card was put there: a move sets the ctime, and nobody can set it otherwise."""
        return min((c.seen.stat.st_ctime_ns, os.path.basename(c.path)) for c in self.cards)


@dataclass(frozen=True, slots=True)
class Approve:
    """Merge a candidate into the Record, with a receipt. `linked_to`: the ACT id that its lines link to; `old`: the
    entry that it supersedes or retracts."""

    decision: Decision
    linked_to: str | None
    old: Entry | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Take a candidate off the gate, with a receipt."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class Undo:
    """Take a decision back: the Record is as if it had not been taken, and its candidate waits again."""

    request: Request
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase an entry, or a candidate, wherever it stands."""

    request: Request
    candidate_id: str


Action = (
    Stage
    | Refuse
    | Discard
    | RestoreName
    | FileCard
    | ReturnWithNote
    | CreateCard
    | RenewCard
    | Wait
    | Approve
    | Reject
    | Undo
    | Forget
)
