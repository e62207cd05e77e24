"""The feed: take an entry, then acknowledge it; wait while server, disk or door is not there."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..core import text
from ..core.errors import Refusal
from ..service.systemd import Heartbeat, notify
from .entry import Entry, Later, key_of, proposal_of
from .inbox import Target
from .stream import BadQueue, Stream

__all__ = ["Feed", "Summary"]

#: Seconds that a read waits for an entry: as long as a stop may take where nothing comes.
_READ = 1.0
_FIRST_WAIT, _LAST_WAIT = 0.1, 10.0


@dataclass(slots=True)
class Summary:
    """What a feed has done."""

    taken: int = 0
    refused: int = 0
    #: Entries of other consumers that were taken over.
    claimed: int = 0
    #: How often it had to wait.
    waits: int = 0
    #: Entries that the group has got and nobody has acknowledged; None where the server does not say.
    unacknowledged: int | None = None
    #: Why it ended before all was done.
    stopped: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Feed:
    """Brings the entries of `stream` to `target`; with `delete` they leave the stream once they are taken."""

    def __init__(self, stream: Stream, target: Target, *, idle: float, delete: bool = False) -> None:
        self._stream, self._target, self._delete = stream, target, delete
        self._claim_every, self._claim_at = max(0.2, min(idle / 2, 30.0)), 0.0
        self._ended = threading.Event()
        self._opened = self._told_ready = False
        #: Whether there may be entries that were delivered to us and not acknowledged.
        self._behind = True
        self._done: list[str] = []
        self._heartbeat = Heartbeat()
        self.summary = Summary()

    def stop(self) -> None:
        """End after the entry at hand; a signal handler may call it."""
        self._ended.set()

    def run(self, *, once: bool = False) -> Summary:
        """Work until `stop`; with `once` until there is no entry left, or something is not there. Raises BadQueue where
        the queue cannot be used from the start."""
        with _signals_call(self.stop):
            try:
                self._drain() if once else self._work()
            finally:
                notify("STOPPING=1")
                self._leave()
        return self.summary

    def _drain(self) -> None:
        try:
            while not self._ended.is_set() and self._turn(None):
                pass
        except Later as err:
            self.summary.stopped = str(err)

    def _work(self) -> None:
        wait, waiting_since = _FIRST_WAIT, 0.0
        while not self._ended.is_set():
            self._heartbeat.beat()
            try:
                self._turn(_READ)
            except (Later, BadQueue) as err:
                if isinstance(err, BadQueue) and not self._told_ready:
                    raise
                if not waiting_since:
                    waiting_since = time.monotonic()
                    self.summary.waits += 1
                    self._say("waiting", reason=str(err))
                    notify(f"STATUS=waiting: {err}")
                self._opened, self._behind = False, True
                self._pause(max(wait * random.uniform(0.5, 1), getattr(err, "seconds", 0.0)))
                wait = min(wait * 2, _LAST_WAIT)
                continue
            if waiting_since:
                self._say("resumed", waited=f"{time.monotonic() - waiting_since:.1f}")
                notify(f"STATUS=reading {self._stream.address}")
            wait, waiting_since = _FIRST_WAIT, 0.0

    def _pause(self, seconds: float) -> None:
        """Rest, and give signs of life."""
        self._ready("waiting")
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._ended.wait(min(left, 5.0)):
            self._heartbeat.beat()

    def _ready(self, status: str) -> None:
        if not self._told_ready:
            self._told_ready = True
            notify("READY=1", f"STATUS={status}")

    def _leave(self) -> None:
        try:
            self._acknowledge()
            self.summary.unacknowledged = self._stream.unacknowledged()
        except (Later, BadQueue):
            pass  # delivered again, to us or to another, and the same candidates then
        self._stream.close()
        self._target.close()
        done = self.summary
        self._say("stopped", taken=done.taken, refused=done.refused, claimed=done.claimed)

    # -- one turn -----------------------------------------------------------------------------------------------------

    def _turn(self, wait: float | None) -> bool:
        """Read some entries and bring them down. False: there were none. Raises Later, BadQueue."""
        if not self._opened:
            self._stream.open()
            if not self._told_ready or not self.summary.waits:
                self._say("ready", redis=self._stream.address, stream=self._stream.name.decode(errors="replace"))
            self._opened = True
            self._ready(f"reading {self._stream.address}")
        self._acknowledge()
        self._claim()
        entries = self._stream.own() if self._behind else []
        if not entries:
            self._behind = False
            entries = self._stream.new(wait)
        try:
            for entry in entries:
                if self._ended.is_set():
                    break
                self._heartbeat.beat()
                self._bring(entry)
        except Later:
            self._acknowledge()
            raise
        self._acknowledge()
        return bool(entries)

    def _claim(self) -> None:
        if time.monotonic() < self._claim_at:
            return
        self._claim_at = time.monotonic() + self._claim_every
        claimed, gone = self._stream.claim()
        for entry in gone:
            self._bring(entry)
        if claimed:
            self._behind = True
            self.summary.claimed += claimed
            self._say("claimed", count=claimed)

    def _bring(self, entry: Entry) -> None:
        try:
            try:
                self._target.take(proposal_of(entry, self._target.limit), key_of(self._stream.name, entry.id))
                self.summary.taken += 1
            except (Refusal, Later):
                raise
            except Exception as err:  # no entry may stop those behind it
                traceback.print_exc()
                problem = f"internal error ({type(err).__name__}); see the feed's log"
                raise Refusal(problem, "Tell those who maintain recursion-gate.") from err
        except Refusal as err:
            self._stream.refuse(entry, err)
            self.summary.refused += 1
            self._say("refused", entry=entry.id, why=err.problem)
        self._done.append(entry.id)

    def _acknowledge(self) -> None:
        """Raises Later, BadQueue: then it is tried again, in the next turn."""
        if self._done:
            self._stream.done(self._done, delete=self._delete)
            self._say("acknowledged", count=len(self._done), last=self._done[-1])
            self._done = []

    def _say(self, name: str, **fields: Any) -> None:
        print(text.event(name, **fields), file=sys.stderr, flush=True)


@contextmanager
def _signals_call(stop: Any) -> Iterator[None]:
    before = {n: signal.signal(n, lambda *_: stop()) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
