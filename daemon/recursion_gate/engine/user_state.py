"""One user's state in memory between turns: the gate, the end of the chain, where the cards are, what is half done. It
decides nothing and writes nothing but what a user's folders must have."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..core.entry import Entry
from ..core.errors import Parked
from ..core.model import Candidate, act_key, id_hash, looks_like_act_id
from ..core.paths import Place
from ..core.receipt import Receipt
from ..core.settings import Settings
from ..disk import untrusted
from ..store.gate import Gate
from ..store.index import Decided
from ..store.ledger import Ledger
from .events import Events
from .pending import PendingCards
from .settle import Looks, Settling

if TYPE_CHECKING:
    from .observations import Card, DecidedCards

__all__ = ["Hooks", "UserState"]


class Hooks:
    """Callbacks of the work on a root's users: reports, and questions whether to go on. Each is set from outside."""

    def __init__(self) -> None:
        #: Called with the event, the user, and the id or file.
        self.did: Callable[[str, str, str], None] = lambda what, user, which: None
        #: Called before anything is changed for a user; may raise AlreadyRunning, which ends the work.
        self.before: Callable[[], object] = lambda: None
        #: Called before each write to receipts, Record and gate; may raise AlreadyRunning, and OSError, which ends the
        #: turn.
        self.check: Callable[[], object] = lambda: None
        #: Called often in a turn; true if somebody has asked to stop.
        self.stopping: Callable[[], bool] = lambda: False
        #: Called with the number of drops, or decisions, found, before the work on them.
        self.found: Callable[[int], None] = lambda count: None


class UserState:
    """All of it can be read again from the folders at any time. Raises Parked, OSError when it is read."""

    def __init__(
        self,
        place: Place,
        settings: Settings,
        decided: Decided,
        looks: Looks | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.place, self.settings = place, settings
        self.hooks = Hooks() if hooks is None else hooks
        inbox = place.display_path(place.inbox)
        self.events = Events(place.user, self.hooks, inbox, settings.look_seconds)
        self.gate = Gate.load(place)
        self.ledger = Ledger.open(place, decided)
        #: Which files have rested, and when to look again.
        self.settling = Settling(settings, Looks() if looks is None else looks)
        self.cards = PendingCards(place, settings, self.gate, self.ledger)
        #: The names of the drops that the last look found and left for later, oldest first.
        self.backlog: list[str] = []
        #: A look at the drop zone that takes more than one turn.
        self.listing: Iterator[list[str] | None] | None = None
        #: Drops that are staged, and still to be removed.
        self.staged: list[tuple[str, untrusted.Mark]] = []
        #: How many candidates the last turn has left without a card.
        self.without_card = 0
        #: The cards in approved/ and rejected/ that were read in earlier turns, without their bytes; by path, with the
        #: file's stamp.
        self.read_cards: dict[str, tuple[object, Card]] = {}
        #: A look at approved/ and rejected/ that takes more than one turn, and the paths that it has come to.
        self.half_look: tuple[DecidedCards, set[str]] | None = None
        #: The ids at the gate when links were last looked at; the gate's mark then, and the length of the receipts.
        self.linked_at: tuple[set[str], object, int] | None = None
        #: Candidates that link to others which have come or gone: their cards may be outdated.
        self.stale: set[str] = set()
        #: The candidates at the gate that supersede or retract an entry.
        self.corrections: set[str] = set()
        #: Cards in approved/ that wait for another one, and why; for `status`.
        self.waiting: dict[str, str] = {}
        #: The receipts whose lines the Record lacks (see `recover`); for `status`.
        self.lacks: list[Receipt] = []
        #: How many drops and decisions the last turn has left.
        self.left = 0
        #: Whether this turn has left something ready to be done, beside `backlog`, `without_card` and `staged`.
        self.has_more = False

    # -- the turn -----------------------------------------------------------------------------------------------------

    def begin_turn(self) -> None:
        self.settling.due, self.has_more = None, False
        self.events.say_how_many_more()

    def late(self, until: float) -> bool:
        """Whether this part of the turn, which may take until then (monotonic), must end. The rest is then for the next
        turn: a turn may last no longer than its user's neighbours can wait."""
        return self.hooks.stopping() or time.monotonic() > until

    def put_off(self, paths: Iterable[str | Path]) -> None:
        """Leave what was found at these paths, and not come to, for the next turn."""
        self.has_more = True
        inbox = os.fspath(self.place.inbox)
        self.backlog[:0] = [os.path.basename(path) for path in paths if os.path.dirname(path) == inbox]

    def is_fresh(self) -> bool:
        """Whether gate and receipts are still as they were left here: a person may have put back a copy."""
        return self.gate.unchanged() and self.ledger.unchanged()

    def is_idle(self) -> bool:
        """Whether this state may be dropped: no turn is half done, and nothing waits for time."""
        busy = (self.backlog, self.staged, self.without_card, self.listing, self.waiting, self.left)
        return self.settling.is_idle and not any(busy)

    # -- what is known of a candidate (`decide.Known`) ----------------------------------------------------------------

    def candidate(self, candidate_id: str) -> Candidate | None:
        """The candidate with this id that waits at the gate."""
        return self.gate.get(candidate_id)

    def receipt(self, candidate_id: str) -> Receipt | None:
        """The receipt of a candidate, if it has been decided. Raises Parked, OSError."""
        return self.ledger.find(candidate_id)

    def last_receipt(self, candidate_id: str) -> Receipt | None:
        """The last receipt of a candidate, also where that takes a decision back. Raises Parked, OSError."""
        return self.ledger.last_of(candidate_id)

    def entry(self, named: str) -> Entry | None:
        """The entry with this ACT id, or of this candidate. Raises Parked, OSError."""
        return self.cards.entries.find(named)

    def last_about(self, named: str) -> Receipt | None:
        """The last receipt of the candidate with this id, or this ACT id. Raises Parked, OSError."""
        return self.ledger.last_about(named)

    def linked(self, receipt: Receipt) -> list[Receipt]:
        """The approvals that link to the entry of `receipt`. Raises Parked, OSError."""
        return self.ledger.linked(receipt)

    def waits_as(self, named: str) -> str | None:
        """The candidate at the gate with this id, or this ACT id."""
        if named in self.gate:
            return named
        return self.gate.by_hash(act_key(named)) if looks_like_act_id(named) else None

    def as_staged(self, receipt: Receipt) -> Candidate:
        """The candidate of a receipt, as it was staged. Raises Parked."""
        return self._of_receipt(receipt, receipt.candidate)

    def as_approved(self, receipt: Receipt) -> Candidate:
        """The candidate of a receipt, as it was approved. Raises Parked."""
        return self._of_receipt(receipt, receipt.approved or receipt.candidate)

    def _of_receipt(self, receipt: Receipt, fields: dict[str, object]) -> Candidate:
        try:
            return Candidate.model_validate(fields)
        except ValidationError:
            display_path = self.place.display_path(self.place.ledger)
            raise Parked(
                display_path, f"receipt {receipt.seq} holds no candidate", "Put back a copy that is whole"
            ) from None

    def twin(self, candidate_id: str) -> str | None:
        """Another candidate whose id gives the same ACT id. Raises OSError."""
        return self.gate.twin(candidate_id) or self.ledger.twin(candidate_id)

    def was_lost(self, candidate_id: str) -> bool:
        """Whether the Record shows this candidate as approved, though no receipt does."""
        return bool(self.ledger.lost) and id_hash(candidate_id) in self.ledger.lost
