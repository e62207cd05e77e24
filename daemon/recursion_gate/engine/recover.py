"""Read a user's state, and finish what a stop cut short: the receipt is there, but the candidate still stands at the
gate."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..core.errors import Parked, Refusal
from ..core.paths import STATES, TEMP_NAME, Place
from ..core.receipt import Receipt, line_digest
from ..core.settings import Settings
from ..disk import atomic, untrusted
from ..formats import record_edit
from ..store import read_me, recovery
from ..store.index import Decided
from ..store.standing import Standing
from .forget import finish_forgetting
from .merge import change_gate
from .record_files import BeingSaved, RecordFiles
from .settle import Looks
from .user_state import Hooks, UserState

__all__ = ["not_in_the_record", "open_state"]

#: So many of the last receipts are looked for in the Record when a user's work begins: an older Record lacks those.
_LATEST = 20


def open_state(
    place: Place, settings: Settings, decided: Decided, looks: Looks | None = None, hooks: Hooks | None = None
) -> UserState:
    """The state of a user, with nothing left half done. Raises Parked, OSError."""
    _prepare(place)
    state = UserState(place, settings, decided, looks, hooks)
    _finish(state)
    return state


def _prepare(place: Place) -> None:
    """Make the user's folders, and remove what a stop left half written."""
    for folder in (place.pending, place.approved, place.rejected, place.undo, place.problems, place.receipts):
        atomic.make_folder(folder)
    _not_from_strangers(place)
    read_me.put(place)
    for folder in (place.home, place.receipts, place.pending, place.problems):
        if os.path.lexists(folder / TEMP_NAME):
            atomic.remove(folder / TEMP_NAME)
            atomic.sync_folder(folder)  # it may have what was forgotten


def _not_from_strangers(place: Place) -> None:
    """An agent that found an inbox without its folders could make one of that name, and decide in it."""
    ours = {0, os.geteuid(), os.lstat(place.inbox).st_uid} if hasattr(os, "geteuid") else set()
    for name in STATES:
        if ours and (uid := os.lstat(place.state(name)).st_uid) not in ours:
            raise Parked(
                place.display_path(place.state(name)),
                f"this folder belongs to another account ({uid}) than the inbox",
                "Look into it, then remove it; the daemon makes it anew",
            )


def _finish(state: UserState) -> None:
    receipts = state.ledger.unfinished(lambda candidate_id: candidate_id in state.gate)
    if receipts:
        atomic.append(state.place.ledger, b"")  # synced, should this folder be a disk of its own (see `reconcile`)
        texts = RecordFiles(state)
        try:
            for receipt, step in recovery.missing(receipts, texts.text, state.place.ledger):
                texts.add(step, line_digest(receipt.old_salt))
            texts.plan()
        except BeingSaved as err:
            raise err.in_the_midst() from None
        texts.write()
        atomic.sync_folder(state.place.home)
        change_gate(state, receipts)
        for receipt in receipts:
            state.events.say("finished", receipt.candidate_id, seq=receipt.seq)
    finish_forgetting(state)
    decided = [r for c in state.gate if (r := state.ledger.find(c.id)) is not None]
    due = [*_latest_that_stand(state), *(r for r in decided if (e := state.entry(r.candidate_id)) and e.gone is None)]
    state.lacks = not_in_the_record(state, {r.seq: r for r in due}.values())
    for receipt in state.lacks:
        state.events.say("record-behind", receipt.candidate_id, seq=receipt.seq, fix="recursion-gate doctor --fix")
    if decided:  # an older gate was put back: what was decided stays decided
        change_gate(state, decided)
    state.ledger.put_into_index()  # which tells from now on that nothing is left half done


def _latest_that_stand(state: UserState) -> list[Receipt]:
    """Of the last receipts those whose lines must be in the Record: not of what was taken back, superseded or retracted
    since. Raises OSError."""
    known = Standing()
    latest = state.ledger.latest(_LATEST)
    return [r for r in latest if known.of(r.candidate_id, r.action, r.supersedes, r.retracts) == "stands"]


def not_in_the_record(state: UserState, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Those `receipts` whose ACT id a Record file does not name though it should: an older copy was put back. They are
    reported, and not merged again, since a person may have taken the lines out: `verify` tells, and `doctor --fix` puts
    them back."""
    texts: dict[str, bytes] = {}

    def lacks(file: str, evidence: str) -> bool:
        if file not in record_edit.HEADINGS:
            return False
        if file not in texts:
            try:
                texts[file] = untrusted.look(state.place.home / file, 1 << 30).data
            except FileNotFoundError:
                texts[file] = b""
            except Refusal:
                return False  # the next merge says so
        return evidence.encode() not in texts[file]

    found = [r for r in receipts if any(lacks(file, r.evidence_id or "") for file in r.lines)]
    return sorted(found, key=lambda r: r.seq)
