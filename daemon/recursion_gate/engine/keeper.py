"""keep(user): look at one user's folders and do all that is to be done there, up to a turn's limit.

It is the only way work is done: at the first start, after a crash, on a file event and at the periodic look. What must
be done is read from the folders every time, so a lost, doubled or reordered event changes nothing but the delay.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import AlreadyRunning, NotYet, Parked, Refusal
from ..core.model import Candidate
from ..core.paths import GATE_NAME, LEDGER_NAME, READ_ME, STATES, Root, valid_user
from ..core.settings import Settings
from ..core.text import count, numbers, printable
from ..disk import atomic, untrusted
from ..formats import cards
from ..formats.gate_json import EMPTY
from ..store.index import Decided
from . import merging
from .desk import Desk
from .looks import Looks
from .staging import clear, drop_paths, stage

__all__ = ["Keeper", "Outcome"]

log = logging.getLogger("recursion_gate")

#: After an error of the disk or the system, in seconds: the first wait, doubled up to the last.
_FIRST_WAIT, _LAST_WAIT = 0.5, 30.0

#: How long, in seconds, each part of one user's turn may take before it is the next user's, and the fewest cards dealt
#: in it. Each part does something in every turn, so that none waits for ever behind another.
_TURN_SECONDS, _PART_SECONDS, _FEWEST = 0.2, 0.1, 20

#: For how many seconds an inbox without a user is one that is being added: `user add` makes the inbox first.
_NEW = 2.0

#: The most users whose gate and cards are held in memory while nothing is done for them.
_MOST_DESKS = 256

#: What is in an inbox where nothing lies.
_EMPTY = {*STATES, READ_ME}
_WITH_WORK = [state for state in STATES if state != "problems"]

#: The number in a card's name where another one had its name.
_NUMBER = re.compile(r"-(\d{1,4})\.md\Z")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one turn leaves."""

    #: In how many seconds to look again, where something waits for time; None: nothing does.
    due: float | None = None
    #: Whether more is ready to be done at once.
    more: bool = False
    #: Whether the disk or the system failed: it is then left in peace until `due`.
    failed: bool = False


class Keeper:
    """Does the work on the users of one root, one user at a time. There may be only one at a root: see `lock`."""

    def __init__(self, root: Root, settings: Settings) -> None:
        self.root, self.settings = root, settings
        self._folders = [os.fspath(folder) for folder in (root.inbox, root.homes, root.receipts)]
        self._decided = Decided(root)
        self._desks: dict[str, Desk] = {}
        #: For how long what may still change has looked the same, by user.
        self.looks: dict[str, Looks] = {}
        self._waits: dict[str, float] = {}
        self._left: dict[str, int] = {}
        self._synced: list[object] = []  # the root's own folders, as they were when they were synced
        #: What stops the work on a user, in words; gone as soon as it is mended.
        self.problems: dict[str, str] = {}
        #: Folders in inbox/ that belong to no user.
        self.unknown: set[str] = set()
        #: Users with files that may still be being written, or rest: for how many seconds yet. Set by `service.once`.
        self.unsettled: dict[str, float] = {}
        #: These files, as far as they may still be being written, or rest for grace_seconds: their paths.
        self.resting: dict[str, list[str]] = {}
        #: Called with what was done, to whom, to which id or file.
        self.did: Callable[[str, str, str], None] = lambda what, user, which: None
        #: Called before anything is changed for a user; may raise AlreadyRunning, which ends the work.
        self.before: Callable[[], object] = lambda: None
        #: Called before each write to receipts, Record and gate; may raise AlreadyRunning, and OSError, which ends the
        #: turn.
        self.check: Callable[[], object] = lambda: None
        #: Called again and again in a turn; gives whether to stop, since somebody has asked for it.
        self.stopping: Callable[[], bool] = lambda: False
        #: Called with how many drops, or decisions, were found, before they are taken up.
        self.found: Callable[[int], None] = lambda count: None

    def close(self) -> None:
        self._decided.close()

    def held(self) -> dict[str, dict[str, str]]:
        """The decisions that wait for another one: user -> candidate id -> why."""
        return {user: dict(desk.waiting) for user, desk in self._desks.items() if desk.waiting}

    def behind(self) -> dict[str, str]:
        """The users whose Record lacks lines that receipts prove, and what to do."""
        return {
            user: f"the Record lacks lines of {count(len(desk.lacks), 'approved entry', 'approved entries')} (receipt "
            f"{numbers(r.seq for r in desk.lacks)}): an older copy was put back, as it seems; 'recursion-gate doctor' "
            "says more, and puts them back with --fix"
            for user, desk in self._desks.items()
            if desk.lacks
        }

    @property
    def left(self) -> int:
        """How many things are known to be left to be done at once."""
        return sum(self._left.values())

    @property
    def someone_waits(self) -> bool:
        """Whether a candidate waits at a gate that is in memory."""
        return any(desk.gate for desk in self._desks.values())

    def changed_by_others(self) -> list[str]:
        """The users whose gate or receipts are not as they were left here: no file event tells of these. Looks only at
        those that are in memory; who is not is read anew when there is work."""
        with contextlib.suppress(OSError):
            return [user for user, desk in self._desks.items() if not desk.fresh()]
        return []

    def keep(self, user: str) -> Outcome:
        """Do one turn's work for `user`. Raises nothing that this user's files or the disk can cause: the work stops,
        `problems` says why, and it is taken up again when the cause is gone. Only AlreadyRunning comes out, which
        `before` may raise."""
        try:
            if user not in self._desks and user not in self.problems and self._at_rest(user):
                return Outcome()  # most users, most of the time: they cost a few looks and no memory
            if not self.root.is_user(user):
                return Outcome(due=self._no_user(user))
            self.unknown.discard(user)
            self.before()
            outcome = self._turn(user)
        except AlreadyRunning:
            raise
        except Parked as err:
            return self._stopped(user, str(err), self.settings.look_seconds)
        except OSError as err:
            return self._stopped(user, _in_words(self.root, err), None)
        except Exception as err:  # a fault of this program must not stop it for the other users
            log.exception("event=fault user=%s", user)
            return self._stopped(user, f"a fault of the program: {type(err).__name__}; the log has more", None)
        if self.problems.pop(user, None) is not None:
            log.warning("event=mended user=%s", user)
            self.did("mended", user, "")
        self._waits.pop(user, None)
        return outcome

    def _at_rest(self, user: str) -> bool:
        """Whether this is a user, nothing at all lies in the user's folders and nothing waits at the gate. Then no
        merge is unfinished either: its candidate would still stand at the gate, or its card in the inbox. Raises
        OSError.

        Paths are strings here: making a Path takes longer than the look."""
        if user in self.unknown or not valid_user(user):
            return False
        inbox, home, receipts = (f"{folder}/{user}" for folder in self._folders)
        try:
            if set(os.listdir(inbox)) != _EMPTY:
                return False
            for state in _WITH_WORK:
                if os.listdir(f"{inbox}/{state}"):
                    return False
            if self._decided.is_older(user, f"{receipts}/{LEDGER_NAME}"):
                return False
            if not os.path.isdir(receipts) or not stat.S_ISDIR(os.lstat(home).st_mode):
                return False
            try:
                fd = os.open(f"{home}/{GATE_NAME}", os.O_RDONLY | os.O_NONBLOCK)
            except FileNotFoundError:
                return True
            try:
                return os.read(fd, len(EMPTY) + 1) == EMPTY
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError):
            return False  # a turn makes them, or says what is wrong

    def _no_user(self, user: str) -> float | None:
        """There is no such user. A folder in the inbox is then unknown, unless it may be one that is being added: then
        this gives for how many seconds yet. Raises OSError."""
        for known in (self._desks, self._left, self.problems, self.looks):
            known.pop(user, None)
        inbox = self.root.inbox / user
        if not inbox.is_dir():
            self.unknown.discard(user)
        elif user not in self.unknown:
            if valid_user(user):
                with contextlib.suppress(FileNotFoundError):  # it is gone since
                    age = time.time() - inbox.stat().st_ctime
                    if 0 <= age < _NEW:
                        return _NEW - age
            self.unknown.add(user)
            hint = f"recursion-gate user add {user}" if valid_user(user) else "rename it: not a possible user name"
            shown = printable(user)
            log.warning('event=unknown-user inbox=%s what-to-do="%s"', shown, hint)
        return None

    def _sync_root(self) -> None:
        """What others made and did not sync (a user's folders, the card of a decision) is taken for lasting from here
        on: at the start, after an error, and when there is another user. Next to nothing where nothing has changed."""
        folders = (self.root.path, self.root.inbox, self.root.homes, self.root.receipts)
        seen: list[object] = [untrusted.mark_at(folder) for folder in folders]
        if self._synced != seen:
            for folder in folders:
                atomic.sync_disk(folder)
            self._synced = seen

    def _stopped(self, user: str, problem: str, wait: float | None) -> Outcome:
        self._synced = []
        self._left.pop(user, None)
        self._desks.pop(user, None)  # read everything again: what is in memory may not be what is on disk
        failed = wait is None
        if wait is None:
            wait = self._waits[user] = min(2 * self._waits.get(user, _FIRST_WAIT / 2), _LAST_WAIT)
        if self.problems.get(user) != problem:
            self.problems[user] = problem
            log.error('event=parked user=%s why="%s"', user, problem.replace('"', "'"))
            self.did("parked", user, "")
        return Outcome(due=wait, failed=failed)

    def _give_up_desks(self) -> None:
        """Keep the desks of those users only who had one last: what is on another one is read again when it is needed.
        One that has more in hand than the folders say is kept."""
        if len(self._desks) > _MOST_DESKS:
            idle = [user for user, desk in self._desks.items() if desk.is_idle()]
            for user in idle[: len(self._desks) - _MOST_DESKS]:
                del self._desks[user]

    def _turn(self, user: str) -> Outcome:
        desk = self._desks.get(user)
        if desk is None or not desk.fresh():
            self._sync_root()
            desk = Desk(self.root.place(user), self.settings, self._decided, self.looks.setdefault(user, Looks()))
            desk.did = lambda what, user, which: self.did(what, user, which)
            desk.check = self.check
            desk.stopping = lambda: self.stopping()
            merging.finish(desk)
            self._desks[user] = desk
            self._give_up_desks()
        elif desk.lacks:
            desk.lacks = merging.not_in_the_record(desk, desk.lacks)
        desk.due, desk.has_more = None, False
        desk.say_how_many_more()
        most = max(1, self.settings.max_per_turn)
        began = time.monotonic()
        more = True
        # In a flood, one turn stages and the next deals: then the gate, which is written whole, is written less often.
        # And drops that are still to be taken away would be listed again.
        if not desk.undealt and (desk.backlog or not desk.staged):
            paths, more = drop_paths(desk, most, began + _TURN_SECONDS)
            self.found(sum(path not in desk.not_before for path in paths))
            desk.staged += stage(desk, paths, began + _TURN_SECONDS)
        # The cards in pending/ are looked at before those in approved/: one that is being moved is then seen twice, at
        # worst, and not dealt anew.
        strays = desk.look_at_pending(time.monotonic() + _PART_SECONDS)
        look = merging.look_at_decisions(desk, _PART_SECONDS) if strays is not None else None
        if strays is None or look is None or not look.is_whole:  # nothing is decided, or dealt anew, on half a look
            return Outcome(desk.due, True)
        until = time.monotonic() + _PART_SECONDS
        clear(desk, stage(desk, look.strays[:most], until))
        clear(desk, stage(desk, _never_staged(desk, strays[:most], look.held, until), until))
        desk.forget_gone(strays)
        self.found(sum(d.staged.id not in desk.waiting for d in look.decisions))
        left = merging.carry_out(desk, look, _PART_SECONDS)
        missing = desk.without_card(look.held)
        dealt = desk.deal(
            missing[: 2 * most], _FEWEST, max(began + _TURN_SECONDS, time.monotonic() + _PART_SECONDS / 2)
        )
        more |= merging.renew_linked(desk, time.monotonic() + _PART_SECONDS)
        # The drops go last, and those of a flood when all of it has its cards: beside many files that were removed in
        # the last minutes ext4 is slow in making new ones, since it does not give out their places again at once.
        if not desk.backlog and dealt == len(missing):
            desk.staged = clear(desk, desk.staged, began + _TURN_SECONDS)
        more |= bool(desk.backlog or desk.staged) or desk.has_more
        more |= left > 0 or desk.has_leftovers(strays) or max(len(look.strays), len(strays)) > most
        desk.undealt = len(missing) - dealt
        more |= desk.undealt > 0
        if left_over := len(desk.backlog) + left:
            self._left[user] = left_over
        else:
            self._left.pop(user, None)
        return Outcome(desk.due, more)


def _never_staged(desk: Desk, paths: Sequence[Path], held: set[str], until: float) -> list[Path]:
    """Clear away what lies in pending/ but is no card of a candidate that waits; gives what is to be staged from
    there, as any drop. Adds to `held` whose card may be being saved just now."""
    found = []
    torn = _Torn(desk)
    for number, path in enumerate(paths):
        if number and desk.late(until):
            desk.has_more = True
            break
        try:
            seen = untrusted.look(path, desk.settings.max_card_bytes, ask_writers=True)
        except FileNotFoundError:
            continue
        except Refusal:
            found.append(path)  # refused there, like any other drop
            continue
        candidate_id = cards.id_of(seen.data)
        receipt = desk.ledger.find(candidate_id) if candidate_id else None
        if receipt is not None:
            merging.clear_leftover(desk, path, seen, receipt)
        elif (candidate := torn.whose(path.name, seen.data, candidate_id)) is not None:
            try:
                desk.settled(path, seen, whole=False, cut_short=True)
                desk.clear(path, seen.mark, "it is torn")
            except NotYet as err:  # a person's editor may have emptied it to write it anew
                desk.note_due(err.seconds)
                held.add(candidate.id)
        elif candidate_id is not None and candidate_id in desk.gate:
            desk.pending[path.name] = candidate_id  # it is whole by now
        else:
            found.append(path)
    return found


class _Torn:
    """Tells what a power cut has left of cards of ours: they are not synced, since they can be dealt again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._names: dict[str, Candidate] | None = None

    def whose(self, name: str, data: bytes, candidate_id: str | None) -> Candidate | None:
        """The candidate whose card this was, if it is torn."""
        candidate = self._desk.gate.get(candidate_id) if candidate_id else self._by_name(name)
        return candidate if self._desk.is_torn(data, candidate) else None

    def _by_name(self, name: str) -> Candidate | None:
        if self._names is None:
            self._names = {
                cards.file_name(c): c for i in self._desk.without_card(set()) if (c := self._desk.gate.get(i))
            }
        number = _NUMBER.search(name)
        if name in self._names or number is None:
            return self._names.get(name)
        taken = int(number[1]) - 1
        return next((c for c in self._names.values() if cards.file_name(c, taken) == name), None)


def _in_words(root: Root, err: OSError) -> str:
    what = (err.strerror or str(err)).lower()
    if err.filename is None:
        return what
    return f"{printable(os.path.relpath(os.fsdecode(err.filename), root.path))}: {what}"
