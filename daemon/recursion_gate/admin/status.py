"""The overview that `status` shows: whether the daemon is alive, what waits where, its last work. Reads only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import GateError, Parked
from ..core.paths import STATES, Place, Root, is_ignored
from ..core.settings import Settings, load_settings
from ..disk import untrusted
from ..disk.lock import holder, is_held, lock_holder
from ..store.filed import id_in

__all__ = ["decided_last", "overview"]

#: With fewer free bytes than this a disk counts as full: there is no room for a gate and a card.
_FULL = 16_384

#: A turn may take so long, in seconds, before a daemon that says nothing counts as one that does no work.
_LONG_TURN = 60


def overview(root: Root) -> dict[str, Any]:
    """The state of `root`:

    * ``alive`` (None where this cannot be determined), ``stuck`` (why the lock's holder does no work, or ""),
      ``pid`` of the daemon, ``daemon`` (its last report on itself), ``disk`` (its fault, or "");
    * by user ``waiting`` (what there is in which state), ``unseen`` (of which of these this account cannot tell, so
      that they are 0), ``parked`` (why) and ``resting`` (for how many seconds yet a decision can be taken back);
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
    pid = (said.get("pid") or wrote or lock_holder(root)) if alive else None
    stuck = _stuck(root, pid, said) if alive else ""
    try:
        unknown = [name for name in root.inboxes() if name not in set(users)]
    except OSError:
        unknown = []
    grace = _settings(root).grace_seconds
    looks = {user: _overview_of(root.place(user), grace) for user in users}
    parked = {user: why for user, why in (said.get("parked") or {}).items() if user in looks}
    if not alive:  # then it may be long ago
        parked = {user: f"{why} (as of {said.get('seen', 'its end')})" for user, why in parked.items()}
    parked |= {user: look.parked for user, look in looks.items() if look.parked and not (alive and user in parked)}
    return {
        "root": str(root.path),
        "alive": alive and not stuck,
        "stuck": stuck,
        "pid": pid,
        "daemon": said,
        "disk": _disk(root),
        "waiting": {user: look.counts for user, look in looks.items()},
        "unseen": {user: look.unseen for user, look in looks.items() if look.unseen},
        "parked": parked,
        "resting": {user: look.resting for user, look in looks.items() if look.resting},
        "unknown": unknown,
    }


def _settings(root: Root) -> Settings:
    try:
        return load_settings(root)
    except (GateError, OSError):
        return Settings()


def _stuck(root: Root, pid: int | None, said: dict[str, Any]) -> str:
    """Why the daemon that holds the lock does no work here; "" where it seems to work."""
    if pid is not None and pid == lock_holder(root):  # else it may be seen from here under another number, or not
        if _state_of(pid) in ("T", "t"):
            return f"it was paused (SIGSTOP): 'kill -CONT {pid}' resumes it"
        at = said.get("root")
        if isinstance(at, str) and not _is_same_folder(at, root.path):
            return f"it works on {at}, and this folder was moved here since: end it, and start it here"
    with contextlib.suppress(OSError):
        quiet = time.time() - os.stat(root.status).st_mtime
        if said and quiet > 2 * _settings(root).look_seconds + _LONG_TURN:
            return f"it has done nothing for {quiet:,.0f} s: end it (kill {pid or 'PID'}), and start it again"
    return ""


def _state_of(pid: int) -> str:
    """The state of a process as the kernel names it (proc(5)); "" where it does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def _is_same_folder(one: str, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _said(root: Root) -> dict[str, Any]:
    try:
        said = json.loads(root.status.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _disk(root: Root) -> str:
    """The disk's fault, if any; a daemon that cannot write cannot report it either."""
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
class _UserOverview:
    """The findings about one user."""

    counts: dict[str, int]
    unseen: list[str] = field(default_factory=list)
    parked: str = ""
    resting: dict[str, float] = field(default_factory=dict)

    def see(self, what: str, count: Callable[[], int]) -> None:
        """Put `count` down, or that it could not be seen."""
        try:
            self.counts[what] = count()
        except OSError:
            self.counts[what] = 0
            self.unseen.append(what)


def _overview_of(place: Place, grace: float) -> _UserOverview:
    look = _UserOverview({"pending": 0})
    decided: set[str] = set()
    by_state: dict[str, set[str]] = {}

    def decisions(state: str) -> int:
        found = by_state[state] = _ids(place.state(state))
        decided.update(found)
        look.resting.update(_resting(place.state(state), grace) if grace else {})
        return len(found)

    look.see("dropped", lambda: sum(name not in STATES for name in _names(place.inbox)))
    for state in ("approved", "rejected"):
        look.see(f"{state}_not_carried_out", lambda state=state: decisions(state))  # type: ignore[misc]
    look.see("undo_not_carried_out", lambda: len(_names(place.undo)))
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


def _at_gate(place: Place, look: _UserOverview) -> set[str] | None:
    """The ids at the gate; None where it cannot be read, or does not parse."""
    from ..store.gate import Gate

    try:
        return set(Gate.load(place).ids)
    except Parked as err:
        look.parked = str(err)
    except OSError as err:
        if err.errno not in (errno.EACCES, errno.EPERM):
            look.parked = f"{place.display_path(place.gate)}: {(err.strerror or str(err)).lower()}"
    return None


def _with_receipt(place: Place, ids: set[str]) -> set[str]:
    """Those of `ids` that have a receipt: a card that the daemon may not remove (an immutable file, for example) lies
    there though it is carried out. Raises OSError."""
    if not ids:
        return set()
    found: set[str] = set()
    with untrusted.open_plain(place.ledger) as ledger:
        for line in ledger:
            found.update(i for i in ids if f'"candidate_id":{json.dumps(i)},'.encode() in line[:400])
    return found


def _names(folder: Path) -> list[str]:
    """The entries of a folder; none where it is missing. Raises OSError."""
    try:
        return [name for name in os.listdir(folder) if not is_ignored(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _ids(folder: Path) -> set[str]:
    """The candidates of the cards in a folder: copies of a card count once. Raises OSError."""
    return {id_in(folder / name, Settings().max_card_bytes) or name for name in _names(folder)}


def _resting(folder: Path, grace: float) -> dict[str, float]:
    """For how many seconds yet the decisions in a folder can be taken back. Raises OSError."""
    left = {}
    for name in _names(folder):
        with contextlib.suppress(FileNotFoundError):
            rests = grace - (time.time() - os.lstat(folder / name).st_ctime)
            if 0 < rests <= grace:
                left[id_in(folder / name, Settings().max_card_bytes) or name] = round(rests, 1)
    return left


# -- what was done last -----------------------------------------------------------------------------------------------


def decided_last(root: Root, users: list[str], limit: int) -> list[dict[str, str]]:
    """The last `limit` decisions of `users`, oldest first, as the receipts tell them, in the form in which the daemon
    says what it did. Users whose receipts cannot be read are left out."""
    from ..store import history

    found = history.decisions(root, users, last=limit, left_out=lambda user, err: None)
    return [{"at": r.at, "what": r.action, "user": user, "id": r.candidate_id} for user, r in found]
