"""Put hints on the cards in pending/. `service.hints` makes them, while there is nothing else to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from . import decide, observe_cards
from .apply import apply
from .user_state import UserState

__all__ = ["put_hints"]

#: How the editors that people use name the file beside one that is open in them: vim, emacs, LibreOffice. What they
#: hold in memory would be written over the hints, and they ask their user what to do about it.
_OPEN_IN_AN_EDITOR = (".{}.swp", ".#{}", ".~lock.{}#")


def put_hints(state: UserState, wanted: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Renew, one at a time, the cards in pending/ whose hints are not those `wanted`; a candidate that is not named
    has none. Work may be done for the user between two of them. Raises AlreadyRunning, OSError, Parked."""
    there = state.cards.hints
    for candidate_id in [i for i in state.gate.ids if there.get(i, ()) not in (None, tuple(wanted.get(i, ())))]:
        yield
        path = state.cards.of(candidate_id)
        if path is None or _is_open(path.parent, path.name):
            continue
        card = observe_cards.preview(state, candidate_id)
        action = decide.hint(card, wanted.get(candidate_id, ())) if card is not None else None
        if action is not None:
            state.hooks.check()
            apply(state, [action])


def _is_open(folder: os.PathLike[str], name: str) -> bool:
    return any(os.path.lexists(os.path.join(folder, beside.format(name))) for beside in _OPEN_IN_AN_EDITOR)
