"""How fast one token may call: so that a flood of one does not slow down the others. Pure but for the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["BYTES", "Pace", "TooFast"]

#: Bytes of a body that cost as much as one request.
BYTES = 20_000


class TooFast(Exception):
    """More than a token may; `seconds` until it may again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = max(1, math.ceil(seconds))


@dataclass(slots=True)
class _Of:
    left: float
    at: float
    running: int = 0


class Pace:
    """A bucket for each token, filled by `rate` a second up to `burst`, and a count of its requests at work."""

    def __init__(self, rate: float, burst: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._at_once, self._clock = rate, burst, at_once, clock
        self._of: dict[str, _Of] = {}

    def enter(self, name: str) -> None:
        """One request of the token `name` begins. Raises TooFast."""
        now = self._clock()
        of = self._of.setdefault(name, _Of(self._burst, now))
        if self._rate:
            of.left = min(self._burst, of.left + (now - of.at) * self._rate)
            of.at = now
            if of.left < 1:
                raise TooFast((1 - of.left) / self._rate)
            of.left -= 1
        if of.running >= self._at_once:
            raise TooFast(1)
        of.running += 1

    def leave(self, name: str, cost: float = 0) -> None:
        """It has ended, and has cost so much more than one request."""
        of = self._of[name]
        of.running -= 1
        of.left -= cost
