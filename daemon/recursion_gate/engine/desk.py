"""What the daemon has before it while it works on one user: the gate, the end of the chain, where the cards are."""

from __future__ import annotations

import errno
import logging
import math
import os
import stat
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.errors import NotYet, Parked, Refusal
from ..core.model import Candidate, Receipt
from ..core.paths import STATES, TEMP_NAME, Place, is_aside, is_ignored, original_name
from ..core.settings import Settings
from ..core.text import printable
from ..disk import atomic, untrusted
from ..formats import cards, record_edit
from ..store import read_me
from ..store.gate import Gate
from ..store.index import Decided
from ..store.ledger import Ledger
from .looks import Looks

__all__ = ["Desk", "numbered"]

log = logging.getLogger("recursion_gate")

#: How long, in seconds, a file whose writer is known to have closed it must have been left alone: a script that
#: appends line by line (``>>``) opens it again at once.
_JUST_CLOSED = 0.2

#: In how many seconds to look again at a file that came under the name of another while that was being removed.
_AGAIN = 0.05

#: So many cards in pending/ are looked at in every turn, which takes 0.3 ms; of more, at the periodic look, at most so
#: many.
_FEW_CARDS, _MOST_CHECKED = 100, 20_000

#: What the system says to a move or removal of what is not ours: another's file in a sticky folder, an immutable one,
#: a place where a disk is mounted.
_NOT_OURS = {errno.EPERM, errno.EACCES, errno.EBUSY}

#: So many of them are remembered.
_MOST_STUCK = 100_000

#: So many log lines of one kind, of which there may be very many, are written in `look_seconds`.
_MOST_SAID = 5

_SAYS_WHO = os.access in os.supports_effective_ids

#: What stands behind a refused file's name for the reason, the most bytes that this leaves for the name, and how every
#: reason ends.
_WHY = ".why.txt"
_MOST_NAME = 247
_NOTHING_ADDED = "Nothing of it was added to the Record. "
_LAST_WORDS = "This note and the file beside it can be deleted.\n"


class Desk:
    """One user's state in memory. All of it can be read again from the folders at any time."""

    def __init__(self, place: Place, settings: Settings, decided: Decided, looks: Looks | None = None) -> None:
        self.place, self.settings = place, settings
        #: For how long what may still change has looked the same.
        self.looks = Looks() if looks is None else looks
        for folder in (place.pending, place.approved, place.rejected, place.problems, place.receipts):
            atomic.make_folder(folder)
        _not_from_strangers(place)
        read_me.put(place)
        for folder in (place.home, place.receipts, place.pending, place.problems):
            if os.path.lexists(folder / TEMP_NAME):  # what a stop left half written
                atomic.remove(folder / TEMP_NAME)
        self._pending = os.fspath(place.pending)
        self.gate = Gate.load(place)
        self.ledger = Ledger.open(place, decided)
        #: The cards in pending/, by file name; None: not a card of ours.
        self.pending: dict[str, str | None] = {}
        self._names: dict[str, str] | None = None  # the same the other way round, made when it is asked for
        self._pending_at = -1  # pending/'s mtime when `pending` was brought up to date,
        self._trusted_until = 0.0  # and until when (monotonic) it is enough that the mtime is still that
        self._listed_at = self._next_check = 0.0
        self._marks: dict[str, int] = {}  # a hash of each card's `files.mark`, as it was read
        self._checked = 0  # how many of very many cards have been looked at again
        #: When what is waiting for time must be looked at again, in seconds from now.
        self.due: float | None = None
        #: The names of the drops that the last look found and did not come to, oldest first.
        self.backlog: list[str] = []
        #: How many candidates the last turn has left without a card.
        self.undealt = 0
        #: The ids at the gate when links were last looked at, and the gate's mark then (see `merging.renew_linked`).
        self.known: set[str] | None = None
        self.known_at: object = None
        #: Candidates that link to others which have come or gone: their cards may show what is no longer so.
        self.stale: set[str] = set()
        #: The evidence that each link means in the end, true of a gate and receipts that are still so: see `effect`.
        self._evidence_of: tuple[object, dict[str, str]] = None, {}
        #: Drops that are on the gate, and still to be taken away.
        self.staged: list[tuple[str, untrusted.Mark]] = []
        #: A look at the drop zone that takes more than one turn.
        self.listing: Iterator[list[str] | None] | None = None
        #: Drops that were not complete: not looked at again before this time (monotonic), unless they change.
        self.not_before: dict[str, tuple[object, float]] = {}
        #: Cards in approved/ that wait for another one, and why; for `status`.
        self.waiting: dict[str, str] = {}
        #: The receipts whose lines the Record lacks (see `merging.finish`); for `status`.
        self.lacks: list[Receipt] = []
        #: The cards in approved/ and rejected/ that were read in earlier turns, without their bytes; for `merging`.
        self.looked: dict[str, tuple[object, Any]] = {}
        self.half_look: tuple[Any, set[str]] | None = None
        self._stuck: dict[str, tuple[object, float]] = {}  # what could not be moved: as it was, until when to leave it
        self._said: Counter[str] = Counter()  # how many events of a kind there were (see `say_few`),
        self._said_until = 0.0  # and until when (monotonic) they are counted together
        self.did: Callable[[str, str, str], None] = lambda what, user, which: None
        #: Called before each write to receipts, Record and gate; raises where another daemon has our place.
        self.check: Callable[[], object] = lambda: None
        #: Called between any two things that are done; gives whether to stop, since somebody has asked for it.
        self.stopping: Callable[[], bool] = lambda: False
        #: Whether this turn has left something ready to be done, beside `backlog`, `undealt` and `staged`.
        self.has_more = False

    def late(self, until: float) -> bool:
        """Whether this part of the turn, which may take until then (monotonic), must end. What is left is then for the
        next turn: a turn may last no longer than its user's neighbours can wait."""
        return self.stopping() or time.monotonic() > until

    def put_off(self, paths: Iterable[str | Path]) -> None:
        """Leave what was found at these paths, and not come to, for the next turn."""
        self.has_more = True
        inbox = os.fspath(self.place.inbox)
        self.backlog[:0] = [os.path.basename(path) for path in paths if os.path.dirname(path) == inbox]

    def fresh(self) -> bool:
        """Whether gate and receipts are still as this desk left them: a person may have put back a copy."""
        return self.gate.unchanged() and self.ledger.unchanged()

    def is_idle(self) -> bool:
        """Whether nothing would be forgotten with this desk: no turn is half done, and nothing waits for time."""
        busy = (self.backlog, self.staged, self.undealt, self.listing, self.waiting, self._stuck)
        return self.due is None and not any(busy)

    def note_due(self, seconds: float) -> None:
        self.due = seconds if self.due is None else min(self.due, seconds)

    def say(self, event: str, which: str, **more: object) -> None:
        """Log one event; nothing of raw_text."""
        self.say_all([(event, which, more)])

    def say_all(self, events: Iterable[tuple[str, str, Mapping[str, object]]]) -> None:
        """Log events, each with what it is about and what else there is to say: a line each, in one go."""
        user, lines = self.place.user, []
        is_logged = log.isEnabledFor(logging.INFO)
        for event, which, more in events:
            self.did(event, user, which)
            if is_logged:
                rest = "".join([f" {k}={_plain(str(v))}" for k, v in more.items() if v is not None])
                lines.append(f"event={event} user={user} id={_plain(which)}{rest}")
        if lines:
            log.info("%s", "\n".join(lines))

    def say_few(self, event: str, events: Iterable[tuple[str, str]]) -> None:
        """Log events of a kind of which there may be very many, each with what it is about and why: a few of them in
        `look_seconds`, and of the others the number (see `say_how_many_more`)."""
        for which, why in events:
            self._said[event] += 1
            if self._said[event] <= _MOST_SAID:
                self.say(event, which, why=why)

    def say_how_many_more(self) -> None:
        """Log how many lines of each kind were left out by `say_few`, once in `look_seconds`."""
        here = time.monotonic()
        if here < self._said_until:
            return
        for event, number in self._said.items():
            if number > _MOST_SAID:
                self.say(event, self.place.shown(self.place.inbox), more=number - _MOST_SAID)
        self._said.clear()
        self._said_until = here + self.settings.look_seconds

    def decided_candidate(self, receipt: Receipt, *, approved: bool = False) -> Candidate:
        """The candidate of a receipt as it was staged, or as it was approved. Raises Parked."""
        try:
            return Candidate.model_validate(receipt.approved if approved else receipt.candidate)
        except ValidationError:
            shown = self.place.shown(self.place.ledger)
            raise Parked(shown, f"receipt {receipt.seq} holds no candidate", "Put back a copy that is whole") from None

    # -- files that may still be being written --------------------------------------------------------------------

    def settled(
        self, path: Path | str, seen: untrusted.Seen, *, whole: bool, cut_short: bool = False, foreign: bool = False
    ) -> None:
        """Raise NotYet while the file may still change. `whole`: its form shows that nothing is missing.
        `cut_short`: it would be right if more came. `foreign`: its ending is none of ours, and may not be its last."""
        settings, writers = self.settings, seen.open_elsewhere
        if whole and writers is not True:
            return
        if cut_short or (writers and not whole):
            need = settings.patience_seconds
        else:
            need = _JUST_CLOSED if writers is False else settings.settle_seconds
        need = min(need, settings.patience_seconds)
        if foreign:
            need = max(need, settings.unknown_ending_seconds)
        if need <= 0:
            return
        # The bytes count, too: where times are coarse, a file that is written anew in place may look the same.
        quiet = self.looks.quiet(path, (seen.mark, writers, zlib.crc32(seen.data)))
        if quiet < need:
            # That somebody closes a file changes nothing that a look at its folder would show: the longer it has been
            # left alone, the later we look whether it is still open.
            raise NotYet(min(need - quiet, max(_JUST_CLOSED, quiet)) if writers else need - quiet)
        self.looks.forget(path)

    # -- cards ----------------------------------------------------------------------------------------------------

    def look_at_pending(self, until: float = math.inf) -> list[Path] | None:
        """Bring `pending` up to date; gives the files there that are no cards of a candidate at the gate. None: it
        takes longer than `until` (monotonic), and goes on in the next turn.

        The folder's time tells only that something has changed, not that nothing has: it may be coarse, and the clock
        may jump. Few cards are looked at every time, many at the periodic look."""
        stamp = os.stat(self._pending).st_mtime_ns
        many = len(self.pending) > _FEW_CARDS
        if many and self._is_known(stamp) and not set(self.pending.values()) - self.gate.ids:
            return []
        self._listed_at = here = time.monotonic()
        there = os.listdir(self._pending)
        listed = (name if self._is_done(name) else self.unaside(self._pending, name) for name in there)
        names = {name for name in listed if not is_ignored(name) or is_aside(name)}
        self._names = None
        for gone in self.pending.keys() - names:
            del self.pending[gone]
            self._marks.pop(gone, None)
        if not many or here >= self._next_check:
            names = self._changed(names)
        else:
            names -= self.pending.keys()
        for number, name in enumerate(sorted(names)):
            if number and self.late(until):
                self._trusted_until = 0.0
                return None
            self._read_pending(name)
        self._pending_at = stamp
        self._trusted_until = self._next_check = here + self.settings.look_seconds / 2
        strays = set(self.pending.values()) - self.gate.ids
        return [self.place.pending / name for name, i in self.pending.items() if i in strays] if strays else []

    def _changed(self, names: set[str]) -> set[str]:
        """Those of `names` that are new, or of which another card has taken the place; of very many that are known only
        a part is looked at, each time the next."""
        known = list(self.pending)
        part = known[self._checked : self._checked + _MOST_CHECKED]
        self._checked = self._checked + len(part) if self._checked + len(part) < len(known) else 0
        changed = {name for name in part if hash(untrusted.mark_at(f"{self._pending}/{name}")) != self._marks.get(name)}
        return (names - self.pending.keys()) | changed

    def _is_done(self, name: str) -> bool:
        """Whether this is a card of a decided entry that a stop has left taken aside: it keeps that name, which tells
        that it was not put there since (see `merging.clear_leftover`)."""
        candidate_id = self._id_in(self.place.pending / name) if is_aside(name) else None
        return candidate_id is not None and self._is_decided(candidate_id)

    def _is_decided(self, candidate_id: str) -> bool:
        return candidate_id not in self.gate and self.ledger.find(candidate_id) is not None

    def unaside(self, folder: str, name: str) -> str:
        """The name of a file in a folder of cards; one that a stop has left taken aside gets its own again, or one with
        a number, since another card may have it by now."""
        if not is_aside(name):
            return name
        back = os.path.basename(atomic.put_back(f"{folder}/{name}"))
        if back == name:
            back = numbered(original_name(name), f"-{time.time_ns()}")
            atomic.move(f"{folder}/{name}", f"{folder}/{back}")
        return back

    def forget_gone(self, paths: Iterable[Path]) -> None:
        """Those of `paths` in pending/ that are gone are no cards any more: a card that was staged from there, as any
        drop, needs another."""
        for path in paths:
            if path.name in self.pending and not os.path.lexists(path):
                del self.pending[path.name]
                self._names = None

    def _is_known(self, stamp: int) -> bool:
        """Whether pending/, with this mtime, holds what `pending` says, but for what the periodic look finds."""
        return stamp == self._pending_at and time.monotonic() < self._trusted_until

    def _read_pending(self, name: str) -> None:
        path = self.place.pending / name
        self._marks[name] = hash(untrusted.mark_at(path))  # before it is read: what is written meanwhile is read again
        self.pending[name] = self._id_in(path)

    def _id_in(self, path: Path) -> str | None:
        try:
            data = untrusted.look(path, self.settings.max_card_bytes).data
        except (Refusal, FileNotFoundError):
            return None
        candidate_id = cards.id_of(data)
        if candidate_id and not cards.ends_whole(data) and self.is_torn(data, self.gate.get(candidate_id)):
            return None
        return candidate_id

    def is_torn(self, data: bytes, candidate: Candidate | None) -> bool:
        """Whether this is what a power cut has left of the card of `candidate`: cards are not synced."""
        return candidate is not None and cards.is_torn(data, self.clean_card(candidate))

    def pending_card(self, candidate_id: str) -> Path | None:
        """The card of a candidate in pending/, as far as known."""
        if self._names is None:
            self._names = {known: name for name, known in self.pending.items() if known is not None}
        name = self._names.get(candidate_id)
        return self.place.pending / name if name is not None else None

    def without_card(self, held: Collection[str]) -> list[str]:
        """The ids of the candidates that have a card neither in pending/ nor among those `held` elsewhere."""
        missing = self.gate.ids - set(self.pending.values()) - set(held)
        if len(missing) < 100:  # the common case needs no walk through all that waits
            return sorted(missing)
        return [i for i in self.gate.ids if i in missing]

    def has_leftovers(self, seen: Collection[Path]) -> bool:
        """Whether pending/ holds a card of a candidate that is no longer at the gate, other than those `seen` in this
        turn, which are gone or wait for time."""
        gone = set(self.pending.values()) - self.gate.ids - {None}
        if not gone:
            return False
        names = {path.name for path in seen}
        return any(candidate_id in gone and name not in names for name, candidate_id in self.pending.items())

    def _decided_as(self, candidate_id: str) -> str | None:
        receipt = self.ledger.find(candidate_id)
        return receipt.evidence_id if receipt else None

    def effect(self, candidate: Candidate) -> list[record_edit.Addition]:
        """The lines that approving `candidate` would add now."""
        there = (self.gate.changes, self.ledger.size)
        if self._evidence_of[0] != there:
            self._evidence_of = there, {}
        return record_edit.effect(candidate, self.gate.get, self._decided_as, self._evidence_of[1])

    def clean_card(self, candidate: Candidate, note: str | None = None) -> bytes:
        return cards.render(candidate, self.effect(candidate), note)

    def deal(self, ids: Sequence[str], at_least: int = 1, until: float = math.inf) -> int:
        """Make the cards of these candidates in pending/, some always, the rest as long as it is not later than `until`
        (monotonic); gives how many. They need not be synced, since they can be made again. Raises OSError."""
        dealt = 0
        inside = os.stat(self._pending)
        known = self._is_known(inside.st_mtime_ns)
        for candidate_id in ids:
            if dealt >= at_least and self.late(until):
                break
            candidate = self.gate.get(candidate_id)
            if candidate is not None:
                self._deal(candidate, self.clean_card(candidate), inside)
            dealt += 1
        if dealt and known:  # then our cards are all that is new, so that a long queue is not listed for each; whatever
            # else came meanwhile is found by the periodic look
            self._pending_at = os.stat(self._pending).st_mtime_ns
            self._trusted_until = min(self._trusted_until, self._listed_at + self.settings.look_seconds)
        return dealt

    def deal_with_note(self, candidate: Candidate, note: str) -> None:
        """Make the card of `candidate` in pending/, with a note, on disk when this returns but for its name. Raises
        OSError."""
        self._deal(candidate, self.clean_card(candidate, note), os.stat(self._pending), sync=True)

    def _deal(self, candidate: Candidate, data: bytes, inside: os.stat_result, *, sync: bool = False) -> None:
        """Make one card in pending/, which was seen as `inside`."""
        for taken in range(1000):
            name = cards.file_name(candidate, taken)
            if atomic.create(f"{self._pending}/{name}", data, sync=sync, inside=inside):
                self._marks[name] = hash(untrusted.mark_at(f"{self._pending}/{name}"))
                self.pending[name] = candidate.id
                self._names = None
                return
        raise OSError(f"no free name for the card of {candidate.id}")

    # -- refusing -------------------------------------------------------------------------------------------------

    def refuse(
        self,
        path: Path | str,
        mark: untrusted.Mark,
        refusal: Refusal,
        what: str = "could not be staged",
        *,
        record_too: bool = True,
    ) -> None:
        """Move the file that was seen with this `mark` to problems/, with the reason beside it; the reason first, and
        synced, so that there is no instant at which it lies there without one. A stop in between leaves a reason
        without a file; the file is then refused again, under the same name. `record_too`: the reason says that nothing
        of it is in the Record. Raises OSError."""
        place, name = self.place, original_name(os.path.basename(path))
        if self.is_stuck(path, mark):
            return
        kept = self._free_pair(name)
        why = place.problems / (kept + _WHY)
        atomic.replace(why, _why(name, place, refusal, what, record_too).encode())
        atomic.sync_folder(place.problems)
        try:
            moved = atomic.take_away(path, untrusted.is_still(mark), place.problems / kept)
        except FileNotFoundError:  # taken away in the meantime
            atomic.remove(why)
            return
        except OSError as err:
            if err.errno not in _NOT_OURS:
                raise
            atomic.remove(why)
            self._cannot_move(path, mark, refusal)
            return
        if not moved:  # another file has come under this name, and this reason is not its reason
            atomic.remove(why)
            self.note_due(_AGAIN)
            return
        self._stuck.pop(str(path), None)
        self.say("refused", place.shown(path), why=refusal.problem)

    def is_being_refused(self, path: Path | str) -> bool:
        """Whether a stop came while a file of this name was being refused: its reason stands there alone."""
        kept = self._free_pair(original_name(os.path.basename(path)))
        return untrusted.mark_at(self.place.problems / (kept + _WHY)) is not None

    def _free_pair(self, name: str) -> str:
        """`name`, or ``stem-2.ext`` and so on: what is free in problems/ together with the name of its reason. A reason
        that stands there alone was left by a stop, or by a person who took the file away: it is replaced."""
        low, top = -1, 0  # a name that is refused again and again is not counted through each time
        while not self._is_free(_nth(name, top)):
            low, top = top, max(1, 2 * top)
        while top - low > 1:
            middle = (low + top) // 2
            low, top = (low, middle) if self._is_free(_nth(name, middle)) else (middle, top)
        return _nth(name, top)

    def _is_free(self, kept: str) -> bool:
        why = self.place.problems / (kept + _WHY)
        free = untrusted.mark_at(self.place.problems / kept) is None
        return free and (untrusted.mark_at(why) is None or _is_why(why))

    def clear(self, path: Path | str, mark: untrusted.Mark, why: str) -> None:
        """Remove a file that is done with, and was seen with this `mark`; another file under its name stays for the
        next look. One that is not ours to remove is left, and tried again later."""
        try:
            # The look before saves another file a way there and back; the look after is what decides.
            if untrusted.mark_at(path) != mark or not atomic.take_away(path, untrusted.is_still(mark)):
                self.note_due(_AGAIN)
        except FileNotFoundError:  # taken away in the meantime
            pass
        except OSError as err:
            if err.errno not in _NOT_OURS:
                raise
            self._cannot_move(path, mark, Refusal(why))

    def _cannot_move(self, path: Path | str, mark: untrusted.Mark, refusal: Refusal) -> None:
        """Not ours to move, as it seems: try again at the next look, or when it changes."""
        known = self._stuck.get(str(path))
        if known is None or known[0] != mark:
            self.say_few("cannot-move", [(self.place.shown(path), refusal.problem)])
        here = time.monotonic()
        if len(self._stuck) >= _MOST_STUCK and known is None:
            self._stuck = {at: stuck for at, stuck in self._stuck.items() if stuck[1] > here}
            if len(self._stuck) >= _MOST_STUCK:
                self._stuck.clear()
        self._stuck[str(path)] = (mark, here + self.settings.look_seconds)

    def may_not_be_moved(self, path: str, st: os.stat_result) -> bool:
        """Whether this is a folder that cannot be moved into another one, since we may not write in it. It is then
        noted as one that could not be moved, without the cost of trying."""
        if not stat.S_ISDIR(st.st_mode) or not _SAYS_WHO or os.access(path, os.W_OK, effective_ids=True):
            return False
        self._cannot_move(path, untrusted.mark(st), Refusal("a folder that the daemon may not move"))
        return True

    def is_stuck(self, path: Path | str, mark: object) -> bool:
        """Whether this file should have been moved away and could not be, a moment ago."""
        known = self._stuck.get(str(path)) if self._stuck else None
        if known is None or known[0] != mark:
            return False
        left = known[1] - time.monotonic()
        if left > 0:
            self.note_due(left)
        return left > 0


def _nth(name: str, taken: int) -> str:
    return numbered(name, f"-{taken + 1}" if taken else "")


def numbered(name: str, number: str) -> str:
    """`name` with `number` before its ending; short enough that ``.why.txt`` can be put behind it."""
    stem, ending = os.path.splitext(name)
    ending = _cut(ending, 20)
    return _cut(stem, _MOST_NAME - len(os.fsencode(number + ending))) + number + ending


def _is_why(path: Path) -> bool:
    """Whether this is a reason that `refuse` has written, not a refused file that happens to have such a name."""
    try:
        return untrusted.look(path, 100_000).data.decode(errors="replace").endswith(_LAST_WORDS)
    except (Refusal, FileNotFoundError):
        return False


def _not_from_strangers(place: Place) -> None:
    """An agent that found an inbox without its folders could make one of that name, and decide in it."""
    ours = {0, os.geteuid(), os.lstat(place.inbox).st_uid} if hasattr(os, "geteuid") else set()
    for name in STATES:
        if ours and (uid := os.lstat(place.state(name)).st_uid) not in ours:
            raise Parked(
                place.shown(place.state(name)),
                f"this folder belongs to another account ({uid}) than the inbox",
                "Look into it, then remove it; the daemon makes it anew",
            )


def _cut(name: str, most: int) -> str:
    raw = os.fsencode(name)
    while len(raw) > most:  # a whole sign at a time: half of one is no text any more
        name = name[:-1]
        raw = os.fsencode(name)
    return name


def _plain(value: str) -> str:
    """A value for a log line: one word, or quoted."""
    if value.isalnum():
        return value
    text = printable(value)
    return '"' + text.replace('"', "'") + '"' if " " in text or "=" in text or not text else text


def _why(name: str, place: Place, refusal: Refusal, what: str, record_too: bool) -> str:
    shown = printable(name)
    remedy = refusal.remedy or f"Correct the file and put it back into inbox/{place.user}/."
    last = _NOTHING_ADDED * record_too + _LAST_WORDS
    return f"{shown} {what}.\n\nWhy:        {refusal.problem}\nWhat to do: {remedy}\n\n{last}"
