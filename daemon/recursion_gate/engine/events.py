"""The log of the work on one user: a line an event, nothing of raw_text, and no kind of event fills it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from ..core.text import printable

__all__ = ["Events"]

log = logging.getLogger("recursion_gate")

#: So many log lines of one kind, of which there may be very many, are written in `look_seconds`.
_SAID_LIMIT = 5


class _Told(Protocol):
    did: Callable[[str, str, str], None]


class Events:
    """Logs events of `user`, and tells `hooks.did`. `inbox`, `look_seconds`: for events that are only counted."""

    def __init__(self, user: str, hooks: _Told, inbox: str, look_seconds: float) -> None:
        self._user, self._hooks, self._inbox, self._look_seconds = user, hooks, inbox, look_seconds
        self._said: Counter[str] = Counter()  # how many events of a kind there were (see `say_few`)
        #: Until when (monotonic) they are counted together.
        self.said_until = 0.0

    def say(self, event: str, which: str, **more: object) -> None:
        """Log one event."""
        self.say_all([(event, which, more)])

    def say_all(self, events: Iterable[tuple[str, str, Mapping[str, object]]]) -> None:
        """Log events, each with what it is about and what else there is to say: a line each, in one go."""
        lines = []
        is_logged = log.isEnabledFor(logging.INFO)
        for event, which, more in events:
            self._hooks.did(event, self._user, which)
            if is_logged:
                rest = "".join([f" {k}={_plain(str(v))}" for k, v in more.items() if v is not None])
                lines.append(f"event={event} user={self._user} id={_plain(which)}{rest}")
        if lines:
            log.info("%s", "\n".join(lines))

    def say_few(self, event: str, events: Iterable[tuple[str, str]]) -> None:
        """Log events of a kind of which there may be very many, each with what it is about and why: a few of them in
        `look_seconds`, and of the others the number (see `say_how_many_more`)."""
        for which, why in events:
            self._said[event] += 1
            if self._said[event] <= _SAID_LIMIT:
                self.say(event, which, why=why)

    def say_how_many_more(self) -> None:
        """Log how many lines of each kind were left out by `say_few`, once in `look_seconds`."""
        here = time.monotonic()
        if here < self.said_until:
            return
        for event, number in self._said.items():
            if number > _SAID_LIMIT:
                self.say(event, self._inbox, more=number - _SAID_LIMIT)
        self._said.clear()
        self.said_until = here + self._look_seconds


def _plain(value: str) -> str:
    """A value for a log line: one word, or quoted."""
    if value.isalnum():
        return value
    text = printable(value)
    return '"' + text.replace('"', "'") + '"' if " " in text or "=" in text or not text else text
