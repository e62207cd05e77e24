"""File events: a hint that there is something to look at in a user's folders (contract: promise 10).

One recursive watch serves the whole inbox: many single ones run into the limit on inotify instances. The kernel filters
the events: with watchdog's defaults our own listing of a folder makes events, and its recovery from a queue overflow
lists every folder, which with many users overflows the queue again, endlessly.
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
from .plan_look import PLANS

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
    """Threads started in here never take SIGTERM or SIGINT. The system may hand a signal to any thread that does not
    block it, and does so if the main thread is only just waking from a SIGSTOP; Python would then run the handler when
    the main thread next wakes, up to look_seconds later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_no_noise(record: logging.LogRecord) -> bool:
    """watchdog logs an error for an event that comes while the watch ends."""
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
    """Calls `lost` if the kernel's queue overflowed: watchdog reports that only in its log."""

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._lost()


class Watch:
    """Watches ``inbox/``, ``users/`` and, where it is there, ``plans/`` of a root. From other threads, calls `note`
    with the name of each user that has an event, `lost` when events were lost, and `more` when ``plans/`` has come;
    after both the watch must be started again."""

    def __init__(
        self,
        root: Root,
        note: Callable[[str], None],
        lost: Callable[[], None] = lambda: None,
        more: Callable[[], None] = lambda: None,
    ) -> None:
        self._root, self._note_user, self._lost, self._more = root, note, lost, more
        self._observer: BaseObserver | None = None
        self._threads: list[threading.Thread] = []
        self._ending: list[threading.Thread] = []
        self._is_on = self._has_lost = self._had_plans = False
        self._overflow = _Overflow(self._note_loss)
        self._folders: object = None
        self._inbox, self._homes, self._plans = (os.fspath(path) for path in (root.inbox, root.homes, root.plans))
        self._ours = (self._inbox, self._homes, self._plans, os.fspath(root.daemon))

    def _note_loss(self) -> None:
        if self._is_on and not self._has_lost:
            self._has_lost = True
            self._lost()

    def note(self, path: str, *, gone: bool = False) -> None:
        """Something happened at `path`."""
        if path == self._plans and not self._had_plans and not gone:  # the first plan here: to be watched too
            if self._is_on and not self._has_lost:
                self._has_lost = True
                self._more()
        elif path in self._ours:  # moved away, removed or made again: the watched, or locked, folder is elsewhere
            self._note_loss()
        if path.startswith(self._plans + os.sep) and not is_ignored(os.path.basename(path)):
            self._note_user(PLANS)
        for base in (self._inbox, self._homes):
            if path.startswith(base + os.sep):
                parts = path[len(base) + 1 :].split(os.sep)
                # A removed drop needs no look (the daemon removes drops); a removed card comes back.
                if len(parts) > 1 and (is_ignored(parts[-1]) or (gone and len(parts) == 2)):
                    return
                self._note_user(parts[0])

    def start(self) -> None:
        """Begin to watch. Raises OSError if the system has no file events, or no room for the watches."""
        self.stop()
        self._wait_until_ended()  # room that the old watch gives up after the folders were tried would pass for room
        self._folders, self._has_lost = self._ids(), False
        before = set(threading.enumerate())
        self._is_on = True  # events can be lost before the last watch is placed
        logging.getLogger("watchdog").addHandler(self._overflow)
        with _signals_for_the_main_thread():
            observer = Observer()
            try:
                handler = _Handler(self)
                observer.schedule(handler, self._inbox, recursive=True, event_filter=_WANTED)
                observer.schedule(handler, self._homes, recursive=False, event_filter=_WANTED)
                observer.schedule(handler, os.fspath(self._root.path), recursive=False, event_filter=_WANTED)
                self._had_plans = os.path.isdir(self._plans)
                if self._had_plans:
                    observer.schedule(handler, self._plans, recursive=True, event_filter=_WANTED)
                observer.start()
                self._check_room(observer)
            except BaseException:
                observer.stop()  # it has threads and an inotify instance already
                raise
        self._threads = [thread for thread in threading.enumerate() if thread not in before]
        self._observer = observer

    def _check_room(self, observer: BaseObserver) -> None:
        """watchdog skips folders that it finds no room to watch, except one named in the call: if there is room for
        one more, there was room for all. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            observer.unschedule(observer.schedule(FileSystemEventHandler(), os.fspath(self._root.daemon)))

    def stop(self) -> None:
        """End the watch, if there is one, without waiting for it. watchdog takes up to half a second: it waits for the
        other half of a move."""
        self._is_on = False
        observer, self._observer = self._observer, None
        logging.getLogger("watchdog").removeHandler(self._overflow)
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
        """End the watch, and wait up to a second for its threads."""
        self.stop()
        self._wait_until_ended()

    def _wait_until_ended(self) -> None:
        until = time.monotonic() + 1
        for thread in self._ending:
            thread.join(max(0.0, until - time.monotonic()))

    def works(self) -> bool:
        """Whether the watch still runs, has lost nothing, has room for new folders, and is on the folders of today (not
        on those from before the disk was mounted again)."""
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
        ids: list[tuple[int, int] | None] = []
        for path in (self._inbox, self._homes):
            st = os.stat(path)
            ids.append((st.st_dev, st.st_ino))
        try:
            st = os.stat(self._plans)
            ids.append((st.st_dev, st.st_ino))
        except FileNotFoundError:  # nobody plans here yet
            ids.append(None)
        return ids
