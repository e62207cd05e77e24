"""Read the cards: those in approved/ and rejected/, and what is odd in pending/. Nothing is changed here."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.errors import NotYet, Refusal
from ..core.model import Candidate
from ..core.paths import is_aside, is_ignored
from ..core.receipt import Receipt
from ..disk import untrusted
from ..formats import cards, signature
from ..formats.card_hints import without_hints
from ..formats.card_name import file_name
from ..permissions import ownership
from .filing import filed
from .observations import (
    Card,
    DecidedCards,
    EntryCards,
    Folder,
    Forgotten,
    Leftover,
    Odd,
    Preview,
    Strange,
    Torn,
    Unreadable,
)
from .refuse import is_being_refused
from .user_state import UserState

__all__ = ["decided", "entries", "is_unchanged", "note_on", "pending_strays", "preview", "read_anew"]

#: At most so many bytes of cards are read in a turn: in memory they take many times that.
_BYTES_LIMIT = 8_000_000

#: The number in a card's name where another one had its name.
_NUMBER = re.compile(r"-(\d{1,4})\.md\Z")

#: The same of one that a stop had left taken aside, when another had its name already: see `apply`.
_RESTORED = re.compile(r"-\d{16,20}(?=\.md\Z)")


# -- cards in approved/ and rejected/ -----------------------------------------------------------------------------


def decided(state: UserState, seconds: float = math.inf) -> DecidedCards:
    """Read approved/ and rejected/. Of many cards those that were read in earlier turns are not read again before they
    are decided; if it takes longer than so many `seconds`, it goes on in the next turn. Raises OSError, Parked."""
    # Of a look that takes several turns: what it has found, and where, but for the cards.
    look, seen = state.half_look or (DecidedCards(), set())
    state.half_look = None
    look.found, look.odd = defaultdict(list), []
    approved, rejected = (f"{os.fspath(state.place.inbox)}/{folder}" for folder in ("approved", "rejected"))
    # A card that is in both at once counts for neither. So that it is seen in both, approved/ is listed again: what
    # came there meanwhile is looked at only where the same entry is in rejected/ too, and else in the next turn.
    first, second, again = (_names_in(folder) for folder in (approved, rejected, approved))
    fresh = [*_known_cards(state, approved, first, look), *_known_cards(state, rejected, second, look)]
    state.read_cards = {c.path: (untrusted.stamp(c.seen.stat), c) for these in look.found.values() for c in these}
    fresh = [path for path in fresh if path not in seen]
    until = time.monotonic() + seconds
    count = _read_cards(state, fresh, look, until)
    look.is_whole = count == len(fresh)
    if look.is_whole and again - first:
        look.is_whole = _read_late(state, [f"{approved}/{name}" for name in again - first], look, until)
    for these in look.found.values():
        state.read_cards.update(
            (c.path, (untrusted.stamp(c.seen.stat), _without_bytes(c))) for c in these if c.seen.data
        )
    if not look.is_whole:
        state.half_look = (look, seen.union(path for path in fresh[:count] if path not in state.read_cards))
    elif seen:  # what could not be read in an earlier turn perhaps can by now
        state.settling.note_due(0.05)
    return look


def _without_bytes(card: Card) -> Card:
    return replace(card, seen=card.seen._replace(data=b""), crc=zlib.crc32(card.seen.data))


def _known_cards(state: UserState, folder: str, names: set[str], look: DecidedCards) -> list[str]:
    """Add those cards that are still as an earlier turn has read them; gives the paths of the others."""
    fresh = []
    for name in sorted(names):
        path = f"{folder}/{name}"
        stamp, card = state.read_cards.get(path, (None, None))
        if card is not None and card.staged.id in state.gate and untrusted.stamp_at(path) == stamp:
            look.found[card.staged.id].append(card)
        else:
            fresh.append(path)
    return fresh


def _names_in(folder: str) -> set[str]:
    with os.scandir(folder) as there:
        return {e.name for e in there if not is_ignored(e.name) or is_aside(e.name)}


def _read_cards(state: UserState, paths: Sequence[str], look: DecidedCards, until: float = math.inf) -> int:
    """Read one of them always, the others until then (monotonic); gives how many were read."""
    people = {folder: ownership.lane_of(folder) for folder in {os.path.dirname(path) for path in paths}}
    size = 0
    for number, path in enumerate(paths):
        if number and (state.late(until) or size > _BYTES_LIMIT):
            return number
        try:
            seen = untrusted.look(path, state.settings.max_card_bytes, ask_writers=True)
        except FileNotFoundError:
            continue
        except Refusal:
            look.strays.append(path)  # refused there, like any other drop
            continue
        size += len(seen.data)
        _take_card(state, path, seen, people[os.path.dirname(path)], look)
    return len(paths)


def _read_late(state: UserState, paths: Sequence[str], look: DecidedCards, until: float) -> bool:
    """Add those cards in approved/ whose entry is found already, since it is in rejected/ too."""
    state.settling.note_due(0.0)
    late = DecidedCards()
    all_of_them = _read_cards(state, paths, late, until) == len(paths)
    look.odd += late.odd
    look.unsettled |= late.unsettled & look.found.keys()
    look.held |= late.held & look.found.keys()
    for candidate_id in look.found.keys() & late.found.keys():
        look.found[candidate_id] += late.found[candidate_id]
    return all_of_them


def _take_card(
    state: UserState, path: str, seen: untrusted.Seen, people: os.stat_result | None, look: DecidedCards
) -> None:
    candidate_id = cards.id_of(seen.data)
    staged = state.gate.get(candidate_id) if candidate_id else None
    if staged is None:
        receipt = state.ledger.find(candidate_id) if candidate_id else None
        if receipt is None:
            look.strays.append(path)
        elif (left := _leftover(state, path, seen, receipt)) is not None:
            look.odd.append(left)
        return
    stranger = ownership.stranger(path, seen.stat, people)
    if stranger:
        look.odd.append(Strange(path, seen.mark, stranger))
        return
    folder: Folder = "approved" if os.path.basename(os.path.dirname(path)) == "approved" else "rejected"
    try:
        verdict = _verdict(state, path, seen, staged, folder)
    except NotYet as err:
        state.settling.note_due(err.seconds)
        look.held.add(staged.id)
        look.unsettled.add(staged.id)
    except Refusal as err:
        look.odd.append(Unreadable(path, seen.mark, folder, err))
    else:
        look.found[staged.id].append(Card(path, folder, seen, verdict, staged))


def _verdict(state: UserState, path: str, seen: untrusted.Seen, staged: Candidate, folder: Folder) -> cards.Verdict:
    """The card's verdict. Raises NotYet while it may still be being written, Refusal where it cannot be read."""
    if without_hints(seen.data) == state.cards.clean(staged):  # whole, and not edited
        return cards.Verdict(staged, False, None, None)
    try:
        verdict = cards.read(seen.data, staged, state.settings)
    except Refusal as err:
        state.settling.check(path, seen, whole=False, cut_short=err.maybe_unfinished)
        if folder == "rejected":  # to reject it, its id is enough
            return cards.Verdict(staged, False, cards.reason_in(seen.data), None)
        raise
    state.settling.check(path, seen, whole=signature.via_of(seen.data, verdict.via, folder) is not None)
    effects = [*state.cards.previews(staged), *state.cards.previews(verdict.candidate)]
    verdict.below = cards.typed_below(seen.data, staged, effects)
    return verdict


def entries(state: UserState, look: DecidedCards) -> Iterator[EntryCards]:
    """The candidates whose cards are there and have rested."""
    for candidate_id, these in look.found.items():
        staged = state.gate.get(candidate_id)
        if staged is None or candidate_id in look.unsettled:
            continue
        yield EntryCards(staged, tuple(these), _note_in_pending(state, staged))


def _note_in_pending(state: UserState, staged: Candidate) -> tuple[str, int] | None:
    there = state.cards.of(staged.id)
    with contextlib.suppress(Refusal, FileNotFoundError):
        if there and (note := cards.note_in((seen := _look_at_card(state, there)).data)) is not None:
            return note, seen.stat.st_ctime_ns
    return None


def _look_at_card(state: UserState, path: Path | str) -> untrusted.Seen:
    return untrusted.look(path, state.settings.max_card_bytes)


def read_anew(state: UserState, these: Sequence[Card]) -> tuple[Card, ...] | None:
    """These cards with their bytes, which an earlier turn may have read; None where one is another now, or is being
    written. A card that has rested need not rest again: with a grace time to wait for in between, it never came to an
    end."""
    anew = []
    for card in these:
        if card.seen.data:
            anew.append(card)
            continue
        try:
            seen = untrusted.look(card.path, state.settings.max_card_bytes, ask_writers=True)
            state.settling.check(card.path, seen, whole=True)
        except NotYet as err:
            state.settling.note_due(err.seconds)
            return None
        except (Refusal, FileNotFoundError):
            seen = card.seen
        if untrusted.stamp(seen.stat) != untrusted.stamp(card.seen.stat) or zlib.crc32(seen.data) != card.crc:
            state.read_cards.pop(card.path, None)
            state.has_more = True
            return None
        anew.append(replace(card, seen=seen))
    return tuple(anew)


def _leftover(state: UserState, path: Path | str, seen: untrusted.Seen, receipt: Receipt) -> Odd | None:
    """A card of a candidate that has been decided; None while it may still be being written."""
    if receipt.is_erased:
        return Forgotten(os.fspath(path), seen, receipt)
    carried_out = (state.as_staged(receipt), state.as_approved(receipt))
    very_card = hashlib.sha256(seen.data).hexdigest() == receipt.sha256
    try:
        edited = not very_card and cards.read(seen.data, carried_out[0], state.settings).candidate not in carried_out
    except Refusal:
        edited = True
    try:
        state.settling.check(path, seen, whole=not edited)
    except NotYet as err:
        state.settling.note_due(err.seconds)
        return None
    since = not edited and _came_since(state, path, seen, receipt)
    return Leftover(os.fspath(path), seen, receipt, very_card, edited, since)


def _came_since(state: UserState, path: Path | str, seen: untrusted.Seen, receipt: Receipt) -> bool:
    """Whether a card came here after its entry was decided: a move sets the ctime, and nobody can set it otherwise. As
    the time of the decision stands that of the filed card; before it is filed, that of the receipts."""
    if os.path.basename(os.path.dirname(path)) not in (receipt.action, "pending"):
        return True
    if is_aside(os.path.basename(path)):  # by us, just before a stop, which has set its ctime
        return is_being_refused(state.place, path)
    there = filed(state.ledger, receipt)
    at = there.st_ctime_ns if there else os.stat(state.place.ledger).st_ctime_ns
    return seen.stat.st_ctime_ns > at


# -- cards in pending/ --------------------------------------------------------------------------------------------


def pending_strays(
    state: UserState, paths: Sequence[Path], held: set[str], until: float
) -> tuple[list[Odd], list[Path], Sequence[Path]]:
    """The files in pending/ that are no card of a waiting candidate, those of them that are to be staged from there, as
    any drop, and those that it has not come to. Adds to `held` whose card may be being saved just now."""
    odd: list[Odd] = []
    found: list[Path] = []
    torn = _TornCards(state)
    for number, path in enumerate(paths):
        if number and (number >= state.settings.max_per_turn or state.late(until)):
            state.has_more = True
            return odd, found, paths[number:]
        try:
            seen = untrusted.look(path, state.settings.max_card_bytes, ask_writers=True)
        except FileNotFoundError:
            continue
        except Refusal:
            found.append(path)  # refused there, like any other drop
            continue
        candidate_id = cards.id_of(seen.data)
        receipt = state.ledger.find(candidate_id) if candidate_id else None
        if receipt is not None:
            if (left := _leftover(state, path, seen, receipt)) is not None:
                odd.append(left)
        elif (candidate := torn.whose(path.name, seen.data, candidate_id)) is not None:
            try:
                state.settling.check(path, seen, whole=False, cut_short=True)
                odd.append(Torn(os.fspath(path), seen.mark))
            except NotYet as err:  # a person's editor may have emptied it to write it anew
                state.settling.note_due(err.seconds)
                held.add(candidate.id)
        elif candidate_id is not None and candidate_id in state.gate:
            state.cards.note(path.name, candidate_id)  # it is whole by now
        else:
            found.append(path)
    return odd, found, ()


class _TornCards:
    """Tells what a power cut has left of cards of ours: they are not synced, since they can be created again."""

    def __init__(self, state: UserState) -> None:
        self._state = state
        self._names: dict[str, Candidate] | None = None

    def whose(self, name: str, data: bytes, candidate_id: str | None) -> Candidate | None:
        """The candidate whose card this was, if it is torn."""
        candidate = self._state.gate.get(candidate_id) if candidate_id else self._by_name(name)
        return candidate if self._state.cards.is_torn(data, candidate) else None

    def _by_name(self, name: str) -> Candidate | None:
        own = _RESTORED.sub("", name)
        if own != name:  # its candidate has another card by now
            return next((c for c in self._state.gate if file_name(c) == own), None)
        if self._names is None:
            missing = self._state.cards.missing()
            self._names = {file_name(c): c for i in missing if (c := self._state.gate.get(i))}
        number = _NUMBER.search(name)
        if name in self._names or number is None:
            return self._names.get(name)
        taken = int(number[1]) - 1
        return next((c for c in self._names.values() if file_name(c, taken) == name), None)


def preview(state: UserState, candidate_id: str) -> Preview | None:
    """The card of a candidate in pending/; None where there is none that may be read, or somebody is writing it."""
    staged, path = state.gate.get(candidate_id), state.cards.of(candidate_id)
    if staged is None or path is None:
        return None
    try:
        seen = untrusted.look(path, state.settings.max_card_bytes, ask_writers=True)
        return None if seen.open_elsewhere else Preview(os.fspath(path), seen.data, staged)
    except (Refusal, FileNotFoundError):
        return None


def note_on(state: UserState, path: Path | str, staged: Candidate) -> str | None:
    """The note on a card that nobody has edited, "" where it has none; None where it was edited, or is gone."""
    try:
        data = _look_at_card(state, path).data
        return None if cards.read(data, staged, state.settings).edited else cards.note_in(data) or ""
    except (Refusal, FileNotFoundError):
        return None


def is_unchanged(state: UserState, path: Path | str, data: bytes) -> bool:
    """Whether a card has still these bytes."""
    try:
        return _look_at_card(state, path).data == data
    except (Refusal, FileNotFoundError):
        return False
