"""Read undo/: whose decisions a person wants to take back, and what to forget. Nothing is changed here."""

from __future__ import annotations

import os
from contextlib import suppress

from ..core.errors import NotYet, Refusal
from ..core.paths import is_aside, is_ignored
from ..disk import untrusted
from ..formats import cards, frontmatter, signature
from ..permissions import ownership
from .observations import Odd, Request, Strange
from .refuse import may_not_be_moved
from .user_state import UserState

__all__ = ["requests"]


def requests(state: UserState) -> tuple[list[Odd], list[Request]]:
    """The files there that have rested: those that somebody may have written who may not decide, and the others, of the
    newest decision first, so that of two that rest on each other both are taken back. Raises OSError, Parked."""
    folder = os.fspath(state.place.undo)
    with os.scandir(folder) as there:
        names = sorted(e.name for e in there if not is_ignored(e.name) or is_aside(e.name))
    odd: list[Odd] = []
    found: list[Request] = []
    people = ownership.lane_of(folder) if names else None
    for name in names[: state.settings.max_per_turn]:
        path = f"{folder}/{name}"
        try:
            seen = untrusted.look(path, state.settings.max_card_bytes, ask_writers=True)
        except FileNotFoundError:
            continue
        except Refusal as err:
            st = err.stat or os.lstat(path)
            if not may_not_be_moved(state, path, st):
                found.append(Request(path, untrusted.Seen(b"", st, False), None))
            continue
        stranger = ownership.stranger(path, seen.stat, people)
        if stranger:
            odd.append(Strange(path, seen.mark, stranger))
            continue
        request = _request(path, seen, state.settings.page_account)
        try:
            state.settling.check(path, seen, whole=not request.rested)
        except NotYet as err:
            state.settling.note_due(err.seconds)
            continue
        found.append(request)
    return odd, sorted(found, key=lambda request: _newest_first(state, request))


def _request(path: str, seen: untrusted.Seen, door: str) -> Request:
    named, forget, via, signer = cards.id_of(seen.data), False, None, None
    with suppress(Refusal):
        fields, _ = frontmatter.split(frontmatter.unix(seen.data.decode("utf-8-sig", "replace")))
        if "forget" in fields:  # never taken for an undo, whatever else stands there
            named, forget = (fields["forget"] if isinstance(fields["forget"], str) else None) or None, True
        claimed = fields.get("via")
        action = "forgotten" if forget else "undone"
        claimed = claimed if isinstance(claimed, str) else None
        via, signer = signature.via_of(seen.data, claimed, action), signature.signer_of(claimed)
    if not ownership.is_unmoved(seen.stat):
        via = None
    by = ownership.decided_by(path, seen.stat, signer, door) if via else None
    rested = via is None and not cards.ends_whole(seen.data)
    return Request(path, seen, named, forget, via, by, rested)


def _newest_first(state: UserState, request: Request) -> int:
    last = state.last_receipt(request.named) if request.named else None
    return -last.seq if last else 0
