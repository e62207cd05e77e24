"""The daemon: one lock, one watch, and a queue of users to look at (contract: "Commands", `run` and `once`).

A file event, a timer and the periodic look all do the same: they put a user into the queue. One loop takes users out
and calls `keep`, a turn each, so that a flood at one user's inbox cannot hold up another's single drop. The loop
itself feeds the service manager's watchdog: if it hangs, it is restarted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

from .. import __version__
from ..core.clock import now
from ..core.model import instant
from ..core.paths import Root
from ..core.settings import Settings
from ..disk.lock import Held, hold
from ..disk.mounts import silent
from ..engine.keeper import Keeper
from ..engine.looks import load_looks, save_looks
from .run_queue import Turns
from .status_file import StatusFile
from .systemd import notify, watchdog_seconds
from .watcher import Watch

__all__ = ["Service", "once"]

log = logging.getLogger("recursion_gate")

#: So many things to do in one turn are a flood. Its file events would only slow down the work that they tell of
#: (each costs more than the look that finds the file), so the watch is ended and all users are looked at every
#: _FLOOD_LOOK seconds, until there was nothing to do for _FLOOD_REST seconds; as network drivers do under load. With
#: more than _FLOOD_USERS users, to place the watches again would cost more than it saves.
_FLOOD, _FLOOD_LOOK, _FLOOD_REST, _FLOOD_USERS = 32, 0.02, 0.25, 200

#: A turn that does fewer things does not make a flood go on: to listen costs less than to look.
_TRICKLE = 8

#: Every so many seconds it is seen whether somebody has changed a gate or receipts, which no event tells of.
_PEEK = 3.0

#: After so many seconds the daemon is ready, whatever there is still to be done.
_READY_BY = 5.0


def once(
    root: Root,
    settings: Settings,
    told: Callable[[str], object] = lambda what: None,
    progress: Callable[[int, int], object] = lambda done, left: None,
) -> Keeper:
    """Do all that waits at `root`, then stop. A file that may still be being written is given `settle_seconds`; what
    must rest for longer is left, and how long it has rested is written down for the next call.

    `told` is called after each thing done with what it was, `progress` after each turn with how many there were so far
    and how many are known to be left. Gives the keeper, whose `problems`, `unsettled` and `unknown` say what could not
    be done. Raises AlreadyRunning; OSError where the root is away.
    """
    with hold(root) as held:
        keeper = Keeper(root, settings)
        count = 0

        def did(what: str, user: str, which: str) -> None:
            nonlocal count
            count += 1
            told(what)

        keeper.did, keeper.before, keeper.check = did, held.renew, held.check
        keeper.looks = load_looks(root)
        turns = Turns(keeper)
        for user in sorted({*root.users(), *root.inboxes()}):
            turns.add(user)
        until = time.monotonic() + settings.patience_seconds
        while True:
            while turns:
                turns.take()
                progress(count, keeper.left)
            # A file that does not parse is not waited for; a disk that failed is tried again a few times.
            due = turns.next_due(without=keeper.problems.keys() - turns.resting)
            if due is None or due > min(until, time.monotonic() + settings.settle_seconds + 0.1):
                break
            time.sleep(max(0.0, due - time.monotonic()))
            turns.wake()
        keeper.unsettled = {u: s for u, s in turns.due_users().items() if u not in keeper.problems}
        with contextlib.suppress(OSError):  # a full disk: then all rests once more
            keeper.resting = save_looks(root, keeper.looks)
        keeper.close()
        return keeper


class Service:
    """The daemon of one root."""

    def __init__(
        self,
        root: Root,
        settings: Settings,
        *,
        poll: bool = False,
        progress: Callable[[int, int], object] = lambda done, left: None,
    ) -> None:
        """`progress` is called after each turn with how many things were done, and how many are known to be left."""
        self._progress = progress
        self.root, self.settings = root, settings
        self._poll = self._told_to_poll = poll
        self._next_try = 0.0  # at listening, while we poll because we cannot
        self._why_polling = "asked for with --poll" if poll else ""
        self._silent = ""  # where others change things without an event here
        self._flood_until: float | None = None  # monotonic; None: no flood
        self._done = 0
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # its put may be called by a signal handler
        self._noted: set[str] = set()
        self._stopping = False
        self._events_lost = False
        self._watch = Watch(root, self._note, self._note_loss)
        self._keeper = Keeper(root, settings)
        self._turns = Turns(self._keeper)
        self._last: deque[tuple[datetime, str, str, str]] = deque(maxlen=20)
        self._started = instant(now())
        self._is_ready, self._ready_by = False, 0.0
        self._lock: Held | None = None
        self._next_look = self._next_peek = 0.0
        self._watch_began = 0.0
        self._next_status = 0.0
        self._status_is_old = True
        self._trouble = ""
        self._file = StatusFile(root.status)
        limit = watchdog_seconds()
        self._feed_every = limit / 3 if limit else None
        self._next_feed = 0.0

    # -- what other threads and signals may call --------------------------------------------------------------------

    def _note(self, user: str) -> None:
        if user not in self._noted:
            self._noted.add(user)
            self._events.put(user)

    def _note_loss(self) -> None:
        self._events_lost = True
        self._events.put(None)

    def stop(self) -> None:
        """End `run` after the turn in hand. May be called from a signal handler."""
        self._stopping = True
        self._events.put(None)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`, SIGTERM, SIGINT or SIGHUP. Raises AlreadyRunning, OSError."""
        with hold(self.root) as self._lock:
            self._keeper.did, self._keeper.found, self._keeper.before = self._did, self._found, self._before_work
            self._keeper.check = self._lock.check
            self._keeper.stopping = self._in_a_turn
            handlers = {s: signal.signal(s, self._on_signal) for s in _ends_it()}
            try:
                self._feed()
                self._ready_by = time.monotonic() + _READY_BY
                self._look()
                self._work()
                self._be_ready()
                while not self._stopping:
                    self._wait()
                    self._work()
            finally:
                notify("STOPPING=1")
                self._watch.close()
                self._keeper.close()
                self._file.close()
                log.info("event=stopped pid=%d", os.getpid())
                for which, handler in handlers.items():
                    signal.signal(which, handler)

    def _be_ready(self) -> None:
        """Say, once, that the daemon is at work: when all that lay there is done, or, in a flood that never ends, after
        a while, since a service manager gives up on one that never gets ready."""
        if self._is_ready or self._stopping:
            return
        self._is_ready = True
        self._write_status()
        notify("READY=1", "STATUS=watching")
        log.info("event=ready pid=%d root=%s watching=%s", os.getpid(), self.root.path, self._how)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    @property
    def _how(self) -> str:
        return "polling" if self._poll else "events+polling" if self._silent else "events"

    def _work(self) -> None:
        """Give turns until nobody is left to be looked at."""
        while self._turns and not self._stopping:
            before = self._done
            self._turns.take()
            if self._flood_until is not None and (self._done - before >= _TRICKLE or self._turns.someone_has_more):
                self._flood_until = time.monotonic() + _FLOOD_REST
            self._progress(self._done, self._keeper.left)
            self._feed()
            self._hear()
            self._write_status(now_and_then=True)
            if time.monotonic() > self._ready_by:
                self._be_ready()

    def _found(self, count: int) -> None:
        """Stop listening where as much as `count` is to be done."""
        if self._flood_until is None and count >= _FLOOD and not self._poll and self._has_few_users():
            self._watch.stop()
            self._next_look = 0.0
            self._flood_until = time.monotonic() + _FLOOD_REST

    def _has_few_users(self) -> bool:
        try:
            return len(self.root.users()) <= _FLOOD_USERS
        except OSError:  # the next look tells of it
            return False

    def _hear(self) -> None:
        """Take in what was noted by now, without waiting."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._take_in(self._events.get_nowait())
        self._turns.wake()
        here = time.monotonic()
        if self._flood_until is not None and here > self._flood_until:
            self._flood_until = None  # it is over: listen again, and look at what came in between
            self._next_look = here
        if self._events_lost:  # what was lost is found by a look; but not more than one a second, in a storm
            self._events_lost = False
            log.warning("event=events-lost")
            with contextlib.suppress(OSError):  # a look finds that too, and tells of it
                self._keep_the_lock()
            self._next_look = min(self._next_look, max(here, self._watch_began + 1))
        if here >= self._next_peek:
            self._next_peek = here + _PEEK
            for user in self._keeper.changed_by_others():
                self._turns.add(user)
        if here >= self._next_look:
            self._look()

    def _take_in(self, user: str | None) -> None:
        if user is not None:
            self._noted.discard(user)
            self._turns.add(user, called=True)

    def _wait(self) -> None:
        """Sleep until an event, a timer, or the next look."""
        self._write_status(now_and_then=True)
        until = [self._next_look, self._next_peek, self._turns.next_due()]
        if self._feed_every:
            until.append(self._next_feed)
        if self._status_is_old:
            until.append(self._next_status)
        seconds = min(at for at in until if at is not None) - time.monotonic()
        with contextlib.suppress(queue.Empty):
            self._take_in(self._events.get(timeout=max(0.0, seconds)))
        self._feed()
        self._hear()

    def _in_a_turn(self) -> bool:
        """Called again and again in a turn: whether it is to end."""
        self._feed()
        return self._stopping

    def _feed(self) -> None:
        if self._feed_every and time.monotonic() >= self._next_feed:
            self._next_feed = time.monotonic() + self._feed_every
            notify("WATCHDOG=1")

    def _look(self) -> None:
        """The periodic look: at every user, and at whether the events still come."""
        before, self._trouble = self._trouble, ""
        try:
            self._see_to_the_watch()
            self._keep_the_lock()
            for user in {*self.root.users(), *self.root.inboxes()}:
                self._turns.add(user)
        except OSError as err:  # the root itself is away, or cannot be read: look again soon
            self._trouble = f"{err.filename or self.root.path}: {(err.strerror or str(err)).lower()}"
        if self._trouble and not before:
            log.error('event=root-away why="%s"', self._trouble)
        elif before and not self._trouble:
            log.warning("event=root-back")
        every = (
            self.settings.poll_seconds if self._poll or self._silent or self._trouble else self.settings.look_seconds
        )
        if self._flood_until is not None:
            every = _FLOOD_LOOK
        self._next_look = time.monotonic() + max(_FLOOD_LOOK, every)
        self._status_is_old = True

    def _see_to_the_watch(self) -> None:
        if self._told_to_poll or self._flood_until is not None or time.monotonic() < self._next_try:
            return
        self._see_who_is_silent()
        if self._watch.works():
            return
        for folder in (self.root.inbox, self.root.homes):
            os.stat(folder)  # a folder that is not there is no lack of watches
        try:
            self._watch.start()
            self._watch_began = time.monotonic()
            if self._poll:
                log.warning("event=listening")
            self._poll, self._why_polling = False, ""
        except (OSError, RuntimeError) as err:
            # Watches or instances are used up (ENOSPC, EMFILE), there are none here, or no thread can be had: look
            # often, and say so.
            self._watch.stop()
            if not self._poll:
                told = (getattr(err, "strerror", None) or str(err)).lower()
                self._why_polling = f"no file events ({told}); raise fs.inotify.max_user_watches or max_user_instances"
                log.warning('event=polling why="%s"', self._why_polling)
            self._poll, self._next_try = True, time.monotonic() + self.settings.look_seconds

    def _see_who_is_silent(self) -> None:
        before, where = self._silent, silent(self.root)
        self._silent = f"changes from elsewhere bring no events in {where}" if where else ""
        if self._silent and not before:
            log.warning('event=polling-too why="%s"', self._silent)

    def _keep_the_lock(self) -> None:
        """Raises AlreadyRunning where another daemon has taken our place; OSError where the root is away."""
        for folder in (self.root.inbox, self.root.homes):
            os.stat(folder)
        self._renew_the_lock()

    def _before_work(self) -> None:
        with contextlib.suppress(OSError):  # the next look tells of it
            self._renew_the_lock()

    def _renew_the_lock(self) -> None:
        if self._lock is not None and self._lock.renew():
            log.warning("event=lock-renewed")

    # -- the status file ----------------------------------------------------------------------------------------------

    def _did(self, what: str, user: str, which: str) -> None:
        self._done += 1
        self._last.append((now(), what, user, which))
        self._status_is_old = True

    def _write_status(self, *, now_and_then: bool = False) -> None:
        """Put down what `status` shows; with `now_and_then` at most once a second."""
        here = time.monotonic()
        if now_and_then and (not self._status_is_old or here < self._next_status):
            return
        self._next_status = here + 1
        self._status_is_old = False
        self._file.put(self._status())

    def _status(self) -> dict[str, Any]:
        keeper = self._keeper
        return {
            "pid": os.getpid(),
            "version": __version__,
            "root": str(self.root.path),
            "started": self._started,
            "seen": instant(now()),
            "watching": self._how,
            "why": self._why_polling or self._silent,
            "trouble": self._trouble,
            "parked": keeper.problems,
            "behind": keeper.behind(),
            "held": keeper.held(),
            "unknown": sorted(keeper.unknown),
            "last": [{"at": instant(at), "what": what, "user": u, "id": which} for at, what, u, which in self._last],
        }


def _ends_it() -> list[signal.Signals]:
    """The signals that end the daemon. That its terminal was closed (SIGHUP) ends it too, unless whoever started it
    has had that ignored (nohup)."""
    hang_up = getattr(signal, "SIGHUP", None)
    ends = [signal.SIGTERM, signal.SIGINT]
    return [*ends, hang_up] if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN else ends
