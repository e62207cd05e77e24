"""Perform actions, in the order that docs/reliability.md states: the way to the disk for all that a turn does.

Each kind of action has its function here (`merge`, `refuse` and `filing` hold the longer ones). So that a stop at any
instant loses and doubles nothing, each can be done again: what is not done, or done in part, is found by the next look.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import Refusal
from ..core.model import Candidate
from ..core.paths import is_aside, original_name
from ..disk import aside, atomic, untrusted
from ..formats.card_name import file_name
from .actions import (
    Action,
    Approve,
    CreateCard,
    Discard,
    FileCard,
    Forget,
    Refuse,
    Reject,
    RenewCard,
    RestoreName,
    ReturnWithNote,
    Stage,
    Undo,
    Wait,
)
from .filing import file_cards
from .forget import forget
from .merge import merge
from .observe_cards import is_unchanged, note_on
from .record_files import RecordFiles
from .refuse import discard, numbered, refuse, refuse_forgotten
from .undo import undo
from .user_state import UserState

__all__ = ["apply", "own_names", "remove_staged", "wait"]

#: So many drops are taken away in a turn, however long it takes.
_FEWEST = 50


def apply(
    state: UserState,
    actions: Sequence[Action],
    until: float = math.inf,
    *,
    fewest: int = 1,
    texts: RecordFiles | None = None,
) -> list[Action]:
    """Perform `actions`: those that share their writes (Stage; Approve and Reject) all at once; the others one after
    the other, some always, the rest as long as it is not later than `until` (monotonic). Gives those that are left.
    `texts`: the Record files that the decisions were based on. Raises BeingSaved, OSError, Parked."""
    if stages := [a for a in actions if isinstance(a, Stage)]:
        _stage(state, stages)
    left: list[Action] = []
    if new := [a for a in actions if isinstance(a, CreateCard)]:
        left += _create(state, new, until, fewest)
    others = [a for a in actions if type(a) in _ONE_BY_ONE]
    for number, action in enumerate(others):
        if number >= fewest and state.late(until):
            left += others[number:]
            break
        _ONE_BY_ONE[type(action)](state, action)
    for each in [a for a in actions if isinstance(a, Undo)]:
        undo(state, each)
    for each_forgotten in [a for a in actions if isinstance(a, Forget)]:
        forget(state, each_forgotten)
    if decided := [a for a in actions if isinstance(a, Approve | Reject)]:
        merge(state, decided, texts or RecordFiles(state))
    return left


# -- drops --------------------------------------------------------------------------------------------------------


def own_names(paths: Sequence[str]) -> list[str]:
    """The paths of drops; one that a stop has left taken aside gets its own name again, or is read where it is, if
    another file has its name by now."""
    return [aside.put_back(path) if is_aside(os.path.basename(path)) else path for path in paths]


def _stage(state: UserState, stages: Sequence[Stage]) -> None:
    """One gate write for all, on disk when this returns. A drop that brings nothing new has the gate synced, too: the
    daemon that put its candidates there may have been killed before it was."""
    new = [each for stage in stages for each in stage.candidates]
    for candidate, data in new:
        state.gate.add(candidate, data)
    if new:
        state.hooks.check()
        state.gate.save()
    atomic.sync_folder(state.place.home)
    state.events.say_all(("staged", candidate.id, {"source": candidate.source}) for candidate, _ in new)
    state.events.say_all(("known", i, {"decided": decided}) for stage in stages for i, decided in stage.known)
    state.staged += [(stage.path, stage.mark) for stage in stages if not stage.at_once]
    _remove(state, [(stage.path, stage.mark) for stage in stages if stage.at_once])


def remove_staged(state: UserState, until: float) -> None:
    """Take away drops that are on the gate: some always, the rest as long as it is not later than `until` (monotonic),
    since where many write into a folder at once each may take a while. Raises OSError."""
    state.staged = _remove(state, state.staged, until)


def _remove(
    state: UserState, done: list[tuple[str, untrusted.Mark]], until: float = math.inf
) -> list[tuple[str, untrusted.Mark]]:
    folders = set()
    left: list[tuple[str, untrusted.Mark]] = []
    for number, (path, mark) in enumerate(done, 1):
        # What was rewritten since it was read is another drop, and stays for the next look.
        discard(state, path, mark, "it is staged")
        folders.add(os.path.dirname(path))
        if number >= _FEWEST and state.late(until):
            left = done[number:]
            break
    for folder in folders:
        atomic.sync_folder(folder)
    return left


# -- cards --------------------------------------------------------------------------------------------------------


def _create(state: UserState, actions: Sequence[CreateCard], until: float, fewest: int) -> Sequence[CreateCard]:
    """The cards need not be synced, since they can be created again."""
    inside = os.stat(state.cards.folder)
    note = state.cards.before_creating(inside.st_mtime_ns)
    for number, action in enumerate(actions):
        if number >= fewest and state.late(until):
            actions, left = actions[:number], actions[number:]
            break
        candidate = state.gate.get(action.candidate_id)
        if candidate is not None:
            _put_card(state, candidate, state.cards.clean(candidate), inside)
    else:
        left = ()
    if actions:
        note()
    return left


def _put_card(
    state: UserState, candidate: Candidate, data: bytes, inside: os.stat_result, *, sync: bool = False
) -> None:
    """Make one card in pending/, which was seen as `inside`."""
    for taken in range(1000):
        name = file_name(candidate, taken)
        if atomic.create(f"{state.cards.folder}/{name}", data, sync=sync, inside=inside):
            state.cards.created(name, candidate.id)
            return
    raise OSError(f"no free name for the card of {candidate.id}")


def _return(state: UserState, action: ReturnWithNote) -> None:
    """The card in pending/ comes first, on disk, so that a stop in between leads to the same (see `decide`); what a
    person wrote into one of the cards is kept in problems/."""
    staged, note = action.staged, action.note
    there = state.cards.of(staged.id)
    known = note_on(state, there, staged) if there is not None else None
    if there is None or known is None:
        _put_card(state, staged, state.cards.clean(staged, note), os.stat(state.cards.folder), sync=True)
    elif known != note:
        data = state.cards.clean(staged, note)
        atomic.replace(there, data, still=lambda path: note_on(state, path, staged) is not None)
    atomic.sync_folder(state.place.pending)
    for card in action.cards:
        if card.verdict.edited or card.verdict.below:
            refusal = Refusal(note, "Decide on the card in pending/; what was typed is kept in this file.")
            refuse(state, card.path, card.seen.mark, refusal, "was not carried out")
        else:
            discard(state, card.path, card.seen.mark, "its entry is back in pending/")
    state.events.say("returned", staged.id, why=note)


def _renew(state: UserState, action: RenewCard) -> None:
    atomic.replace(action.path, action.now, still=lambda there: is_unchanged(state, there, action.was))
    state.cards.renewed(os.path.basename(action.path))
    if not action.only_hints:
        state.events.say("renewed", action.candidate_id)


def _restore(state: UserState, action: RestoreName) -> None:
    """Or a name with a number, since another card may have its own by now."""
    folder, name = os.path.split(action.path)
    back = os.path.basename(aside.put_back(action.path))
    if back == name:
        atomic.move(action.path, f"{folder}/{numbered(original_name(name), f'-{time.time_ns()}')}")


def _file(state: UserState, action: FileCard) -> None:
    file_cards(state.ledger, [(action.receipt, action.seen.data)])
    discard(state, action.path, action.seen.mark, f"it is {action.receipt.action}")


def _refuse(state: UserState, action: Refuse) -> None:
    if action.forgotten:
        refuse_forgotten(state, action)
    else:
        refuse(state, action.path, action.mark, action.refusal, action.what, record_too=action.record_too)


def _discard(state: UserState, action: Discard) -> None:
    discard(state, action.path, action.mark, action.why)


def wait(state: UserState, waits: Sequence[Wait], *, others_too: bool) -> None:
    """Note which decisions wait, and why; with `others_too` those that waited before still do."""
    before = state.waiting
    state.waiting = (before if others_too else {}) | {each.candidate_id: each.why for each in waits}
    state.events.say_few("waits", [(i, why) for i, why in state.waiting.items() if before.get(i) != why])


_ONE_BY_ONE: dict[type[Any], Callable[[UserState, Any], None]] = {
    Refuse: _refuse,
    Discard: _discard,
    RestoreName: _restore,
    FileCard: _file,
    ReturnWithNote: _return,
    RenewCard: _renew,
}
