"""reconcile(user): look at one user's folders and do all that is to be done there, up to a turn's limit.

All work is done this way: at the first start, after a crash, on a file event and at the periodic look. The work to do
is read from the folders every time, so a lost, doubled or reordered event changes nothing but the delay.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time

from ..core.errors import AlreadyRunning, BadSettings, Parked
from ..core.paths import GATE_NAME, LEDGER_NAME, READ_ME, STATES, Root, valid_user
from ..core.settings import Settings
from ..core.text import count, numbers, printable
from ..disk import atomic, untrusted
from ..formats.gate_json import EMPTY
from ..store.index import Decided
from .recover import not_in_the_record, open_state
from .settle import Looks
from .turn import Outcome, turn
from .user_state import Hooks, UserState

__all__ = ["Outcome", "Reconciler"]

log = logging.getLogger("recursion_gate")

#: After an error of the disk or the system, in seconds: the first wait, doubled up to the last.
_FIRST_WAIT, _LAST_WAIT = 0.5, 30.0

#: For how many seconds an inbox without a user is one that is being added: `user add` makes the inbox first.
_NEW = 2.0

#: The most users whose gate and cards are held in memory while nothing is done for them.
_STATES_LIMIT = 256

#: The entries of an empty inbox.
_EMPTY = {*STATES, READ_ME}
_WITH_WORK = [state for state in STATES if state != "problems"]


class Reconciler(Hooks):
    """Does the work on the users of one root, one user at a time. There may be only one at a root: see `lock`."""

    def __init__(self, root: Root, settings: Settings) -> None:
        super().__init__()
        self.root, self.settings = root, settings
        self._folders = [os.fspath(folder) for folder in (root.inbox, root.homes, root.receipts)]
        self._decided = Decided(root)
        self._states: dict[str, UserState] = {}
        #: For how long what may still change has looked the same, by user.
        self.looks: dict[str, Looks] = {}
        self._waits: dict[str, float] = {}
        self._synced: list[object] = []  # the root's own folders, as they were when they were synced
        #: Why the work on a user has stopped; removed as soon as the cause is.
        self.problems: dict[str, str] = {}
        #: Folders in inbox/ that belong to no user.
        self.unknown: set[str] = set()
        #: Users with files that may still be being written, or rest: for how many seconds yet. Set by `service.once`.
        self.unsettled: dict[str, float] = {}
        #: These files, as far as they may still be being written, or rest for grace_seconds: their paths.
        self.resting: dict[str, list[str]] = {}

    def close(self) -> None:
        self._decided.close()

    def held(self) -> dict[str, dict[str, str]]:
        """The decisions that wait for another one: user -> candidate id -> why."""
        return {user: dict(state.waiting) for user, state in self._states.items() if state.waiting}

    def behind(self) -> dict[str, str]:
        """The users whose Record lacks lines that receipts prove, and what to do."""
        return {
            user: f"the Record lacks lines of {count(len(state.lacks), 'approved entry', 'approved entries')} (receipt "
            f"{numbers(r.seq for r in state.lacks)}): an older copy was put back, as it seems; 'recursion-gate doctor' "
            "says more, and puts them back with --fix"
            for user, state in self._states.items()
            if state.lacks
        }

    @property
    def left(self) -> int:
        """How many things are known to be left to be done at once."""
        return sum(state.left for state in self._states.values())

    @property
    def someone_waits(self) -> bool:
        """Whether a candidate waits at a gate that is in memory."""
        return any(state.gate for state in self._states.values())

    def changed_by_others(self) -> list[str]:
        """The users whose gate or receipts are not as they were left here: no file event tells of these. Looks only at
        those that are in memory; who is not is read anew when there is work."""
        with contextlib.suppress(OSError):
            return [user for user, state in self._states.items() if not state.is_fresh()]
        return []

    def reconcile(self, user: str) -> Outcome:
        """Do one turn's work for `user`. Raises nothing that this user's files or the disk can cause: the work stops,
        `problems` says why, and it is taken up again when the cause is gone. Only AlreadyRunning comes out, which
        `before` may raise, and BadSettings, where the clock was stopped at no instant."""
        try:
            if user not in self._states and user not in self.problems and self._at_rest(user):
                return Outcome()  # most users, most of the time: they cost a few looks and no memory
            if not self.root.is_user(user):
                return Outcome(due=self._no_user(user))
            self.unknown.discard(user)
            self.before()
            outcome = turn(self._state(user))
        except (AlreadyRunning, BadSettings):
            raise
        except Parked as err:
            return self._stopped(user, str(err), self.settings.look_seconds)
        except OSError as err:
            return self._stopped(user, _in_words(self.root, err), None)
        except Exception as err:  # a fault of this program must not stop it for the other users
            log.exception("event=fault user=%s", user)
            return self._stopped(user, f"internal error ({type(err).__name__}); see the log", None)
        if self.problems.pop(user, None) is not None:
            log.warning("event=mended user=%s", user)
            self.did("mended", user, "")
        self._waits.pop(user, None)
        return outcome

    def state_of(self, user: str) -> UserState | None:
        """The state of a user, where it is in memory and the files are as it says."""
        state = self._states.get(user)
        return state if state is not None and state.is_fresh() else None

    def _at_rest(self, user: str) -> bool:
        """Whether this is a user, nothing at all lies in the user's folders and nothing waits at the gate. Then no
        merge is unfinished either: its candidate would still stand at the gate, or its card in the inbox. Nor is
        anything taken back or forgotten in part, whose candidate need not stand there: the index learns of a receipt
        last of all. Raises OSError.

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
            if not self._decided.is_up_to(user, f"{receipts}/{LEDGER_NAME}"):
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
        for known in (self._states, self.problems, self.looks):
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
            name = printable(user)
            log.warning('event=unknown-user inbox=%s what-to-do="%s"', name, hint)
        return None

    def _sync_root(self) -> None:
        """Sync what others made and did not sync (a user's folders, the card of a decision), since from here on it is
        treated as durable: at the start, after an error, and when a user has come. Costs next to nothing if nothing has
        changed."""
        folders = (self.root.path, self.root.inbox, self.root.homes, self.root.receipts)
        seen: list[object] = [untrusted.mark_at(folder) for folder in folders]
        if self._synced != seen:
            for folder in folders:
                atomic.sync_disk(folder)
            self._synced = seen

    def _stopped(self, user: str, problem: str, wait: float | None) -> Outcome:
        self._synced = []
        self._states.pop(user, None)  # read everything again: what is in memory may not be what is on disk
        failed = wait is None
        if wait is None:
            wait = self._waits[user] = min(2 * self._waits.get(user, _FIRST_WAIT / 2), _LAST_WAIT)
        if self.problems.get(user) != problem:
            self.problems[user] = problem
            log.error('event=parked user=%s why="%s"', user, problem.replace('"', "'"))
            self.did("parked", user, "")
        return Outcome(due=wait, failed=failed)

    def _forget_idle_states(self) -> None:
        """Keep the states of the users who had a turn last; another's is read again when it is needed. One that holds
        more than the folders say is kept."""
        if len(self._states) > _STATES_LIMIT:
            idle = [user for user, state in self._states.items() if state.is_idle()]
            for user in idle[: len(self._states) - _STATES_LIMIT]:
                del self._states[user]

    def _state(self, user: str) -> UserState:
        """The state of a user, read again where somebody else has changed the files. Raises Parked, OSError."""
        state = self._states.get(user)
        if state is None or not state.is_fresh():
            self._sync_root()
            looks = self.looks.setdefault(user, Looks())
            state = self._states[user] = open_state(self.root.place(user), self.settings, self._decided, looks, self)
            self._forget_idle_states()
        elif state.lacks:
            state.lacks = not_in_the_record(state, state.lacks)
        return state


def _in_words(root: Root, err: OSError) -> str:
    what = (err.strerror or str(err)).lower()
    if err.filename is None:
        return what
    return f"{printable(os.path.relpath(os.fsdecode(err.filename), root.path))}: {what}"
