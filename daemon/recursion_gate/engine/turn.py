"""One turn of work on one user: observe, decide, apply; each part within its time.

What a turn does not come to is left for the next one: the folders say it again, or `UserState` remembers it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.clock import now
from ..core.entry import Entry
from ..core.errors import NotYet
from ..core.model import instant
from ..formats.card_name import file_name
from ..formats.record_change import old_lines
from ..formats.record_edit import OldLines
from . import decide, links, observe_cards, observe_drops, observe_undo
from .actions import Action, Approve, CreateCard, Decision, Discard, Refuse, Reject, RestoreName, ReturnWithNote, Wait
from .apply import apply, own_names, remove_staged, wait
from .merge import Moved
from .observations import DecidedCards
from .record_files import BeingSaved, RecordFiles
from .user_state import UserState

__all__ = ["Outcome", "turn"]

#: How long, in seconds, one user's turn may take before it is the next user's, and each part of it; and the fewest
#: cards created in it. Each part does something in every turn, so that none waits for ever behind another.
_TURN_SECONDS, _PART_SECONDS, _FEWEST = 0.2, 0.1, 20

#: At most so many bytes of candidates and cards are decided in a turn.
_BYTES_LIMIT = 8_000_000

#: For how long, in seconds, a card in undo/ is left there before it is refused.
_COMING_SECONDS = 0.5

_NOT_AS_SHOWN = (
    "the entry it links to, supersedes or retracts was decided, was edited in the Record, or came after this card was "
    "made, and what it does is now as shown below"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one turn."""

    #: In how many seconds to look again, if something waits for time; else None.
    due: float | None = None
    #: Whether more is ready to be done at once.
    more: bool = False
    #: Whether the disk or the system failed: no work until `due`.
    failed: bool = False


def turn(state: UserState) -> Outcome:
    """Raises Parked, OSError, and whatever `Hooks.check` raises."""
    state.begin_turn()
    limit = max(1, state.settings.max_per_turn)
    began = time.monotonic()
    more = True
    # In a flood, one turn stages and the next creates the cards: then the gate, which is written whole, is written less
    # often. And drops that are still to be taken away would be listed again.
    if not state.without_card and (state.backlog or not state.staged):
        paths, more = observe_drops.drop_paths(state, limit, began + _TURN_SECONDS)
        state.hooks.found(sum(not state.settling.is_left(path) for path in paths))
        _stage(state, own_names(paths), began + _TURN_SECONDS)
    # The cards in pending/ are looked at before those in approved/: one that is being moved is then seen twice, at
    # worst, and not created anew.
    strays = _look_at_pending(state)
    look = observe_cards.decided(state, _PART_SECONDS) if strays is not None else None
    if look is not None:
        _apply_in_time(state, list(decide.odd(look.odd)))
    if strays is None or look is None or not look.is_whole:  # nothing is decided, or created anew, on half a look
        state.hooks.found(limit)  # so many that one part of a turn does not do to look: the rest will be as many
        return Outcome(state.settling.due, True)
    more |= _take_back(state, time.monotonic() + _PART_SECONDS)
    decisions = _decisions(state, look)
    until = time.monotonic() + _PART_SECONDS
    _stage(state, look.strays[:limit], until, at_once=True)
    odd, found, unread = observe_cards.pending_strays(state, strays, look.held, until)
    torn = [a.path for a in _apply_in_time(state, list(decide.odd(odd))) if isinstance(a, Discard)]
    _stage(state, found, until, at_once=True)
    state.cards.forget_gone(strays)
    state.hooks.found(sum(d.staged.id not in state.waiting for d in decisions))
    # Where so many cards lie there that to look takes the turn's time, fewer are carried out in it.
    seconds = _PART_SECONDS if time.monotonic() < began + _TURN_SECONDS else _PART_SECONDS / 3
    left = _carry_out(state, decisions, seconds)
    missing = _without_a_card(state, look.held, {os.path.basename(path) for path in [*map(str, unread), *torn]})
    until = max(began + _TURN_SECONDS, time.monotonic() + _PART_SECONDS / 2)
    batch = [CreateCard(candidate_id) for candidate_id in missing[: 2 * limit]]
    state.without_card = len(missing) - len(batch) + len(apply(state, batch, until, fewest=_FEWEST))
    more |= _renew_linked(state, time.monotonic() + _PART_SECONDS)
    # The drops go last, and those of a flood when all of it has its cards: beside many files that were removed in
    # the last minutes ext4 is slow in making new ones, since it does not give out their places again at once.
    if not state.backlog and not state.without_card:
        remove_staged(state, began + _TURN_SECONDS)
    more |= bool(state.backlog or state.staged or state.without_card) or state.has_more
    more |= left > 0 or state.cards.has_leftovers(strays) or max(len(look.strays), len(strays)) > limit
    state.left = len(state.backlog) + left
    return Outcome(state.settling.due, more)


def _apply_in_time(state: UserState, actions: Sequence[Action]) -> list[Action]:
    """Apply them, in the time of one part; the rest, which this gives, is found again by the next turn."""
    left = apply(state, actions, time.monotonic() + _PART_SECONDS)
    state.has_more |= bool(left)
    return left


# -- drops --------------------------------------------------------------------------------------------------------


def _stage(state: UserState, paths: Sequence[str | Path], until: float, *, at_once: bool = False) -> None:
    """Stage the files at `paths`, wherever they lie."""
    actions = decide.drops(
        observe_drops.read_drops(state, paths, until),
        state,
        state.settings,
        waiting=len(state.gate),
        size=state.gate.size,
        receipts=state.place.display_path(state.place.receipts),
        at_once=at_once,
    )
    left = apply(state, actions, until)  # refusing costs more than staging
    if left:
        state.put_off([action.path for action in left if isinstance(action, Refuse)])


# -- cards --------------------------------------------------------------------------------------------------------


def _without_a_card(state: UserState, held: set[str], names: set[str]) -> list[str]:
    """The candidates for which a card is to be created. Not yet those whose card may be among the files in pending/
    with these `names`, which this turn has not come to: a torn one would be taken for a drop once its candidate had
    another."""
    missing = state.cards.missing(held)
    if not names:
        return missing
    return [i for i in missing if (c := state.gate.get(i)) is not None and file_name(c) not in names]


def _look_at_pending(state: UserState) -> list[Path] | None:
    """The files in pending/ that are no cards of a candidate at the gate; None where the look goes on in the next
    turn."""
    until = time.monotonic() + _PART_SECONDS
    strays = state.cards.look(lambda: state.late(until))
    apply(state, [RestoreName(f"{state.cards.folder}/{name}") for name in state.cards.asides])
    return strays


def _decisions(state: UserState, look: DecidedCards) -> list[Decision]:
    """People's decisions that are older than the grace time. Cards that contradict each other go back."""
    found: list[Decision] = []
    others: list[Action] = []
    for entry in observe_cards.entries(state, look):
        look.held.add(entry.staged.id)
        outcome = decide.entry(entry)
        if isinstance(outcome, ReturnWithNote):
            others.append(outcome)
        elif isinstance(outcome, Decision):
            grace = state.settings.grace_seconds
            if not grace or state.settling.has_waited(outcome.cards, grace):
                found.append(outcome)
        else:
            others += outcome
            state.has_more = True
    _apply_in_time(state, others)
    return found


def _take_back(state: UserState, until: float) -> bool:
    """Carry out what stands in undo/, one after the other, since each changes what can be taken back. Gives whether
    some are left for the next turn. Raises OSError, Parked."""
    odd, requests = observe_undo.requests(state)
    _apply_in_time(state, list(decide.odd(odd)))
    waits: float | None = None
    for number, request in enumerate(requests):
        if number and state.late(until):
            return True
        action = decide.undo(request, state)
        try:
            if isinstance(action, Refuse) and waits is not None:
                raise NotYet(waits)  # it may rest on one that waits until nobody writes the Record
            if isinstance(action, Refuse) and not request.rested:
                # The other one of two that rest on each other may just be coming: a file manager copies one by one.
                state.settling.rest(request.path, request.seen, min(_COMING_SECONDS, state.settings.settle_seconds))
            apply(state, [action])
        except NotYet as err:
            state.settling.note_due(err.seconds)
            if not isinstance(action, Refuse):
                waits = err.seconds
    return False


def _carry_out(state: UserState, decisions: Sequence[Decision], seconds: float) -> int:
    """Carry out what was decided, in order; linked entries after what they link to. Gives how many had to be left for
    the next turn, which goes on where this one ends. Raises OSError, Parked."""
    until = time.monotonic() + seconds
    texts = RecordFiles(state)
    today = instant(now())[:10]
    order = links.Order(decisions, state, lambda link: links.names(texts.text("self-evidence.md"), link), today)
    plan = _Plan(state, order, texts, seconds)
    left = 0
    try:
        try:
            plan.fill()
        finally:
            state.has_more |= bool(apply(state, plan.returns, until))
        apply(state, plan.taken, texts=texts)
        left = order.left
    except BeingSaved as err:
        state.settling.note_due(err.seconds)
        why = f"waits until nobody writes {err.display_path}"
        plan.waits += [Wait(d.staged.id, why) for d in [a.decision for a in plan.taken] or decisions]
    except Moved:
        state.has_more = True
    finally:
        wait(state, plan.waits, others_too=order.left > 0)
    return left


class _Plan:
    """The next decisions in order: as many as a turn may carry out, by their number, their bytes and the time, of which
    the rest is for carrying them out."""

    def __init__(self, state: UserState, order: links.Order, texts: RecordFiles, seconds: float) -> None:
        self._state, self._order, self._texts, self._seconds = state, order, texts, seconds
        self.taken: list[Approve | Reject] = []
        self.returns: list[ReturnWithNote] = []
        self.waits: list[Wait] = []

    def fill(self) -> None:
        """Raises BeingSaved, Parked, OSError."""
        state, size, until = self._state, 0, math.inf
        for action in self._order:
            if isinstance(action, Wait):
                self.waits.append(action)
            elif isinstance(action, ReturnWithNote):
                self.returns.append(action)
            elif self._is_as_seen(action):
                self._order.place(action)
                if not self.taken:
                    until = time.monotonic() + self._seconds / 2
                self.taken.append(action)
                decision = action.decision
                size += state.gate.bytes_of(decision.staged.id) + len(decision.cards[0].seen.data)
                full = len(self.taken) >= max(1, state.settings.max_per_turn) or size > _BYTES_LIMIT
                if full or state.late(until):
                    return

    def _is_as_seen(self, action: Approve | Reject) -> bool:
        """Whether its cards are still as they were read, and show what would be merged."""
        decision = action.decision
        these = observe_cards.read_anew(self._state, decision.cards)
        if these is None:
            return False
        decision.cards = these
        if links.shows_what_it_adds(action, self._state.cards.effect, self._old_lines):
            return True
        self.returns.append(ReturnWithNote(decision.staged, these, _NOT_AS_SHOWN))
        return False

    def _old_lines(self, entry: Entry) -> OldLines:
        """Raises BeingSaved, Parked, OSError."""
        return old_lines(entry.receipt, lambda: self._state.ledger.linked(entry.receipt), self._texts.text)


def _renew_linked(state: UserState, until: float) -> bool:
    """Make anew, in pending/, the previews of those that link to what has come to the gate or left it since, and of
    corrections and retractions, also where the Record was edited; what a person has written above the marker stays.
    Gives whether some are left for the next turn. Raises OSError."""
    before = state.linked_at
    now = (state.gate.mark, state.ledger.size)
    if before is None or before[1:] != now:
        there = set(state.gate.ids)
        linked = {c.id: c.link_to_evidence_id for c in state.gate if c.link_to_evidence_id}
        changed = linked.values() if before is None else before[0] ^ there
        state.stale |= links.linked_to_any(changed, linked, state.cards.links)
        state.corrections = {c.id for c in state.gate if c.supersedes or c.retracts}
        state.stale |= state.corrections
        state.linked_at = (there, *now)
    state.stale |= state.cards.take_linked()
    about_entries = state.corrections | state.cards.targets
    if about_entries and state.cards.entries.has_record_changed():
        state.stale |= about_entries
    while state.stale and time.monotonic() <= until:
        card = observe_cards.preview(state, state.stale.pop())
        action = decide.renew(card, state.cards.previews, state.settings) if card else None
        if action is not None:
            apply(state, [action])
    state.cards.entries.release()
    return bool(state.stale)
