"""When a digest is due, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, time

from ..core.text import count, printable

__all__ = ["Digest", "is_quiet"]

#: Seconds without a further card before a wave counts as over, and the longest that it is waited for.
_RESTS, _AT_MOST = 20.0, 120.0
#: Seconds until the next attempt after the first failure; each further one doubles it, up to the last.
_AGAIN, _LONGEST = 30.0, 1_800.0
#: Of how many cards a digest has the texts, where it has any, for each user; and the most characters of one.
_TEXTS, _CHARACTERS = 10, 200


@dataclass(slots=True)
class Digest:
    """What people were told of, and when they are told next. Times are in seconds of one clock."""

    #: Seconds between two digests.
    every: float
    rests: float = _RESTS
    again: float = _AGAIN
    _told: dict[str, frozenset[str]] = field(default_factory=dict)
    _now: dict[str, frozenset[str]] = field(default_factory=dict)
    _changed: float = 0.0
    _since: float | None = None
    _next: float = 0.0
    _failures: int = 0

    def look(self, waiting: Mapping[str, Set[str]], now: float) -> None:
        """Note what waits, by user: the names of the cards."""
        seen = {user: frozenset(names) for user, names in waiting.items()}
        if any(seen[user] - self._now.get(user, frozenset()) for user in seen):
            self._changed = now
        self._now = seen
        if not self.new():
            self._since = None
        elif self._since is None:
            self._since = now

    def new(self) -> dict[str, int]:
        """How many cards wait that nobody was told of, by user."""
        found = {user: len(names - self._told.get(user, frozenset())) for user, names in self._now.items()}
        return {user: number for user, number in found.items() if number}

    def is_due(self, now: float) -> bool:
        """Whether to send now: something is new, the wave is over, and the last digest is long enough ago."""
        if self._since is None or now < self._next:
            return False
        return now - self._changed >= self.rests or now - self._since >= _AT_MOST

    def words(self, text_of: Callable[[str, str], str] | None = None) -> str:
        """The digest: how many; and only where `text_of` (user and name of a card) is given, the texts of the first
        new ones, each cut to one line."""
        lines = []
        for user, number in sorted(self.new().items()):
            lines.append(f"{user}: {count(number, 'new card')}, {len(self._now[user]):,} in all")
            if text_of is not None:
                names = sorted(self._now[user] - self._told.get(user, frozenset()))
                lines += [f"- {_cut(text_of(user, name))}" for name in names[:_TEXTS]]
                if number > _TEXTS:
                    lines.append(f"- and {number - _TEXTS:,} more")
        return "\n".join(lines)

    def sent(self, now: float) -> None:
        """People were told."""
        self._told, self._since, self._failures = dict(self._now), None, 0
        self._next = now + self.every

    def failed(self, now: float) -> float:
        """It could not be sent; gives the seconds until the next attempt."""
        wait = min(_LONGEST, self.again * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._next = now + wait
        return wait


def _cut(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _CHARACTERS else f"{line[: _CHARACTERS - 1].rstrip()}…"


def is_quiet(quiet: tuple[time, time] | None, now: datetime) -> bool:
    """Whether nobody is to be told at `now`: `quiet` is from when to when, also over midnight."""
    if quiet is None:
        return False
    begin, end = quiet
    at = now.time()
    return begin <= at < end if begin <= end else at >= begin or at < end
