"""Whose turn it is."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Collection

from ..engine.keeper import Keeper

__all__ = ["Turns"]


class Turns:
    """Which users to look at, and when to look at which again.

    Those whom something happened to and those who are only looked at take turns, so that with many users a drop does
    not wait until all have been looked at, and a user who is never left in peace does not keep that from going on.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._called: OrderedDict[str, None] = OrderedDict()
        self._looks: OrderedDict[str, None] = OrderedDict()
        self._last_was_called = False
        self._again: str | None = None
        self._timers: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        #: Users on whom the disk failed: not looked at before their time, or each event would have it tried again.
        self.resting: set[str] = set()

    def add(self, user: str, *, called: bool = False) -> None:
        """Have `user` looked at; with `called` since something has happened there."""
        if user not in self.resting:
            (self._called if called else self._looks).setdefault(user)

    @property
    def someone_has_more(self) -> bool:
        """Whether the last user was left with more to be done at once."""
        return self._again is not None

    def __len__(self) -> int:
        return len(self._called) + len(self._looks) + (self._again is not None)

    def take(self) -> None:
        """Give the next user a turn."""
        if self._again is not None:
            self.add(self._again)
            self._again = None
        self._last_was_called = bool(self._called) and not (self._last_was_called and self._looks)
        first, other = (self._called, self._looks) if self._last_was_called else (self._looks, self._called)
        user, _ = first.popitem(last=False)
        other.pop(user, None)  # one turn does all that there is
        self._due.pop(user, None)
        outcome = self._keeper.keep(user)
        if outcome.more:
            self._again = user  # behind those who are added until the next turn begins
        elif outcome.due is not None:
            self._due[user] = time.monotonic() + outcome.due
            if outcome.failed:
                self.resting.add(user)
            heapq.heappush(self._timers, (self._due[user], user))

    def wake(self) -> None:
        """Put those users into the queue whose time has come."""
        here = time.monotonic()
        while self._timers and self._timers[0][0] <= here:
            at, user = heapq.heappop(self._timers)
            if self._due.get(user) == at:
                self.resting.discard(user)
                self.add(user)

    def next_due(self, without: Collection[str] = ()) -> float | None:
        """The monotonic time at which the next timer ends; those of the users in `without` do not count."""
        if without:
            return min((at for user, at in self._due.items() if user not in without), default=None)
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)  # that user has had a turn since
        return self._timers[0][0] if self._timers else None

    def due_users(self) -> dict[str, float]:
        """The users that wait for time, and for how many seconds yet."""
        here = time.monotonic()
        return {user: max(0.0, at - here) for user, at in self._due.items()}
