"""The daemon's loop: one lock, one watch, and a queue of users that wait for a turn (contract: "Commands", `run`).

A file event, a timer and the periodic look all do the same: they queue a user. The loop gives one user after another a
turn, so that a flood at one user's inbox does not hold up another user's single drop. The loop itself sends the signs
of life to the service manager: a loop that hangs is restarted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.paths import Root
from ..core.settings import Settings
from ..disk.lock import Held, hold
from ..engine.reconcile import Reconciler
from .hinting import Hinting
from .listening import Listening
from .plan_look import PLANS, PlanLook
from .run_queue import RunQueue
from .status_file import Status
from .systemd import Heartbeat, notify

__all__ = ["Service"]

log = logging.getLogger("recursion_gate")

#: While candidates wait, so many seconds lie between two checks whether somebody else has changed gate or receipts:
#: there is no file event for that.
_CHECK_GATES = 3.0

#: After this many seconds the daemon reports ready, even with work left.
_READY_BY = 5.0

#: The least seconds between two looks at all users.
_LEAST_LOOK = 0.02


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
        """With `poll` it uses no file events. Calls `progress` after each turn with the number of actions done and the
        number known to be left."""
        self.root, self.settings = root, settings
        self._progress = progress
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # its put may be called by a signal handler
        self._noted: set[str] = set()  # the users in it
        self._stopping = self._events_lost = self._more_to_watch = False
        self._reconciler = Reconciler(root, settings)
        self._run_queue = RunQueue(self._reconciler)
        self._listening = Listening(root, settings, self._note, self._note_loss, self._note_more, poll=poll)
        self._status = Status(root, self._reconciler)
        self._hinting = Hinting(self._reconciler)
        self._heartbeat = Heartbeat()
        self._lock: Held | None = None
        self._plans = PlanLook(root, settings, self._check_lock)
        self._done = 0
        self._is_ready, self._ready_by = False, 0.0
        self._next_look = 0.0
        self._next_gate_check: float | None = None  # None: nothing waits at any gate
        self._trouble = ""

    # -- called by other threads and signal handlers ------------------------------------------------------------------

    def _note(self, user: str) -> None:
        if user not in self._noted:
            self._noted.add(user)
            self._events.put(user)

    def _note_loss(self) -> None:
        self._events_lost = True
        self._events.put(None)

    def _note_more(self) -> None:
        self._more_to_watch = True
        self._events.put(None)

    def stop(self) -> None:
        """End `run` after the turn in hand."""
        self._stopping = True
        self._events.put(None)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`, SIGTERM, SIGINT or SIGHUP. Raises AlreadyRunning, OSError."""
        with hold(self.root) as self._lock, _signals_call(self.stop):
            reconciler = self._reconciler
            reconciler.did, reconciler.found, reconciler.before = self._did, self._found, self._before_work
            reconciler.check, reconciler.stopping = self._lock.check, self._within_a_turn
            try:
                self._heartbeat.beat()
                self._ready_by = time.monotonic() + _READY_BY
                self._look()
                self._work()
                self._plans.look_if_due()
                self._be_ready()
                while not self._stopping:
                    self._wait()
                    self._work()
                    self._put_hints()
            finally:
                notify("STOPPING=1")
                self._listening.close()
                reconciler.close()
                self._status.close()
                log.info("event=stopped pid=%d", os.getpid())

    def _be_ready(self) -> None:
        """Report ready, once: when everything that lay there is done or, in a flood that does not end, after a while:
        a service manager gives up on a service that never gets ready."""
        if self._is_ready or self._stopping:
            return
        self._is_ready = True
        self._write_status()
        notify("READY=1", "STATUS=watching")
        log.info("event=ready pid=%d root=%s watching=%s", os.getpid(), self.root.path, self._listening.how)

    def _work(self) -> None:
        """Run until the queue is empty."""
        while self._run_queue and not self._stopping:
            before = self._done
            user = self._run_queue.run_next()
            if self.settings.card_hints:
                self._hinting.note(user, busy=self._done > before)
            self._listening.took_a_turn(self._done - before, more=self._run_queue.last_has_more)
            self._progress(self._done, self._reconciler.left)
            self._hear()
            self._write_status_if_due()
            if time.monotonic() > self._ready_by:
                self._be_ready()

    def _put_hints(self) -> None:
        """While there is nothing else to do."""
        if self._hinting.due is not None and time.monotonic() >= self._hinting.due and not self._is_called():
            self._hinting.work_a_little(self._is_called)

    def _is_called(self) -> bool:
        """Whether there is something else to do than to put hints on cards."""
        self._heartbeat.beat()
        if self._stopping or self._run_queue or not self._events.empty():
            return True
        return any(at is not None and time.monotonic() >= at for at in self._times())

    def _times(self) -> tuple[float | None, ...]:
        """When something is to be done next, beside the hints."""
        queue = self._run_queue.next_due()
        plans = self._plans.due
        return self._next_look, self._next_gate_check, queue, plans, self._heartbeat.due, self._status.due

    def _wait(self) -> None:
        """Sleep until an event, a timer, or the next look."""
        self._write_status_if_due()
        times = (*self._times(), self._hinting.due)
        seconds = min(at for at in times if at is not None) - time.monotonic()
        with contextlib.suppress(queue.Empty):
            self._take_in(self._events.get(timeout=max(0.0, seconds)))
        self._hear()

    def _hear(self) -> None:
        """Queue every user with an event or a timer that has ended, without waiting; look if it is time."""
        self._heartbeat.beat()
        with contextlib.suppress(queue.Empty):
            while True:
                self._take_in(self._events.get_nowait())
        self._run_queue.wake()
        now = time.monotonic()
        if self._listening.flood_is_over():
            self._next_look = now
        if self._events_lost or self._more_to_watch:  # a look finds what was missed; at most one a second, in a storm
            if self._events_lost:
                log.warning("event=events-lost")
            self._events_lost = self._more_to_watch = False
            with contextlib.suppress(OSError):  # the look finds that too, and reports it
                self._keep_the_lock()
            self._next_look = min(self._next_look, max(now, self._listening.began + 1))
        self._check_gates(now)
        if now >= self._next_look:
            self._look()
        before = self._plans.problems
        if self._plans.look_if_due() or self._plans.problems != before:
            self._status.outdate()

    def _take_in(self, user: str | None) -> None:
        if user == PLANS:
            self._noted.discard(user)
            self._plans.wake()
        elif user is not None:
            self._noted.discard(user)
            self._run_queue.add(user, called=True)

    def _check_gates(self, now: float) -> None:
        if self._next_gate_check is not None and now >= self._next_gate_check:
            for user in self._reconciler.changed_by_others():
                self._run_queue.add(user)
            self._next_gate_check = None
        if self._next_gate_check is None and self._reconciler.someone_waits:
            self._next_gate_check = now + _CHECK_GATES

    def _look(self) -> None:
        """The periodic look: queue every user, and see whether the events still come."""
        before, self._trouble = self._trouble, ""
        try:
            self._listening.ensure()
            self._keep_the_lock()
            for user in {*self.root.users(), *self.root.inboxes()}:
                self._run_queue.add(user)
            self._plans.wake()
        except OSError as err:  # the root itself is away, or unreadable: look again soon
            self._trouble = f"{err.filename or self.root.path}: {(err.strerror or str(err)).lower()}"
        if self._trouble and not before:
            log.error('event=root-away why="%s"', self._trouble)
        elif before and not self._trouble:
            log.warning("event=root-back")
        every = self._listening.look_every
        if self._trouble:
            every = min(every, self.settings.poll_seconds)
        self._next_look = time.monotonic() + max(_LEAST_LOOK, every)
        self._status.outdate()

    # -- the lock -----------------------------------------------------------------------------------------------------

    def _keep_the_lock(self) -> None:
        """Raises AlreadyRunning if another daemon has taken our place; OSError if the root is away."""
        for folder in (self.root.inbox, self.root.homes):
            os.stat(folder)
        self._renew_the_lock()

    def _check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def _renew_the_lock(self) -> None:
        if self._lock is not None and self._lock.renew():
            log.warning("event=lock-renewed")

    # -- called by the reconciler -------------------------------------------------------------------------------------

    def _did(self, what: str, user: str, which: str) -> None:
        self._done += 1
        self._status.did(what, user, which)

    def _found(self, count: int) -> None:
        if self._listening.found(count):
            self._next_look = 0.0

    def _before_work(self) -> None:
        with contextlib.suppress(OSError):  # the next look reports it
            self._renew_the_lock()

    def _within_a_turn(self) -> bool:
        """Called again and again in a turn: whether to end it."""
        self._heartbeat.beat()
        return self._stopping

    # -- the status file ----------------------------------------------------------------------------------------------

    def _write_status(self) -> None:
        self._status.write(self._listening.how, self._listening.why, self._trouble, self._plans.problems)

    def _write_status_if_due(self) -> None:
        if self._status.due is not None and time.monotonic() >= self._status.due:
            self._write_status()


@contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop`, and so does SIGHUP (the terminal was closed), unless whoever started the daemon
    has SIGHUP ignored (nohup)."""
    ends = [signal.SIGTERM, signal.SIGINT]
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        ends.append(hang_up)
    handlers = {number: signal.signal(number, lambda number, frame: stop()) for number in ends}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
