"""Wait until the daemon has carried out what a person has just asked for; where none runs, do it, as `once` would."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import click

from ..core.paths import Place, Root

__all__ = ["WAIT", "CarryingOut", "wait_option"]

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

#: How long, in seconds, a command waits for the daemon unless told.
WAIT = 15
#: A wait that takes longer than this, in seconds, is said.
_SAID_AFTER = 1.0


def wait_option(command: _F) -> _F:
    """``--wait SECONDS``, for the commands that wait for the daemon."""
    option = click.option(
        "--wait", metavar="SECONDS", type=click.FloatRange(0), default=WAIT, show_default=True,
        help="How long to wait for the daemon.",
    )  # fmt: skip
    return option(command)


class CarryingOut:
    """The daemon's work, as one who waits for it sees it."""

    def __init__(self, root: Root, settings: Any, seconds: float) -> None:
        self._root, self._settings, self._seconds = root, settings, seconds
        #: Why it may not be done yet, and what to do, once `until` has waited in vain.
        self.why = ""

    def until(self, place: Place, done: Callable[[], _T | None], what: str) -> _T | None:
        """The first value of `done` that is not None; None where there is none within the time. `what` is waited for,
        in words. Raises what `done` does, OSError."""
        from ..disk.lock import is_held

        if is_held(self._root) is False:
            if not _may_do_it(self._root, place, self._settings):
                self.why = "no daemon runs here: it is done when one does ('recursion-gate run', or 'once')"
                return done()
            self._do_it()
            self.why = "it is not done yet: 'recursion-gate status' gives the reason"
            return done()
        self.why = "the daemon has not done it yet: 'recursion-gate status' gives the reason"
        return self._wait(done, what)

    def _wait(self, done: Callable[[], _T | None], what: str) -> _T | None:
        start, pause = time.monotonic(), 0.02
        with _told(what) as tell:
            while (found := done()) is None:
                left = start + self._seconds - time.monotonic()
                if left <= 0:
                    return None
                if time.monotonic() - start > _SAID_AFTER:
                    tell()
                time.sleep(min(pause, left))
                pause = min(0.2, pause * 1.2)
        return found

    def _do_it(self) -> None:
        from ..core.errors import AlreadyRunning
        from ..service.once import once

        log = logging.getLogger("recursion_gate")
        before = log.level
        log.setLevel(logging.CRITICAL)  # what became of it is told in other words
        try:
            with suppress(AlreadyRunning):
                once(self._root, self._settings)
        finally:
            log.setLevel(before)


def _may_do_it(root: Root, place: Place, settings: Any) -> bool:
    """Whether this account is the one that the daemon would have: what another one makes, root above all, the daemon
    could not write later."""
    from ..permissions.lanes import BadLanes, check_account

    try:
        check_account(settings)
        if hasattr(os, "geteuid") and os.stat(root.homes).st_uid != os.geteuid():
            return False
    except (BadLanes, OSError):
        return False
    return all(os.access(folder, os.W_OK) for folder in (place.home, place.receipts, place.inbox))


@contextmanager
def _told(what: str) -> Iterator[Callable[[], None]]:
    """Say on a terminal, once, that `what` is waited for; the line goes when the wait ends."""
    said = False

    def tell() -> None:
        nonlocal said
        if not said and sys.stderr.isatty():
            said = True
            click.echo(f"waiting until {what} ... (Ctrl-C stops the waiting)", err=True, nl=False)

    try:
        yield tell
    finally:
        if said:
            click.echo("\r\x1b[K", err=True, nl=False)
