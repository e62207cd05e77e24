"""Has a file rested? Decided by the monotonic clock and our own repeated looks alone.

A file's times tell nothing here: the clock may jump while it is being written, a file server's may differ from ours,
and some disks count in steps of two seconds.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import NotYet
from ..core.paths import Root
from ..core.settings import Settings
from ..disk import atomic, untrusted
from .observations import Card

__all__ = ["Looks", "Settling", "load_looks", "save_looks"]

#: How long, in seconds, a file whose writer is known to have closed it must have been left alone: a script that
#: appends line by line (``>>``) opens it again at once.
_JUST_CLOSED = 0.2

#: Ends the key of a file that rests for the grace time: that counts apart from whether it may still be being written.
_GRACE = "\0"

#: So many files are remembered, and those that are gone are forgotten after so many seconds when there are more.
_LIMIT, _LONG = 100_000, 600.0

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Looks:
    """When each file of one user was first seen as it is now."""

    def __init__(self, since: Mapping[str, tuple[str, float]] = {}) -> None:
        self._since = dict(since)

    def quiet(self, path: Path | str, mark: object, *, grace: bool = False) -> float:
        """For how many seconds the file at `path` has had this `mark`, as far as we have seen. `grace`: the grace time
        is counted, with marks of its own."""
        key, state, here = _key(path, grace), str(mark), time.monotonic()
        known = self._since.get(key)
        if known is not None and known[0] == state:
            return max(0.0, here - known[1])
        if len(self._since) >= _LIMIT and known is None:
            self._since = {k: v for k, v in self._since.items() if here - v[1] < _LONG}
            if len(self._since) >= _LIMIT:
                return 0.0  # it waits until there is room: were all forgotten, none would ever have rested
        self._since[key] = (state, here)
        return 0.0

    def forget(self, path: Path | str, *, grace: bool = False) -> None:
        self._since.pop(_key(path, grace), None)

    def there(self) -> dict[str, tuple[str, float]]:
        """The files that have not rested long enough."""
        return {path: since for path, since in self._since.items() if os.path.lexists(_path_in(path))}


def _key(path: Path | str, grace: bool) -> str:
    return str(path) + _GRACE * grace


def _path_in(key: str) -> str:
    return key.removesuffix(_GRACE)


class Settling:
    """Which files of one user may not be touched yet, and when to look again."""

    def __init__(self, settings: Settings, looks: Looks) -> None:
        self.settings, self.looks = settings, looks
        #: In how many seconds something must be looked at again; None: nothing waits for time.
        self.due: float | None = None
        # Files that were not complete, and files that could not be moved: each as it was, and until when (monotonic) it
        # is left alone, unless it changes.
        self._not_before: dict[str, tuple[object, float]] = {}
        self._stuck: dict[str, tuple[object, float]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no file waits for time."""
        return self.due is None and not self._stuck

    def note_due(self, seconds: float) -> None:
        self.due = seconds if self.due is None else min(self.due, seconds)

    def check(
        self, path: Path | str, seen: untrusted.Seen, *, whole: bool, cut_short: bool = False, foreign: bool = False
    ) -> None:
        """Raise NotYet while the file may still change. `whole`: its form shows that nothing is missing.
        `cut_short`: it would be right if more came. `foreign`: its ending is none of ours, and may not be its last."""
        settings, writers = self.settings, seen.open_elsewhere
        if whole and writers is not True:
            return
        if cut_short or (writers and not whole):
            need = settings.patience_seconds
        else:
            need = _JUST_CLOSED if writers is False else settings.settle_seconds
        need = min(need, settings.patience_seconds)
        if foreign:
            need = max(need, settings.unknown_ending_seconds)
        if need <= 0:
            return
        self.rest(path, seen, need)

    def rest(self, path: Path | str, seen: untrusted.Seen, need: float) -> None:
        """Raise NotYet until the file has been left alone for `need` seconds."""
        writers = seen.open_elsewhere
        # The bytes count, too: where times are coarse, a file that is written anew in place may look the same.
        quiet = self.looks.quiet(path, (seen.mark, writers, zlib.crc32(seen.data)))
        if quiet < need:
            # That somebody closes a file changes nothing that a look at its folder would show: the longer it has been
            # left alone, the later we look whether it is still open.
            raise NotYet(min(need - quiet, max(_JUST_CLOSED, quiet)) if writers else need - quiet)
        self.looks.forget(path)

    def has_waited(self, cards: Sequence[Card], seconds: float) -> bool:
        """Whether the grace time of so many `seconds` is over for all these cards. By the ctime in their stamps it is
        known whether it is still the same move, not how long ago that was."""
        left = max(seconds - self.looks.quiet(c.path, untrusted.stamp(c.seen.stat), grace=True) for c in cards)
        if left > 0:
            self.note_due(left)
            return False
        for card in cards:
            self.looks.forget(card.path, grace=True)
        return True

    def leave(self, path: str, mark: object, seconds: float) -> None:
        """Leave a file that is not complete alone for so long, unless it changes."""
        if len(self._not_before) > 100_000:
            self._not_before.clear()
        self._not_before[path] = (mark, time.monotonic() + seconds)

    def is_left(self, path: str) -> bool:
        """Whether this file was left alone before; its time may be over."""
        return path in self._not_before

    def forget(self, path: str) -> None:
        self._not_before.pop(path, None)

    def may_look(self, path: str, mark: object, here: float) -> bool:
        """Whether there is anything to be done at `here` (monotonic) about the file at `path`, which has this mark."""
        known = self._not_before.get(path)
        if known is not None and known[0] == mark and here < known[1]:
            self.note_due(known[1] - here)
            return False
        return not self.is_stuck(path, mark)

    def note_stuck(self, path: Path | str, mark: object) -> bool:
        """Note that this file could not be moved: it is left alone until the next look. Gives whether that is new."""
        known, here = self._stuck.get(str(path)), time.monotonic()
        if len(self._stuck) >= _LIMIT and known is None:
            self._stuck = {at: stuck for at, stuck in self._stuck.items() if stuck[1] > here}
            if len(self._stuck) >= _LIMIT:
                self._stuck.clear()
        self._stuck[str(path)] = (mark, here + self.settings.look_seconds)
        return known is None or known[0] != mark

    def is_stuck(self, path: Path | str, mark: object) -> bool:
        """Whether this file should have been moved away and could not be, a moment ago."""
        known = self._stuck.get(str(path)) if self._stuck else None
        if known is None or known[0] != mark:
            return False
        left = known[1] - time.monotonic()
        if left > 0:
            self.note_due(left)
        return left > 0

    def is_gone(self, path: Path | str) -> None:
        """Note that this file could be moved after all."""
        self._stuck.pop(str(path), None)


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def load_looks(root: Root) -> dict[str, Looks]:
    """The files that the last `once` has left to rest, by user. Looks of another boot do not count: its monotonic
    clock differs."""
    here = time.monotonic()
    try:
        said = json.loads(root.looks.read_bytes())
        if said["boot"] != _boot():
            return {}
        return {
            str(user): Looks({str(p): (str(m), float(at)) for p, (m, at) in files.items() if float(at) <= here})
            for user, files in said["users"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # then all rests once more


def save_looks(root: Root, users: Mapping[str, Looks]) -> dict[str, list[str]]:
    """Save for the next `once` the files that rest; gives them, by user. Raises OSError."""
    there = {user: found for user, looks in sorted(users.items()) if (found := looks.there())}
    if there or root.looks.exists():
        atomic.replace(root.looks, json.dumps({"boot": _boot(), "users": there}).encode(), sync=False)
    return {user: sorted(set(map(_path_in, found))) for user, found in there.items()}
