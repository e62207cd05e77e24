"""Callers with tokens, at one address of the HTTP door: streamable HTTP, each request by itself.

No session is kept: a door that is started again goes on, a caller that goes away leaves nothing behind, and no session
of one token can be taken up with another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from .caller import CALLER, Caller

__all__ = ["Endpoint"]

#: Bytes of a request beside the proposal in it; the door's own limit comes first.
_AROUND = 65_536


class Endpoint:
    """ASGI: the server for whoever `caller_of` says of a request. To be run within `lifespan`."""

    def __init__(self, server: MCPServer, caller_of: Callable[[Scope], Caller], max_body: int) -> None:
        self._caller_of = caller_of
        server.streamable_http_app(  # makes the session manager
            stateless_http=True,
            json_response=True,
            max_request_body_size=max_body + _AROUND,
            # Host and Origin are the guard's, which knows the door's names.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self._manager = server.session_manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = CALLER.set(self._caller_of(scope))
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            CALLER.reset(token)

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """What has to run around the requests."""
        async with self._manager.run():
            yield
