"""Keep a claim while something runs for it."""

from __future__ import annotations

import threading
import time

from .claims import Claim, Ended, renew

__all__ = ["Keeping"]

_INTERRUPTED = "was interrupted"


class Keeping:
    """Renews a claim while something runs for it; `stop`, once it is set, ends what runs."""

    def __init__(self, claim: Claim, stop: threading.Event | None = None) -> None:
        self._claim, self._stop = claim, stop
        self._next = time.monotonic() + claim.record.seconds / 3
        self._ended: Ended | None = None

    def tick(self) -> str | None:
        """Renew it, if it is time; gives why what runs must end."""
        if self._stop is not None and self._stop.is_set():
            return _INTERRUPTED
        if time.monotonic() >= self._next:
            try:
                self._claim = renew(self._claim)
            except Ended as err:
                self._ended = err
                return "was ended, since its claim is over"
            except OSError:  # a full disk, perhaps for a moment: the claim lasts a while yet
                pass
            self._next = time.monotonic() + self._claim.record.seconds / 3
        return None

    def check(self) -> None:
        """Raises Ended where the claim was lost meanwhile."""
        if self._ended is not None:
            raise self._ended
