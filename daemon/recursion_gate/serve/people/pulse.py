"""Whether something has changed on disk that the pages show: of the users' folders, or of the plans."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...core.paths import Root
from ...plans.folder import PROBLEMS, plan_folders

__all__ = ["LOOK", "Pulse", "inboxes", "plans"]

#: Seconds between two looks, as long as a page is open.
LOOK = 0.25


class Pulse:
    """A value that changes whenever one of some places does; looked at once for all open pages."""

    def __init__(self, places: Callable[[], Iterable[Path]]) -> None:
        self._places = places
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
            seen = [_stamp(path) for path in self._places()]
        return format(hash(tuple(seen)) & 0xFFFFFFFFFFFF, "x")


def inboxes(root: Root) -> Iterable[Path]:
    """The folders and files that tell what waits, and what was decided. Raises OSError."""
    for user in root.inboxes():
        place = root.place(user)
        yield from (place.state(name) for name in ("pending", "approved", "rejected", "undo", "problems"))
        yield from (place.gate, place.ledger)


def plans(root: Root) -> Iterable[Path]:
    """The folders and files that tell where tasks stand. Raises OSError."""
    yield from (root.plans, root.plans / PROBLEMS)
    for folder in plan_folders(root):
        yield from (folder.path, folder.plan, *folder.folders())


def _stamp(path: Path) -> Any:
    try:
        st = os.stat(path)
    except OSError:
        return None
    return st.st_ino, st.st_mtime_ns, st.st_size
