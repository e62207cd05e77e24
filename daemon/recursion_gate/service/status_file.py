"""``.daemon/status.json``: the daemon's report on itself. It is written also when the disk is full or no further file
may be opened, because that is when somebody reads it. Not synced; the work does not depend on it."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.clock import now
from ..core.model import instant
from ..core.paths import Root
from ..disk import atomic
from ..engine.forget import without_name
from ..engine.reconcile import Reconciler

__all__ = ["Status", "StatusFile"]

log = logging.getLogger("recursion_gate")

_FULL = {errno.ENOSPC, errno.EDQUOT}

#: The minimum number of seconds between two writes.
_EVERY = 1.0


class Status:
    """The running daemon's status: the last actions, and when to write the file again."""

    def __init__(self, root: Root, reconciler: Reconciler) -> None:
        self._root, self._reconciler = root, reconciler
        self._file = StatusFile(root.status)
        self._started = instant(now())
        self._last: deque[tuple[datetime, str, str, str]] = deque(maxlen=20)
        self._is_old, self._next = True, 0.0

    def did(self, what: str, user: str, which: str) -> None:
        """Take note of an action. A card's name begins with words of its text: once something is forgotten no file of
        that user is named any more."""
        if what == "forgotten":
            named = [(at, w, u, without_name(i) if u == user else i) for at, w, u, i in self._last]
            self._last = deque(named, maxlen=self._last.maxlen)
        self._last.append((now(), what, user, which))
        self._is_old = True

    def outdate(self) -> None:
        """Have the file written again soon."""
        self._is_old = True

    @property
    def due(self) -> float | None:
        """The monotonic time of the next write; None: the file is up to date."""
        return self._next if self._is_old else None

    def write(self, watching: str, why: str, trouble: str, plans: Mapping[str, str]) -> None:
        """Write the file now. `watching` is the way changes are noticed, `why` its reason, `trouble` an error of the
        root itself, `plans` what is wrong with a plan, by name."""
        self._is_old, self._next = False, time.monotonic() + _EVERY
        reconciler = self._reconciler
        self._file.put(
            {
                "pid": os.getpid(),
                "version": __version__,
                "root": str(self._root.path),
                "started": self._started,
                "seen": instant(now()),
                "watching": watching,
                "why": why,
                "trouble": trouble,
                "plans": dict(plans),
                "parked": reconciler.problems,
                "behind": reconciler.behind(),
                "held": reconciler.held(),
                "unknown": sorted(reconciler.unknown),
                "last": [
                    {"at": instant(at), "what": what, "user": u, "id": which} for at, what, u, which in self._last
                ],
            }
        )

    def close(self) -> None:
        self._file.close()


class StatusFile:
    """The file at `path`, written again and again by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spare: int | None = None
        self._problem = ""

    def put(self, status: dict[str, Any]) -> None:
        """Write `status`. If that fails, the log says why, once."""
        data = json.dumps(status, ensure_ascii=False).encode(errors="replace")  # a file's name need not be UTF-8
        self.close()  # now this process may open one more file, even if it was at its limit
        try:
            self._put(data)
            self._problem = ""
        except OSError as err:
            problem = (err.strerror or str(err)).lower()
            if problem != self._problem:
                log.error('event=no-status why="%s"', problem)
            self._problem = problem
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def _put(self, data: bytes) -> None:
        try:
            atomic.replace(self._path, data, sync=False)
        except OSError as full:
            if full.errno not in _FULL:
                raise
            try:
                atomic.overwrite(self._path, data)
            except FileNotFoundError:  # full since before the first write: `overview` looks at the disk itself
                raise full from None

    def close(self) -> None:
        """Close the spare file."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
