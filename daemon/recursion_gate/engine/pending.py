"""The places of the cards in pending/, kept up to date with few system calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ..core.errors import Refusal
from ..core.model import Candidate
from ..core.paths import Place, is_aside, is_ignored
from ..core.settings import Settings
from ..disk import untrusted
from ..formats import cards, record_edit
from ..formats.card_hints import hints_in
from ..store.gate import Gate
from ..store.ledger import Ledger
from .entries import Entries

__all__ = ["PendingCards"]

#: So many cards in pending/ are looked at in every turn, which takes 0.3 ms; of more, at the periodic look, at most so
#: many.
_FEW_CARDS, _CHECKED_LIMIT = 100, 20_000


class PendingCards:
    """The cards of one user in pending/, by file name. Reads only; `created` tells it of the daemon's own cards."""

    def __init__(self, place: Place, settings: Settings, gate: Gate, ledger: Ledger) -> None:
        self.place, self.settings, self.gate, self.ledger = place, settings, gate, ledger
        self.folder = os.fspath(place.pending)
        # By file name the id; None: not a card of ours. And the same the other way round, made when it is asked for.
        self._ids: dict[str, str | None] = {}
        self._names: dict[str, str] | None = None
        self._marks: dict[str, int] = {}  # a hash of each card's `untrusted.mark`, as it was read
        self._pending_at = -1  # the folder's mtime when this was brought up to date,
        self._trusted_until = 0.0  # and until when (monotonic) it is enough that the mtime is still that
        self._listed_at = self._next_check = 0.0
        self._checked = 0  # how many of very many cards have been looked at again
        # The evidence that each link means in the end, true of a gate and receipts that are still so: see `effect`.
        self._evidence_of: tuple[object, dict[str, str]] = None, {}
        #: The entries that corrections and retractions are about.
        self.entries = Entries(place, ledger)
        #: The links on the cards that were read, by candidate: a person may have changed them.
        self.links: dict[str, str] = {}
        self._linked: set[str] = set()
        #: The candidates whose cards, as they were read, supersede or retract an entry.
        self.targets: set[str] = set()
        #: The hints on the cards that were read, by candidate; None: somebody has typed among them.
        self.hints: dict[str, tuple[str, ...] | None] = {}
        #: The names that a stop has left taken aside, found by the last look: cards that still wait.
        self.asides: list[str] = []

    def look(self, late: Callable[[], bool]) -> list[Path] | None:
        """Look at the folder; gives the files there that are no cards of a candidate at the gate. None: it takes longer
        than it may (`late`), and goes on in the next turn. Raises OSError.

        The folder's time tells only that something has changed, not that nothing has: it may be coarse, and the clock
        may jump. Few cards are looked at every time, many at the periodic look."""
        self.asides = []
        stamp = os.stat(self.folder).st_mtime_ns
        many = len(self._ids) > _FEW_CARDS
        if many and self._is_known(stamp) and not set(self._ids.values()) - self.gate.ids:
            return []
        self._listed_at = here = time.monotonic()
        listed = os.listdir(self.folder)
        self.asides = [name for name in listed if is_aside(name) and not self._is_done(name)]
        if self.asides:  # they get their names back first
            return None
        names = {name for name in listed if not is_ignored(name) or is_aside(name)}
        self._names = None
        for gone in self._ids.keys() - names:
            self._forget(self._ids.pop(gone) or "")
            self._marks.pop(gone, None)
        if not many or here >= self._next_check:
            names = self._changed(names)
        else:
            names -= self._ids.keys()
        for number, name in enumerate(sorted(names)):
            if number and late():
                self._trusted_until = 0.0
                return None
            path = self.place.pending / name
            # The mark before it is read: what is written meanwhile is read again.
            self._marks[name] = hash(untrusted.mark_at(path))
            self._ids[name] = self._id_in(path)
        self._pending_at = stamp
        self._trusted_until = self._next_check = here + self.settings.look_seconds / 2
        strays = set(self._ids.values()) - self.gate.ids
        return [self.place.pending / name for name, i in self._ids.items() if i in strays] if strays else []

    def _forget(self, candidate_id: str) -> None:
        self.links.pop(candidate_id, None)
        self.targets.discard(candidate_id)
        self.hints.pop(candidate_id, None)

    def _changed(self, names: set[str]) -> set[str]:
        """Those of `names` that are new, or of which another card has taken the place; of very many that are known only
        a part is looked at, each time the next."""
        known = list(self._ids)
        part = known[self._checked : self._checked + _CHECKED_LIMIT]
        self._checked = self._checked + len(part) if self._checked + len(part) < len(known) else 0
        changed = {name for name in part if hash(untrusted.mark_at(f"{self.folder}/{name}")) != self._marks.get(name)}
        return (names - self._ids.keys()) | changed

    def _is_known(self, stamp: int) -> bool:
        """Whether the folder, with this mtime, holds what is known, but for what the periodic look finds."""
        return stamp == self._pending_at and time.monotonic() < self._trusted_until

    def _is_done(self, name: str) -> bool:
        """Whether this is a card of a decided entry that a stop has left taken aside: it keeps that name, which tells
        that it was not put there since (see `decide.leftover`)."""
        candidate_id = self._id_in(self.place.pending / name)
        return candidate_id is not None and candidate_id not in self.gate and self.ledger.find(candidate_id) is not None

    def _id_in(self, path: Path) -> str | None:
        try:
            data = untrusted.look(path, self.settings.max_card_bytes).data
        except (Refusal, FileNotFoundError):
            return None
        candidate_id = cards.id_of(data)
        if candidate_id and not cards.ends_whole(data) and self.is_torn(data, self.gate.get(candidate_id)):
            return None
        if candidate_id:
            self._forget(candidate_id)
        if candidate_id and (link := cards.link_in(data)):
            self.links[candidate_id] = link
            self._linked.add(candidate_id)
        if candidate_id and (hints := hints_in(data)) != ():
            self.hints[candidate_id] = hints
        if candidate_id and cards.target_in(data):
            self._linked.add(candidate_id)
            self.targets.add(candidate_id)
        return candidate_id

    def take_linked(self) -> set[str]:
        """The candidates whose cards link to others, supersede or retract one, and were read since this was asked last:
        somebody may have saved them with a preview of before."""
        taken, self._linked = self._linked, set()
        return taken

    def of(self, candidate_id: str) -> Path | None:
        """The card of a candidate in pending/, as far as known."""
        if self._names is None:
            self._names = {known: name for name, known in self._ids.items() if known is not None}
        name = self._names.get(candidate_id)
        return self.place.pending / name if name is not None else None

    def missing(self, held: Collection[str] = ()) -> list[str]:
        """The ids of the candidates that have a card neither in pending/ nor among those `held` elsewhere."""
        missing = self.gate.ids - set(self._ids.values()) - set(held)
        if len(missing) < 100:  # the common case needs no walk through all that waits
            return sorted(missing)
        return [i for i in self.gate.ids if i in missing]

    def has_leftovers(self, seen: Collection[Path]) -> bool:
        """Whether pending/ holds a card of a candidate that is no longer at the gate, other than those `seen` in this
        turn, which are gone or wait for time."""
        gone = set(self._ids.values()) - self.gate.ids - {None}
        if not gone:
            return False
        names = {path.name for path in seen}
        return any(candidate_id in gone and name not in names for name, candidate_id in self._ids.items())

    def forget_gone(self, paths: Iterable[Path]) -> None:
        """Those of `paths` that are gone are no cards any more: a card that was staged from there, as any drop, needs
        another."""
        for path in paths:
            if path.name in self._ids and not os.path.lexists(path):
                del self._ids[path.name]
                self._names = None

    def note(self, name: str, candidate_id: str) -> None:
        """Note that the file of this name is the card of a candidate."""
        self._ids[name] = candidate_id

    def created(self, name: str, candidate_id: str) -> None:
        """Note a card that the daemon has made itself, without hints."""
        self._marks[name] = hash(untrusted.mark_at(f"{self.folder}/{name}"))
        self._ids[name] = candidate_id
        self._names = None
        self.hints.pop(candidate_id, None)

    def renewed(self, name: str) -> None:
        """Note a card that the daemon has written anew. Raises OSError."""
        path = self.place.pending / name
        self._marks[name] = hash(untrusted.mark_at(path))  # before it is read, as in `look`
        self._ids[name] = self._id_in(path)
        self._names = None

    def before_creating(self, stamp: int) -> Callable[[], None]:
        """To be called before cards are created in the folder, which has this mtime; gives a function to be called
        afterwards. If all was known, our cards are all that is new, so that a long queue is not listed for each;
        whatever else came meanwhile is found by the periodic look."""
        known = self._is_known(stamp)

        def after() -> None:
            if known:
                self._pending_at = os.stat(self.folder).st_mtime_ns
                self._trusted_until = min(self._trusted_until, self._listed_at + self.settings.look_seconds)

        return after

    # -- a card as the daemon would make it now -----------------------------------------------------------------------

    def effect(self, candidate: Candidate) -> list[record_edit.Change]:
        """The lines that approving `candidate` would add now."""
        there = (self.gate.changes, self.ledger.size)
        if self._evidence_of[0] != there:
            self._evidence_of = there, {}
        return record_edit.effect(candidate, self.gate.get, self._decided_as, self._evidence_of[1], self.entries.lines)

    def previews(self, candidate: Candidate) -> list[list[record_edit.Change]]:
        """What the daemon may have put below the marker of the card of `candidate`: as `effect` is now, and as it was
        while the entry that it supersedes or retracts still stood as it was merged."""
        now = self.effect(candidate)
        if not (candidate.supersedes or candidate.retracts):
            return [now]
        return [now, record_edit.effect(candidate, self.gate.get, self._decided_as, {}, self.entries.lines_as_merged)]

    def _decided_as(self, candidate_id: str) -> str | None:
        receipt = self.ledger.find(candidate_id)
        return receipt.evidence_id if receipt else None

    def clean(self, candidate: Candidate, note: str | None = None) -> bytes:
        """The card of `candidate` that nobody has edited."""
        return cards.render(candidate, self.effect(candidate), note)

    def is_torn(self, data: bytes, candidate: Candidate | None) -> bool:
        """Whether this is what a power cut has left of the card of `candidate`: cards are not synced."""
        return candidate is not None and cards.is_torn(data, self.clean(candidate))
