"""What `status` shows: whether the daemon is alive, what waits where, what it did last. Reads only."""

from __future__ import annotations

import contextlib
import errno
import heapq
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import cards, files
from .errors import Parked, Refusal
from .layout import STATES, Place, Root, is_ignored
from .lock import holder, is_held, lock_holder
from .settings import Settings

__all__ = ["decided_last", "overview"]

#: With fewer free bytes than this a disk counts as full: there is no room for a gate and a card.
_FULL = 16_384


def overview(root: Root) -> dict[str, Any]:
    """The state of `root`:

    * ``alive`` (None where it cannot be told), ``pid`` of the daemon, ``daemon`` (what it said of itself last),
      ``disk`` (what is wrong with it, or "");
    * by user ``waiting`` (what there is in which state), ``unseen`` (of which of these this account cannot tell, so
      that they are 0) and ``parked`` (why);
    * ``unknown``: inbox folders of no user.

    Raises OSError when the root cannot be listed.
    """
    try:
        users = root.users()
    except PermissionError:  # who may only decide cannot list users/
        users = root.inboxes()
    alive, said = is_held(root), _said(root)
    wrote = holder(root)
    if alive and wrote is not None and said.get("pid") != wrote:
        said = {}  # that was an earlier one
    try:
        unknown = [name for name in root.inboxes() if name not in set(users)]
    except OSError:
        unknown = []
    looks = {user: _look(root.place(user)) for user in users}
    parked = {user: why for user, why in (said.get("parked") or {}).items() if user in looks}
    if not alive:  # then it may be long ago
        parked = {user: f"{why} (as of {said.get('seen', 'its end')})" for user, why in parked.items()}
    parked |= {user: look.parked for user, look in looks.items() if look.parked and not (alive and user in parked)}
    return {
        "root": str(root.path),
        "alive": alive,
        "pid": (said.get("pid") or wrote or lock_holder(root)) if alive else None,
        "daemon": said,
        "disk": _disk(root),
        "waiting": {user: look.counts for user, look in looks.items()},
        "unseen": {user: look.unseen for user, look in looks.items() if look.unseen},
        "parked": parked,
        "unknown": unknown,
    }


def _said(root: Root) -> dict[str, Any]:
    try:
        said = json.loads(root.status.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _disk(root: Root) -> str:
    """What is wrong with the disk; a daemon that cannot write cannot say it either."""
    try:
        st = os.statvfs(root.path)
    except (OSError, AttributeError):
        return ""
    free = st.f_bavail * st.f_frsize
    if st.f_blocks and free < _FULL:
        return f"the disk is full: {free:,} bytes are free"
    if st.f_files and not st.f_favail:
        return "the disk is full: it has no room for another file"
    return ""


# -- what waits -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Look:
    """What was seen of one user."""

    counts: dict[str, int]
    unseen: list[str] = field(default_factory=list)
    parked: str = ""

    def see(self, what: str, count: Callable[[], int]) -> None:
        """Put `count` down, or that it could not be seen."""
        try:
            self.counts[what] = count()
        except OSError:
            self.counts[what] = 0
            self.unseen.append(what)


def _look(place: Place) -> _Look:
    look = _Look({"pending": 0})
    decided: set[str] = set()
    by_state: dict[str, set[str]] = {}

    def decisions(state: str) -> int:
        found = by_state[state] = _ids(place.state(state))
        decided.update(found)
        return len(found)

    look.see("dropped", lambda: sum(name not in STATES for name in _names(place.inbox)))
    for state in ("approved", "rejected"):
        look.see(f"{state}_not_carried_out", lambda state=state: decisions(state))  # type: ignore[misc]
    look.see("problems", lambda: sum(not name.endswith(".why.txt") for name in _names(place.problems)))
    at_gate = _at_gate(place, look)
    if at_gate is None:  # the cards tell, as far as they can be seen
        look.see("pending", lambda: len(_ids(place.pending) - decided))
        return look
    look.counts["pending"] = len(at_gate - decided)
    with contextlib.suppress(OSError):
        done = _with_receipt(place, decided - at_gate)
        for state, found in by_state.items():
            look.counts[f"{state}_not_carried_out"] -= len(found & done)
        if done:
            look.counts["carried_out_but_cannot_be_removed"] = len(done)
    with contextlib.suppress(OSError):
        look.counts["without_card"] = max(0, look.counts["pending"] - len(_names(place.pending)))
    return look


def _at_gate(place: Place, look: _Look) -> set[str] | None:
    """The ids at the gate; None where it cannot be read, or does not parse."""
    from .gate import Gate

    try:
        return set(Gate.load(place).ids)
    except Parked as err:
        look.parked = str(err)
    except OSError as err:
        if err.errno not in (errno.EACCES, errno.EPERM):
            look.parked = f"{place.shown(place.gate)}: {(err.strerror or str(err)).lower()}"
    return None


def _with_receipt(place: Place, ids: set[str]) -> set[str]:
    """Those of `ids` that have a receipt: a card that the daemon may not remove (an immutable file, for example) lies
    there though it is carried out. Raises OSError."""
    if not ids:
        return set()
    found: set[str] = set()
    with files.open_plain(place.ledger) as ledger:
        for line in ledger:
            found.update(i for i in ids if f'"candidate_id":{json.dumps(i)},'.encode() in line[:400])
    return found


def _names(folder: Path) -> list[str]:
    """What is in a folder; nothing where there is none. Raises OSError."""
    try:
        return [name for name in os.listdir(folder) if not is_ignored(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _ids(folder: Path) -> set[str]:
    """What the cards in a folder stand for: a copy of a card is no other one. Raises OSError."""
    return {_id_in(folder / name) or name for name in _names(folder)}


def _id_in(path: Path) -> str | None:
    try:
        return cards.id_of(files.look(path, Settings().max_card_bytes).data)
    except (Refusal, OSError):
        return None


# -- what was done last -----------------------------------------------------------------------------------------------


def decided_last(root: Root, users: list[str], most: int) -> list[dict[str, str]]:
    """The last `most` decisions of `users`, oldest first, as the receipts tell them, in the form in which the daemon
    says what it did. Users whose receipts cannot be read are left out."""
    from . import history

    def of(user: str) -> Iterator[dict[str, str]]:
        with contextlib.suppress(Parked, OSError):
            for _, receipt in history.decisions(root, [user], last=most):
                yield {"at": receipt.at, "what": receipt.action, "user": user, "id": receipt.candidate_id}

    return list(heapq.merge(*map(of, users), key=lambda event: event["at"]))[-most:]
