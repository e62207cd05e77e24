"""File events, which are only a hint to look (contract: promise 10): which user's folders something happened in.

One recursive watch serves the whole inbox: many single ones run into the limit on inotify instances. The events are
filtered in the kernel: with watchdog's defaults our own listing of a folder makes events, and its recovery from a
queue overflow lists every folder, which with many users overflows the queue again, for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from .layout import Root, is_ignored

__all__ = ["Watch"]

# Without FileCreatedEvent, files that are moved in from outside the tree are not seen at all.
_WANTED: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class _Handler(FileSystemEventHandler):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_any_event(self, event: FileSystemEvent) -> None:
        for raw in {event.src_path, event.dest_path}:
            if raw:
                self._watch.note(os.fsdecode(raw), gone=event.event_type == "deleted")


class Watch:
    """Watches ``inbox/`` and ``users/`` of a root and calls `tell` with the name of each user that something happened
    to, from another thread."""

    def __init__(self, root: Root, tell: Callable[[str], None]) -> None:
        self._root, self._tell = root, tell
        self._observer: BaseObserver | None = None
        self._folders: object = None
        self._inbox, self._homes = os.fspath(root.inbox), os.fspath(root.homes)

    def note(self, path: str, *, gone: bool = False) -> None:
        """Something happened at `path`."""
        for base in (self._inbox, self._homes):
            if path.startswith(base + os.sep):
                parts = path[len(base) + 1 :].split(os.sep)
                # A drop that is gone needs no look (we remove them ourselves); a card that is gone comes back.
                if len(parts) > 1 and (is_ignored(parts[-1]) or (gone and len(parts) == 2)):
                    return
                self._tell(parts[0])

    def start(self) -> None:
        """Begin to watch. Raises OSError where the system has no room for the watches, or no file events."""
        self.stop()
        self._folders = self._ids()
        observer = Observer()
        handler = _Handler(self)
        observer.schedule(handler, self._inbox, recursive=True, event_filter=_WANTED)
        observer.schedule(handler, self._homes, recursive=False, event_filter=_WANTED)
        observer.start()
        self._observer = observer

    def stop(self) -> None:
        """End the watch; does nothing where there is none."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(1)

    def works(self) -> bool:
        """Whether the watch still runs, on the folders that stand there now (not on ones that were there before the
        disk was mounted anew)."""
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and all(e.is_alive() for e in observer.emitters)
            and self._folders == self._ids()
        )

    def _ids(self) -> object:
        return [(st.st_dev, st.st_ino) for st in (os.stat(self._inbox), os.stat(self._homes))]
