"""Tell systemd that the service is ready, alive or stopping: sd_notify(3). Does nothing elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket
import time

__all__ = ["Heartbeat", "notify"]


def notify(*lines: str) -> None:
    """Send `lines` (``READY=1``, ``WATCHDOG=1``, ``STATUS=...``) to the service manager, if one listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall("\n".join(lines).encode())


class Heartbeat:
    """Tells the service manager's watchdog that the loop is alive, three times in its limit."""

    def __init__(self) -> None:
        limit = _watchdog_seconds()
        self._every = limit / 3 if limit else None
        #: The monotonic time of the next heartbeat; None: systemd expects none.
        self.due = 0.0 if limit else None

    def beat(self) -> None:
        """Send a sign of life if one is due."""
        if self.due is not None and self._every is not None and time.monotonic() >= self.due:
            self.due = time.monotonic() + self._every
            notify("WATCHDOG=1")


def _watchdog_seconds() -> float | None:
    """The service manager's watchdog limit; None: it has none for this process."""
    pid, usec = os.environ.get("WATCHDOG_PID"), os.environ.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
