"""uvicorn's HTTP, with patience that ends: a head may be so large and so slow, and there may be so many connections.

uvicorn limits how long a connection may be idle between two requests, but not how long the head of one may take: 2,000
half-open connections would stay for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .door import Limits

__all__ = ["protocol_with"]

#: The largest head of a request, in bytes: what has not ended after so many is not read on.
_HEAD = 65_536


def protocol_with(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol class for one server."""
    waiting: dict[_Patient, None] = {}  # those that have not sent their head yet, the oldest first
    return type("Patient", (_Patient,), {"limits": limits, "waiting": waiting})


class _Patient(HttpToolsProtocol):
    limits: Limits
    waiting: dict[_Patient, None]
    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections and self.waiting:
            next(iter(self.waiting)).give_up()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._timer is not None and self._head > _HEAD:
            self.give_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:  # a later request of this connection
            self._await_head()

    def on_headers_complete(self) -> None:
        self._has_head()
        super().on_headers_complete()

    def give_up(self) -> None:
        """Close the connection."""
        self._has_head()
        if not self.transport.is_closing():
            self.transport.close()

    def _await_head(self) -> None:
        self._head = 0
        self._timer = self.loop.call_later(self.limits.patience, self.give_up)
        self.waiting[self] = None

    def _has_head(self, *_: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.waiting.pop(self, None)
