"""How the daemon notices changes: by file events, by polling, or both; and why."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable

from ..core.paths import Root
from ..core.settings import Settings
from ..disk.mounts import silent
from .watcher import Watch

__all__ = ["Listening"]

log = logging.getLogger("recursion_gate")

#: So many things to do in one turn are a flood. Its file events would only slow down the work they announce (each costs
#: more than the look that finds the file), so the watch ends and all users are looked at every _FLOOD_LOOK seconds,
#: until there was nothing to do for _FLOOD_REST seconds; network drivers do the same under load. With more than
#: _FLOOD_USERS users, placing the watches again would cost more than it saves.
_FLOOD, _FLOOD_LOOK, _FLOOD_REST, _FLOOD_USERS = 32, 0.02, 0.25, 200

#: A turn with fewer actions does not prolong a flood: listening costs less than looking.
_TRICKLE = 8


class Listening:
    """The watch of one root, with its replacement by polling wherever there are no events."""

    def __init__(
        self,
        root: Root,
        settings: Settings,
        note: Callable[[str], None],
        lost: Callable[[], None],
        more: Callable[[], None],
        *,
        poll: bool,
    ) -> None:
        """Calls `note` with each user that has an event, `lost` when events were lost, and `more` when there is one
        more folder to watch, all from other threads. With `poll` there is no watch at all."""
        self._root, self._settings = root, settings
        self._watch = Watch(root, note, lost, more)
        self._only_poll = poll
        self._no_events = "asked for with --poll" if poll else ""  # why there are none
        self._silent = ""  # where others change files without an event here
        self._next_try = 0.0
        self._flood_ends: float | None = None  # monotonic; None: no flood
        #: The monotonic time when the watch began.
        self.began = 0.0

    @property
    def how(self) -> str:
        return "polling" if self._no_events else "events+polling" if self._silent else "events"

    @property
    def why(self) -> str:
        return self._no_events or self._silent

    @property
    def look_every(self) -> float:
        """The seconds from one look at all users to the next."""
        if self._flood_ends is not None:
            return _FLOOD_LOOK
        return self._settings.poll_seconds if self.why else self._settings.look_seconds

    def ensure(self) -> None:
        """Start the watch unless it works, or is not wanted now. Raises OSError if the root's folders are away."""
        if self._only_poll or self._flood_ends is not None or time.monotonic() < self._next_try:
            return
        self._find_silent_mounts()
        if self._watch.works():
            return
        for folder in (self._root.inbox, self._root.homes):
            os.stat(folder)  # a missing folder is no lack of watches
        try:
            self._watch.start()
        except (OSError, RuntimeError) as err:
            # No watches or instances left (ENOSPC, EMFILE), no inotify here, or no thread: poll, and say so.
            self._watch.stop()
            self._poll_because((getattr(err, "strerror", None) or str(err)).lower())
            return
        self.began = time.monotonic()
        if self._no_events:
            log.warning("event=listening")
        self._no_events = ""

    def _poll_because(self, error: str) -> None:
        self._next_try = time.monotonic() + self._settings.look_seconds
        if not self._no_events:
            self._no_events = f"no file events ({error}); raise fs.inotify.max_user_watches or max_user_instances"
            log.warning('event=polling why="%s"', self._no_events)

    def _find_silent_mounts(self) -> None:
        before, where = self._silent, silent(self._root)
        self._silent = f"changes from elsewhere bring no events in {where}" if where else ""
        if self._silent and not before:
            log.warning('event=polling-too why="%s"', self._silent)

    def close(self) -> None:
        self._watch.close()

    # -- a flood --------------------------------------------------------------------------------------------------

    def found(self, count: int) -> bool:
        """A turn has found `count` things to do; returns whether a flood begins with it."""
        if self._flood_ends is not None or count < _FLOOD or self._no_events or not self._has_few_users():
            return False
        self._watch.stop()
        self._flood_ends = time.monotonic() + _FLOOD_REST
        return True

    def _has_few_users(self) -> bool:
        with contextlib.suppress(OSError):  # the next look reports it
            return len(self._root.users()) <= _FLOOD_USERS
        return False

    def took_a_turn(self, actions: int, *, more: bool) -> None:
        """A turn has taken `actions`, and left `more`."""
        if self._flood_ends is not None and (more or actions >= _TRICKLE):
            self._flood_ends = time.monotonic() + _FLOOD_REST

    def flood_is_over(self) -> bool:
        """Whether a flood has ended just now; it is then time for a look, which starts the watch again."""
        if self._flood_ends is None or time.monotonic() <= self._flood_ends:
            return False
        self._flood_ends = None
        return True
