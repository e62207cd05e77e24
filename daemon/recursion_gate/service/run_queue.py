"""The users that wait for a turn, in order, and the timers of those that wait for time."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Collection

from ..engine.reconcile import Reconciler

__all__ = ["RunQueue"]


class RunQueue:
    """Decides which user has the next turn, and when a user that waits for time has one again.

    Users with an event and users that are only looked at alternate: a drop does not wait until all users have been
    looked at, and users with events all the time do not stop the periodic look.
    """

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler
        self._called: OrderedDict[str, None] = OrderedDict()
        self._looks: OrderedDict[str, None] = OrderedDict()
        self._last_was_called = False
        self._again: str | None = None
        self._timers: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        #: Users on whom the disk failed: they have no turn before their time, or each event would try the disk again.
        self.resting: set[str] = set()

    def add(self, user: str, *, called: bool = False) -> None:
        """Queue `user`; `called` after an event, else for a look."""
        if user not in self.resting:
            (self._called if called else self._looks).setdefault(user)

    @property
    def last_has_more(self) -> bool:
        """Whether the last turn left more to do at once."""
        return self._again is not None

    def __len__(self) -> int:
        return len(self._called) + len(self._looks) + (self._again is not None)

    def run_next(self) -> str:
        """Give the next user a turn, and name the user."""
        if self._again is not None:
            self.add(self._again)
            for queue in (self._called, self._looks):
                if self._again in queue:  # queued by a look meanwhile, perhaps before others
                    queue.move_to_end(self._again)
            self._again = None
        self._last_was_called = bool(self._called) and not (self._last_was_called and self._looks)
        first, other = (self._called, self._looks) if self._last_was_called else (self._looks, self._called)
        user, _ = first.popitem(last=False)
        other.pop(user, None)  # one turn serves both
        self._due.pop(user, None)
        outcome = self._reconciler.reconcile(user)
        if outcome.more:
            self._again = user  # behind users added before the next turn begins
        elif outcome.due is not None:
            self._due[user] = time.monotonic() + outcome.due
            if outcome.failed:
                self.resting.add(user)
            heapq.heappush(self._timers, (self._due[user], user))
        return user

    def wake(self) -> None:
        """Queue the users whose timer has ended."""
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            at, user = heapq.heappop(self._timers)
            if self._due.get(user) == at:
                self.resting.discard(user)
                self.add(user)

    def next_due(self, without: Collection[str] = ()) -> float | None:
        """The monotonic time when the next timer ends, apart from those of the users in `without`."""
        if without:
            return min((at for user, at in self._due.items() if user not in without), default=None)
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)  # that user has had a turn since
        return self._timers[0][0] if self._timers else None

    def due_users(self) -> dict[str, float]:
        """The users that wait for time, and the seconds until their next turn."""
        now = time.monotonic()
        return {user: max(0.0, at - now) for user, at in self._due.items()}
