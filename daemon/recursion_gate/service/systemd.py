"""Tell systemd that the service is ready, alive or stopping: sd_notify(3). Does nothing elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket

__all__ = ["notify", "watchdog_seconds"]


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


def watchdog_seconds() -> float | None:
    """How long the service manager waits for a sign of life before it restarts us; None: it does not."""
    pid, usec = os.environ.get("WATCHDOG_PID"), os.environ.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
