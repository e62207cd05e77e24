"""Whether something has changed on disk that the pages show."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...core.paths import Root

__all__ = ["LOOK", "Pulse"]

#: Seconds between two looks, as long as a page is open.
LOOK = 0.25


class Pulse:
    """A value that changes whenever a folder or file does that the pages show; looked at once for all open pages."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._at = -1e9
        self._value = ""
        self._lock = asyncio.Lock()
        #: Whether the door ends: open pages must not keep it.
        self.is_over = False

    def end(self) -> None:
        """The door ends."""
        self.is_over = True

    async def value(self) -> str:
        async with self._lock:
            if time.monotonic() - self._at >= LOOK * 0.9:
                self._value = await run_in_threadpool(self._look)
                self._at = time.monotonic()
            return self._value

    def _look(self) -> str:
        seen = []
        with suppress(OSError):
            for user in self._root.inboxes():
                place = self._root.place(user)
                states = (place.state(name) for name in ("pending", "approved", "rejected", "undo", "problems"))
                seen += [_stamp(path) for path in (*states, place.gate, place.ledger)]
        return format(hash(tuple(seen)) & 0xFFFFFFFFFFFF, "x")


def _stamp(path: Path) -> Any:
    try:
        st = os.stat(path)
    except OSError:
        return None
    return st.st_ino, st.st_mtime_ns, st.st_size
