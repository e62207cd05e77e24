"""Hints on cards: made while there is nothing else to do, in short steps, which end at once when something comes."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import AlreadyRunning, Parked
from ..core.words import FILE_OF
from ..disk import untrusted
from ..engine.hints import put_hints
from ..engine.reconcile import Reconciler
from ..engine.user_state import UserState
from ..store import jsonl

if TYPE_CHECKING:
    from ..reading.hints import Known

__all__ = ["Hinting"]

log = logging.getLogger("recursion_gate")

#: For so many seconds nothing must have been done before hints are made; and so long the texts of the user whose cards
#: had hints last are kept in memory.
_REST, _KEPT = 0.3, 60.0

#: The longest piece of work, and the least pause after it, in seconds: short ones, since the threads that take in file
#: events need Python's lock; and seldom where the machine is busy, since the system lets a process that has slept long
#: go first, which is what the next drop needs. A pause is at least ten times as long as the work.
_IDLE, _BUSY = (0.001, 0.01), (0.05, 2.0)

#: The most cards of one user that have hints: each is written and synced, and who drops the same text a hundred
#: thousand times shall not keep the disk busy with it. `show` and `review` have them all the same.
_CARDS_LIMIT = 2_000

_FILES = sorted(FILE_OF.values())

_Steps = Generator[None, None, None]


class Hinting:
    """The hints on the cards of one root's users. A step takes less than a millisecond, but for reading one Record
    file, and for the sync of one card."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler
        # The users whose cards may lack hints; each time one is noted with another value.
        self._noted: dict[str, object] = {}
        self._busy_at = self._paused_until = 0.0
        self._steps: tuple[str, object, _Steps] | None = None  # half done, of which user, noted with which value
        #: By user: the state of the files that the hints are made from, and the hints, by candidate.
        self._made: dict[str, tuple[object, dict[str, list[str]]]] = {}
        #: The texts of one user, and what they were read from; and when that was used last.
        self._known: tuple[object, Known] | None = None
        self._known_at = 0.0

    def note(self, user: str, *, busy: bool = False) -> None:
        """The user had a turn, in which (`busy`) something was done."""
        self._noted[user] = object()
        if busy:
            self._busy_at = time.monotonic()

    @property
    def due(self) -> float | None:
        """When there may be hints to be made (monotonic), if nothing else is done until then; None: none are."""
        return max(self._busy_at + _REST, self._paused_until) if self._noted else None

    def work_a_little(self, is_called: Callable[[], bool]) -> None:
        """Put hints on cards for a moment, or until something else is to be done (`is_called`)."""
        longest, pause = _BUSY if _is_busy() else _IDLE
        began = time.monotonic()
        self.work(lambda: time.monotonic() > began + longest or is_called())
        now = time.monotonic()
        self._paused_until = now + max(pause, 10 * (now - began))

    def work(self, is_called: Callable[[], bool] = lambda: False) -> None:
        """Put hints on the cards of the users that were noted, until something else is to be done: it goes on there the
        next time. Raises AlreadyRunning; what is wrong with a user's files is for that user's next turn to say."""
        if time.monotonic() > self._known_at + _KEPT and self._steps is None:
            self._forget_texts()
        while self._noted:
            if self._steps is None:
                user, noted = next(iter(self._noted.items()))
                self._steps = user, noted, self._of(user)
            user, noted, steps = self._steps
            try:
                for _ in steps:
                    if is_called():
                        return
            except AlreadyRunning:
                raise
            except (Parked, OSError) as err:
                log.debug("event=no-hints user=%s why=%s", user, type(err).__name__)
            except Exception as err:  # hints are advice: a fault in them must not stop the daemon
                log.exception("event=fault user=%s in=hints why=%s", user, type(err).__name__)
            self._steps = None
            if self._noted[user] is noted:  # else there was a turn meanwhile
                del self._noted[user]
            if is_called():
                return

    def _of(self, user: str) -> _Steps:
        """Make the hints of one user, and put them on the cards. Raises AlreadyRunning, OSError, Parked."""
        while True:
            state = self._reconciler.state_of(user)
            if state is None or not (state.gate or state.cards.hints):
                self._made.pop(user, None)
                return
            sources = _sources(state)
            there = (sources, state.gate.changes)
            if self._made.get(user, (None,))[0] != there:
                yield from self._make(user, state, sources)
                if self._reconciler.state_of(user) is not state or (_sources(state), state.gate.changes) != there:
                    continue  # something was staged or decided meanwhile
            for _ in put_hints(state, self._made[user][1]):
                yield
                if self._reconciler.state_of(user) is not state:
                    break
            else:
                return

    def _forget_texts(self) -> None:
        if self._known is not None:
            self._known = None
            gc.unfreeze()

    def _make(self, user: str, state: UserState, sources: object) -> _Steps:
        if self._known is None or self._known[0] != sources:
            self._forget_texts()
            known = yield from _read(state)
            self._known = sources, known
            gc.freeze()  # else each round of the collector, also while a drop is staged, goes through all these texts
        known = self._known[1]
        known.forget_candidates(state.gate.ids)
        there = state.gate.changes
        made: dict[str, list[str]] = {}
        candidates = list(state.gate)
        for candidate in candidates:
            known.add_candidate(candidate)
            yield
        for candidate in candidates:
            if len(made) == _CARDS_LIMIT:
                break
            if lines := [line for hint in known.hints(candidate) for line in hint.lines]:
                made[candidate.id] = lines
            yield
        self._known_at = time.monotonic()
        self._made[user] = (sources, there), made


def _is_busy() -> bool:
    """Whether more processes want to run than there are processors."""
    try:
        return os.getloadavg()[0] > (os.cpu_count() or 1)
    except (AttributeError, OSError):  # no such figure on Windows
        return False


def _sources(state: UserState) -> object:
    """A value that changes whenever the Record or the receipts do."""
    home = os.fspath(state.place.home)
    return state.place.user, state.ledger.size, *(untrusted.mark_at(f"{home}/{name}") for name in _FILES)


def _read(state: UserState) -> Generator[None, None, Known]:
    """The texts of the Record and of the rejections. Raises OSError."""
    from ..formats.record_parse import entries  # only where something waits, since it needs rapidfuzz: 3 MB
    from ..reading import copies
    from ..reading.hints import Known
    from ..reading.rejected import rejections
    from ..store.standing import Seeking

    yield
    known = Known()
    seeking = Seeking()
    for _, line in jsonl.backwards(state.place.ledger, state.ledger.size):
        seeking.tell(line)
        yield
    gone = seeking.found()
    for name in _FILES:
        yield
        text = _text(state.place.home / name)
        for entry in entries(name, copies.without({name: text}, gone)[name]):
            known.add_entry(entry)
            yield
        yield
    for rejection in rejections(state.place.ledger, state.ledger.size):
        known.add_rejection(rejection)
        yield
    return known


def _text(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError, IsADirectoryError), untrusted.open_plain(path) as file:
        return file.read().decode(errors="replace")
    return ""
