"""File events, which are only a hint to look (contract: promise 10): which user's folders something happened in.

One recursive watch serves the whole inbox: many single ones run into the limit on inotify instances. The events are
filtered in the kernel: with watchdog's defaults our own listing of a folder makes events, and its recovery from a
queue overflow lists every folder, which with many users overflows the queue again, for ever.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from ..core.paths import Root, is_ignored

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


@contextmanager
def _signals_for_the_main_thread() -> Iterator[None]:
    """Threads that are started in here never take SIGTERM or SIGINT. The system may hand a signal to any thread that
    does not block it, and does so where the main one is only just waking from a SIGSTOP; Python would then run the
    handler when the main thread next wakes, up to look_seconds later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_no_noise(record: logging.LogRecord) -> bool:
    """watchdog calls it an error that an event comes while it is ended."""
    return "thread is inactive" not in record.getMessage()


logging.getLogger("watchdog.observers.inotify").addFilter(_is_no_noise)


class _Handler(FileSystemEventHandler):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_any_event(self, event: FileSystemEvent) -> None:
        for raw in {event.src_path, event.dest_path}:
            if raw:
                self._watch.note(os.fsdecode(raw), gone=event.event_type == "deleted")


class _Overflow(logging.Handler):
    """Hears watchdog say that the kernel's queue overflowed: it tells so nowhere but in its log."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._tell()


class Watch:
    """Watches ``inbox/`` and ``users/`` of a root and calls `tell` with the name of each user that something happened
    to, and `lost` when it can no longer be relied on and is to be started anew; both from other threads."""

    def __init__(self, root: Root, tell: Callable[[str], None], lost: Callable[[], None] = lambda: None) -> None:
        self._root, self._tell, self._lost = root, tell, lost
        self._observer: BaseObserver | None = None
        self._threads: list[threading.Thread] = []
        self._ending: list[threading.Thread] = []
        self._is_on = self._has_lost = False
        self._hears = _Overflow(self._note_loss)
        self._folders: object = None
        self._inbox, self._homes = os.fspath(root.inbox), os.fspath(root.homes)
        self._ours = (self._inbox, self._homes, os.fspath(root.daemon))

    def _note_loss(self) -> None:
        if self._is_on and not self._has_lost:
            self._has_lost = True
            self._lost()

    def note(self, path: str, *, gone: bool = False) -> None:
        """Something happened at `path`."""
        if path in self._ours:  # moved away, removed or made anew: what is watched, or locked, stands elsewhere
            self._note_loss()
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
        self._folders, self._has_lost = self._ids(), False
        before = set(threading.enumerate())
        self._is_on = True  # events can be lost before the last watch is placed
        logging.getLogger("watchdog").addHandler(self._hears)
        with _signals_for_the_main_thread():
            observer = Observer()
            try:
                handler = _Handler(self)
                observer.schedule(handler, self._inbox, recursive=True, event_filter=_WANTED)
                observer.schedule(handler, self._homes, recursive=False, event_filter=_WANTED)
                observer.schedule(handler, os.fspath(self._root.path), recursive=False, event_filter=_WANTED)
                observer.start()
                self._check_room(observer)
            except BaseException:
                observer.stop()  # it has threads and an inotify instance already
                raise
        self._threads = [thread for thread in threading.enumerate() if thread not in before]
        self._observer = observer

    def _check_room(self, observer: BaseObserver) -> None:
        """watchdog passes over the folders that it finds no room to watch, but not over one that it is told to watch
        by name: so if there is room for one more, there was for all. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            observer.unschedule(observer.schedule(FileSystemEventHandler(), os.fspath(self._root.daemon)))

    def stop(self) -> None:
        """End the watch, without waiting for it; does nothing where there is none. watchdog takes up to half a second,
        since it waits for the other half of a move."""
        self._is_on = False
        observer, self._observer = self._observer, None
        logging.getLogger("watchdog").removeHandler(self._hears)
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        if observer is not None:
            ending = threading.Thread(target=observer.stop, daemon=True)
            try:
                with _signals_for_the_main_thread():
                    ending.start()
                self._ending.append(ending)
            except RuntimeError:  # no thread can be had
                observer.stop()

    def close(self) -> None:
        """End the watch, for good, and wait for it, though not for long."""
        self.stop()
        until = time.monotonic() + 1
        for thread in self._ending:
            thread.join(max(0.0, until - time.monotonic()))

    def works(self) -> bool:
        """Whether the watch still runs, has lost nothing, has room for what may be added, and is on the folders that
        stand there now (not on ones that were there before the disk was mounted anew)."""
        observer = self._observer
        if observer is None or self._has_lost or self._folders != self._ids():
            return False
        if not all(thread.is_alive() for thread in self._threads):
            return False
        try:
            self._check_room(observer)
        except OSError:
            return False
        return True

    def _ids(self) -> object:
        return [(st.st_dev, st.st_ino) for st in (os.stat(self._inbox), os.stat(self._homes))]
